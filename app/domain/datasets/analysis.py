"""Scores as they are analysed: ADQS, with baselines, changes, windows, and records of what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.domain.capture.arrival import is_completed_before
from app.domain.datasets.history import AnchorFact, FormFact, SubjectHistory
from app.domain.datasets.study import DatasetStudy, study_day
from app.domain.datasets.subjects import missing_reason, randomised_on
from app.domain.datasets.tables import DatasetRow, DatasetTable, describe_columns
from app.domain.instruments.definition import Instrument, Scale
from app.domain.instruments.scoring.thresholds import ThresholdSet
from app.domain.plans.plan import Anchoring
from app.domain.plans.schedule import AnchorDate, PlannedSlot, plan_slots
from app.domain.plans.status import ExitKind
from app.domain.plans.windows import Window
from app.domain.records.audit import format_instant
from app.domain.report.completeness import RuleSet, is_expected

ADQS = DatasetTable(
    name="ADQS",
    label="Questionnaire Analysis Dataset",
    group="BASIC DATA STRUCTURE",
    structure="One record per participant, parameter and visit; also for forms that are missing",
    keys=("STUDYID", "USUBJID", "PARAMCD", "AVISIT"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        USUBJID  | text:110 | A | Unique Subject Identifier
        SUBJID   | text:40  | C | Subject Identifier for the Study
        SITEID   | text:20  | C | Study Site Identifier
        TRTP     | text:20  | C | Planned Treatment | code of the randomised arm
        ASSESSID | text:24  | A | Assessment of the Feed | empty where the form had not opened when they left
        PARAMCD  | text:8   | A | Parameter Code
        PARAM    | text:40  | A | Parameter
        PARCAT1  | text:40  | A | Parameter Category 1 | instrument
        PARCAT2  | text:40  | A | Parameter Category 2 | kind of score
        BETTER   | text:6   | P | Better End of the Range | HIGHER or LOWER
        AVISIT   | text:20  | P | Analysis Visit
        AVISITN  | decimal  | P | Analysis Visit (N)
        ADT      | date     | C | Analysis Date | local day of completion; of a paper form, its day
        ADY      | integer  | D | Analysis Relative Day | from randomisation; there is no day 0
        AVAL     | decimal  | D | Analysis Value | the score with at most 10 decimals, never rounded again
        BASE     | decimal  | D | Baseline Value | AVAL of the record with ABLFL
        CHG      | decimal  | D | Change from Baseline | AVAL - BASE; empty up to the baseline
        ABLFL    | text:1   | D | Baseline Record Flag | last valid form before the anchor of the plan's rule
        ABLD0FL  | text:1   | D | Baseline on Day of Randomisation Flag | an hour is not known
        ANL01FL  | text:1   | D | Analysis Flag 01 | scored inside the window of a planned visit
        AWTARGET | integer  | P | Analysis Window Target
        AWLO     | integer  | P | Analysis Window Beginning Timepoint
        AWHI     | integer  | P | Analysis Window Ending Timepoint
        AWTDIFF  | integer  | D | Analysis Window Diff from Target | days, without a sign
        AWU      | text:4   | A | Analysis Window Unit
        AWINFL   | text:1   | D | In Analysis Window Flag | Y or N; empty where nothing was sent
        CRIT1    | text:80  | P | Analysis Criterion 1 | a published threshold that the plan names
        CRIT1FL  | text:1   | D | Criterion 1 Evaluation Result Flag
        DTYPE    | text:7   | A | Derivation Type | PHANTOM: expected and missing; nothing is imputed
        FRMSTAT  | text:20  | D | State of the Form
        MISRSN   | text:60  | C | Reason for a Missing Form
        PARTFL   | text:1   | D | Begun and Never Sent Flag
        POPFL    | text:1   | D | In the Population Flag | randomised and consented
        EXP1FL   | text:1   | D | Expected by Rule Set 1 Flag | exits: death, withdrawal
        EXP2FL   | text:1   | D | Expected by Rule Set 2 Flag | the same, and loss to follow-up
        SCRSTAT  | text:16  | D | Status of the Score | complete, prorated, too few or not administered
        NANSWER  | integer  | D | Items Answered
        NASKED   | integer  | D | Items Asked
        MODE     | text:20  | C | Mode of Collection
        ORIGTR   | text:20  | C | Who Decided the Answers
        HELPBY   | text:20  | C | Who Wrote the Answers Down
        LANG     | text:10  | C | Language of the Form
        TXTSHA   | text:64  | P | Digest of the Text Shown
        INSTRVER | text:20  | P | Instrument Version
        ALGOR    | text:40  | P | Scoring Algorithm
        SRCDOM   | text:8   | A | Source Data
        SRCVAR   | text:8   | A | Source Variable
        SRCSEQ   | integer  | A | Source Sequence Number
    """),
    arm_columns=frozenset({"TRTP"}),
)
_PHANTOM = frozenset({"missed", "excused", "not_expected"})
"""States of a form of which a record says that and why there is nothing."""


