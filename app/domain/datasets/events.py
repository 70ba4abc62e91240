"""Intercurrent events of both arms (ICE), and where each assessment stands to each of them (ICEPOS)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.datasets.history import SubjectHistory
from app.domain.datasets.study import DatasetStudy, study_day
from app.domain.datasets.subjects import randomised_on
from app.domain.datasets.tables import DatasetRow, DatasetTable, describe_columns
from app.domain.plans.plan import ENROLMENT, RANDOMISATION, TREATMENT_WITHDRAWAL, AnchorKind
from app.domain.records.dispositions import DispositionKind

ICE = DatasetTable(
    name="ICE",
    label="Intercurrent Events",
    group="EVENTS",
    structure="One record per participant and kind of event, also of those that did not happen",
    keys=("STUDYID", "USUBJID", "ICECD"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        USUBJID  | text:110 | A | Unique Subject Identifier
        ARMCD    | text:20  | C | Planned Arm Code
        ICECD    | text:40  | A | Kind of Event
        ICEDECOD | text:200 | P | Name of the Event
        ICESTAT  | text:40  | D | Status | what one arm alone has is said to be so, and never guessed
        ICEDTC   | text:10  | C | Date as Stated
        ICEDT    | date     | D | Date from Which It Counts
        ICEPREC  | text:5   | D | Precision of the Date | DAY or MONTH
        ICEDY    | integer  | D | Study Day | from randomisation; there is no day 0
        ICESRC   | text:10  | C | Source of the Date | site or edc
        ICEASOF  | text:20  | C | Recorded at (UTC)
    """),
    arm_columns=frozenset({"ARMCD"}),
)

ICEPOS = DatasetTable(
    name="ICEPOS",
    label="Assessments and Intercurrent Events",
    group="EVENTS",
    structure="One record per assessment of a visit and kind of event",
    keys=("STUDYID", "USUBJID", "ASSESSID", "ICECD"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        USUBJID  | text:110 | A | Unique Subject Identifier
        ASSESSID | text:24  | A | Assessment of the Feed
        AVISIT   | text:20  | P | Analysis Visit
        REFDT    | date     | D | Day That Is Compared | of completion; the target day where none was sent
        REFTYPE  | text:9   | D | Which Day That Is | COMPLETED or TARGET
        ICECD    | text:40  | A | Kind of Event
        ICEPOS   | text:8   | D | Position of the Assessment | BEFORE, SAME DAY, AFTER, NO EVENT, WITHHELD
        ICEDAYS  | integer  | D | Days After the Event
    """),
)
_EXITS = (
    (DispositionKind.withdrew_treatment, "Withdrawal from treatment"),
    (DispositionKind.withdrew_questionnaires, "Withdrawal from questionnaires"),
    (DispositionKind.withdrew_study, "Withdrawal from study"),
    (DispositionKind.lost, "Loss to follow-up"),
    (DispositionKind.death, "Death"),
)
_NO_EVENTS = frozenset({ENROLMENT, RANDOMISATION, TREATMENT_WITHDRAWAL})
"""Dates by which forms are scheduled; a withdrawal from treatment stands among the dispositions."""


@dataclass(frozen=True, slots=True)
class IntercurrentEvent:
    """A kind of event, and when it happened; `on` is None where none is recorded."""

    kind: str
    name: str
    status: str
    stated: str | None = None
    on: date | None = None
    source: str | None = None
    recorded: str | None = None


def list_events(study: DatasetStudy, history: SubjectHistory) -> list[IntercurrentEvent]:
    """Every kind of event that the plan or a disposition can tell, in one order for all."""
    events = []
    for kind in study.plan.anchors:
        if kind.kind in _NO_EVENTS:
            continue
        name, fact = kind.get_label("en"), history.anchors.get(kind.kind)
        if fact is None:
            events.append(IntercurrentEvent(kind.kind, name, _absence(study, kind)))
            continue
        recorded = fact.recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        day = fact.on.isoformat()
        events.append(IntercurrentEvent(kind.kind, name, "OCCURRED", day, fact.on, fact.source, recorded))
    for exit_kind, name in _EXITS:
        exit_ = history.find_exit(exit_kind)
        if exit_ is None:
            events.append(IntercurrentEvent(exit_kind, name, "NONE RECORDED"))
            continue
        recorded = exit_.recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        events.append(
            IntercurrentEvent(
                exit_kind, name, "OCCURRED", exit_.stated, exit_.effective_on, exit_.source, recorded
            )
        )
    return events


def _absence(study: DatasetStudy, kind: AnchorKind) -> str:
    """What is said of an event without a date: none is, or this reader may not know whether there is one."""
    if not kind.arm_revealing:
        return "NONE RECORDED"
    withheld = study.plan.blinded and not study.sees_arm
    return "WITHHELD" if withheld else "NONE RECORDED; OF ONE ARM ALONE"


def build_ice(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """The events of a participant."""
    start = randomised_on(history)
    for event in list_events(study, history):
        yield {
            "STUDYID": study.study,
            "USUBJID": study.subject_id(history),
            "ARMCD": history.arm,
            "ICECD": event.kind,
            "ICEDECOD": event.name,
            "ICESTAT": event.status,
            "ICEDTC": event.stated,
            "ICEDT": event.on,
            "ICEPREC": None if event.stated is None else ("DAY" if len(event.stated) == 10 else "MONTH"),
            "ICEDY": study_day(event.on, start),
            "ICESRC": event.source,
            "ICEASOF": event.recorded,
        }


def build_icepos(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """Each assessment of a visit beside each kind of event."""
    events = list_events(study, history)
    for form in study.sorted_forms(history):
        if form.is_diary:
            continue
        day = form.completed_on or form.get_day("target_on")
        for event in events:
            yield {
                "STUDYID": study.study,
                "USUBJID": study.subject_id(history),
                "ASSESSID": form.ref,
                "AVISIT": form.visit,
                "REFDT": day,
                "REFTYPE": "TARGET" if form.response is None else "COMPLETED",
                "ICECD": event.kind,
                **_position(day, event),
            }


def _position(day: date | None, event: IntercurrentEvent) -> dict[str, Any]:
    if event.on is None or day is None:
        return {"ICEPOS": "WITHHELD" if event.status == "WITHHELD" else "NO EVENT"}
    days = (day - event.on).days
    return {"ICEPOS": "BEFORE" if days < 0 else "AFTER" if days else "SAME DAY", "ICEDAYS": days}