def build_adqs(
    study: DatasetStudy, history: SubjectHistory, numbers: Mapping[tuple[str, str], int]
) -> Iterator[DatasetRow]:
    """Every score of every visit, and a record without a value for each form that is missing.

    `numbers` are those of the scores in QS. Nothing for whoever may not see scores.
    """
    visit_forms = [form for form in history.forms if not form.is_diary]
    forms = study.sort_forms([*visit_forms, *list_untold_forms(study, history)])
    of_instruments: dict[tuple[str, str], list[FormFact]] = {}
    for form in forms:
        key = (form.slot["instrument"], form.slot["instrument_version"])
        of_instruments.setdefault(key, [])
        if form.scores is not None or _is_absent(study, history, form):
            of_instruments[key].append(form)
    for key, shown in of_instruments.items():
        instrument = study.find_instrument(*key)
        for scale in instrument.scales:
            yield from _scale(study, history, instrument, scale, shown, numbers)


def list_untold_forms(study: DatasetStudy, history: SubjectHistory) -> Iterator[FormFact]:
    """Forms without any event in the feed, because the participant left before they opened.

    Their windows, as the plan counts them from the dates known at the cut, have closed by then. A visit that
    counts from another one's actual date has none: where it would have been is not known.
    """
    exits = [exit_ for exit_ in history.exits if exit_.kind in tuple(ExitKind)]
    if not exits or not study.is_in_population(history):
        return
    first = min(exits, key=lambda exit_: exit_.effective_on)
    published = {(form.visit, form.slot["instrument"]) for form in history.forms}
    dates = {kind: AnchorDate(kind, fact.on, fact.at) for kind, fact in history.anchors.items()}
    for slot in plan_slots(study.plan, dates, history.arm, history.facts["zone"]):
        window, rule = slot.window, study.rules.get(slot.visit)
        if window is None or rule is None or rule.anchoring is Anchoring.previous:
            continue
        hidden = slot.arm_revealing and not study.sees_arm
        closed = window.closes_at <= study.at and first.effective_on <= window.closes_on
        if closed and not hidden and slot.key not in published:
            yield _untold_form(slot, window, first.kind)


def _untold_form(slot: PlannedSlot, window: Window, exit_kind: str) -> FormFact:
    facts: dict[str, Any] = {
        "visit": slot.visit,
        "instrument": slot.instrument,
        "instrument_version": slot.instrument_version,
        "zone": window.zone,
        "state": "not_expected",
        "exit": exit_kind,
        "opens_on": window.opens_on.isoformat(),
        "target_on": window.target_on.isoformat(),
        "closes_on": window.closes_on.isoformat(),
        "closes_at": format_instant(window.closes_at),
        "for_day": None,
        "begun_at": None,
        "out_of_plan": False,
        "out_of_window": False,
    }
    return FormFact("", 0, 0, facts, None, None, None, scorable=False)


def _is_absent(study: DatasetStudy, history: SubjectHistory, form: FormFact) -> bool:
    """Whether there is nothing though there might be, also while a form that was begun has its grace."""
    closed = form.response is None and study.form_facts(history, form).closed
    return form.state in _PHANTOM or closed


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The form that is the baseline of a scale, its value, and whether its hour is in doubt."""

    form: FormFact
    value: Decimal
    on_day_zero: bool


def _scale(
    study: DatasetStudy,
    history: SubjectHistory,
    instrument: Instrument,
    scale: Scale,
    forms: Sequence[FormFact],
    numbers: Mapping[tuple[str, str], int],
) -> Iterator[DatasetRow]:
    terms = study.terms_of(instrument)
    baseline = _find_baseline(study, history, scale, forms)
    limits = study.thresholds.get(instrument.id)
    common = {
        "STUDYID": study.study,
        "USUBJID": study.subject_id(history),
        "SUBJID": history.subject,
        "SITEID": history.site,
        "TRTP": history.arm,
        "PARAMCD": terms.name_parameter(scale),
        "PARAM": terms.scale_name(scale),
        "PARCAT1": terms.category,
        "PARCAT2": terms.name_group(scale),
        "BETTER": scale.better.value.upper(),
        "AWU": "DAYS",
        "POPFL": "Y" if study.is_in_population(history) else "N",
    }
    for form in forms:
        row = common | _form(study, history, form)
        if form.scores is None:
            yield row | {"DTYPE": "PHANTOM", "BASE": baseline.value if baseline else None}
            continue
        value = read_value(form, scale)
        yield (
            row
            | _value(form, scale, value, baseline)
            | _criterion(scale, value, limits)
            | {
                "ANL01FL": "Y" if value is not None and _is_analysed(study, form, baseline) else None,
                **_source(numbers.get((form.ref, scale.code))),
            }
        )


def read_value(form: FormFact, scale: Scale) -> Decimal | None:
    """The printed score of a scale; None where there is none."""
    value = next((score["value"] for score in form.scores or () if score["scale"] == scale.code), None)
    return None if value is None else Decimal(value)


def _find_baseline(
    study: DatasetStudy, history: SubjectHistory, scale: Scale, forms: Sequence[FormFact]
) -> _Baseline | None:
    """The last valid form of the baseline's visit that was completed before the anchor which ends it."""
    rule = study.plan.baseline_rule
    if rule is None:
        return None
    anchor = history.anchors.get(rule.closes_with or "")
    baseline = None
    for form in sorted(forms, key=lambda form: (form.completed_local, form.ref)):
        value = read_value(form, scale)
        visits = (rule.code, rule.code + "-")
        of_rule = form.visit == visits[0] or form.visit.startswith(visits[1])
        if value is not None and of_rule and form.is_in_window and _is_before(form, anchor):
            by_day = anchor is not None and (anchor.at is None or form.completed_at is None)
            on_day = anchor is not None and by_day and form.completed_on == anchor.on
            baseline = _Baseline(form, value, on_day)
    return baseline


def _is_before(form: FormFact, anchor: AnchorFact | None) -> bool:
    on = form.completed_on
    return anchor is None or on is None or is_completed_before(form.completed_at, on, anchor.at, anchor.on)


def _form(study: DatasetStudy, history: SubjectHistory, form: FormFact) -> dict[str, Any]:
    """What is the same for every scale of a form."""
    start, response = randomised_on(history), form.response or {}
    facts, target = study.form_facts(history, form), form.get_day("target_on")
    planned = not form.slot["out_of_plan"]
    return {
        "ASSESSID": form.ref,
        "AVISIT": form.visit,
        "AVISITN": study.visit_number(form.visit),
        "ADT": form.completed_on,
        "ADY": study_day(form.completed_on, start),
        "AWTARGET": study_day(target, start),
        "AWLO": study_day(form.get_day("opens_on"), start),
        "AWHI": study_day(form.last_day, start),
        "AWTDIFF": _days_between(form.completed_on, target),
        "AWINFL": None if form.response is None else ("Y" if form.is_in_window else "N"),
        "FRMSTAT": _state(history, form),
        "MISRSN": missing_reason(history, form),
        "PARTFL": "Y" if form.response is None and form.slot["begun_at"] else None,
        "EXP1FL": "Y" if planned and is_expected(facts, RuleSet.first) else "N",
        "EXP2FL": "Y" if planned and is_expected(facts, RuleSet.second) else "N",
        "MODE": response.get("mode"),
        "ORIGTR": response.get("originator"),
        "HELPBY": response.get("helped_by"),
        "LANG": response.get("language"),
        "TXTSHA": response.get("text_sha256"),
        "INSTRVER": form.slot["instrument_version"],
        "ALGOR": response.get("algorithm"),
    }


def _days_between(day: date | None, target: date | None) -> int | None:
    return None if day is None or target is None else abs((day - target).days)


def _state(history: SubjectHistory, form: FormFact) -> str:
    """The state of a form; of one that death ended, whether that fell inside of its window."""
    if form.slot["out_of_plan"]:
        return "NOT IN PLAN"
    if form.state == "open":
        return "IN GRACE"
    opens, closes = form.get_day("opens_on"), form.get_day("closes_on")
    death = history.find_exit(ExitKind.death)
    if form.state == "not_expected" and death and opens and closes and opens <= death.effective_on <= closes:
        return "DIED IN WINDOW"
    return form.state.upper().replace("_", " ")


def _value(form: FormFact, scale: Scale, value: Decimal | None, baseline: _Baseline | None) -> dict[str, Any]:
    score: Mapping[str, Any] = next((s for s in form.scores or () if s["scale"] == scale.code), {})
    row: dict[str, Any] = {
        "AVAL": value,
        "SCRSTAT": str(score.get("status") or "").upper().replace("_", " ") or None,
        "NANSWER": score.get("answered"),
        "NASKED": score.get("asked"),
    }
    if baseline is None:
        return row
    if form.ref == baseline.form.ref:
        row |= {"ABLFL": "Y", "ABLD0FL": "Y" if baseline.on_day_zero else None}
    elif value is not None and _is_after(form, baseline.form):
        row |= {"CHG": value - baseline.value}
    return row | {"BASE": baseline.value}


def _is_after(form: FormFact, baseline: FormFact) -> bool:
    return (form.completed_local, form.ref) > (baseline.completed_local, baseline.ref)


def _is_analysed(study: DatasetStudy, form: FormFact, baseline: _Baseline | None) -> bool:
    rule = study.plan.baseline_rule
    if rule is not None and form.visit.partition("-")[0] == rule.code:
        return baseline is not None and baseline.form.ref == form.ref
    return form.is_in_window and form.visit in study.rules


def _criterion(scale: Scale, value: Decimal | None, limits: ThresholdSet | None) -> dict[str, Any]:
    """Whether a score lies beyond the threshold that the plan names.

    A printed score equals a whole number only where the exact one does, so that no rounding decides.
    """
    own_limit = limits.find_limit(scale) if limits else None
    if limits is None or own_limit is None:
        return {}
    limit, above = own_limit
    words = f"{scale.code} {'>' if above else '<'} {limit} ({limits.source})"
    if value is None:
        return {"CRIT1": words}
    beyond = value > Decimal(str(limit)) if above else value < Decimal(str(limit))
    return {"CRIT1": words, "CRIT1FL": "Y" if beyond else "N"}


def _source(number: int | None) -> dict[str, Any]:
    return {} if number is None else {"SRCDOM": "QS", "SRCVAR": "QSSTRESN", "SRCSEQ": number}
