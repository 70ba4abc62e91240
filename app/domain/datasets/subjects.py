"""What datasets say of participants and their visits: DM, DS and SV."""

from collections.abc import Iterator, Sequence
from datetime import date

from app.domain.datasets.history import ExitFact, FormFact, SubjectHistory, read_whole_day
from app.domain.datasets.study import DatasetStudy, study_day
from app.domain.datasets.tables import DatasetRow, DatasetTable, describe_columns
from app.domain.plans.plan import ENROLMENT, RANDOMISATION
from app.domain.plans.status import ExitKind
from app.domain.records.audit import format_instant
from app.domain.records.dispositions import DispositionKind
from app.domain.report.ledger import why_missed

DM = DatasetTable(
    name="DM",
    label="Demographics",
    group="SPECIAL PURPOSE",
    structure="One record per participant; partial: neither age, sex nor country is collected here",
    keys=("STUDYID", "USUBJID"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        DOMAIN   | text:2   | A | Domain Abbreviation
        USUBJID  | text:110 | A | Unique Subject Identifier | study and participant's code
        SUBJID   | text:40  | C | Subject Identifier for the Study
        RFSTDTC  | text:10  | C | Subject Reference Start Date/Time | day of randomisation, in both arms
        RFRNDTC  | text:24  | C | Instant of Randomisation (UTC) | empty where only its day is known
        RFICDTC  | text:10  | C | Date/Time of Informed Consent
        DTHDTC   | text:10  | C | Date/Time of Death | as it was stated: a month where no more is known
        DTHFL    | text:1   | D | Subject Death Flag
        SITEID   | text:20  | C | Study Site Identifier
        ARMCD    | text:20  | C | Planned Arm Code
        ARM      | text:200 | A | Description of Planned Arm
        ARMNRS   | text:14  | A | Reason Arm and/or Actual Arm is Null | also empty where randomised
        LANGUAGE | text:10  | C | Language of the Participant
        TZONE    | text:40  | P | Time Zone of Record | IANA name; days are days of this zone
    """),
    arm_columns=frozenset({"ARMCD", "ARM", "ARMNRS"}),
)

DS = DatasetTable(
    name="DS",
    label="Disposition",
    group="EVENTS",
    structure="One record per milestone or disposition in force",
    keys=("STUDYID", "USUBJID", "DSSEQ"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        DOMAIN   | text:2   | A | Domain Abbreviation
        USUBJID  | text:110 | A | Unique Subject Identifier
        DSSEQ    | integer  | D | Sequence Number
        DSTERM   | text:40  | C | Reported Term for the Disposition Event | the code as recorded
        DSDECOD  | text:40  | A | Standardized Disposition Term
        DSCAT    | text:40  | A | Category for Disposition Event
        DSSCAT   | text:40  | A | Subcategory for Disposition Event | what a withdrawal was from
        DSDTC    | text:20  | C | Date/Time of Collection | when it was recorded, UTC
        DSSTDTC  | text:10  | C | Start Date/Time of Disposition Event | as it was stated
        DSSTDY   | integer  | D | Study Day of Start of Disposition Event | empty for a month; ICE has its day
        DSSRC    | text:10  | C | Source of the Date | site or edc
    """),
)

SV = DatasetTable(
    name="SV",
    label="Subject Visits",
    group="SPECIAL PURPOSE",
    structure="One record per visit whose form is expected; planned days beside what happened",
    keys=("STUDYID", "USUBJID", "VISIT"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        DOMAIN   | text:2   | A | Domain Abbreviation
        USUBJID  | text:110 | A | Unique Subject Identifier
        VISITNUM | decimal  | P | Visit Number | order of the plan; visits that staff added have decimals
        VISIT    | text:20  | P | Visit Name
        SVPRESP  | text:1   | A | Pre-specified | Y; empty for a visit that staff added
        SVOCCUR  | text:1   | D | Occurrence | Y: a form was sent; N: none will be; of a planned visit alone
        SVREASOC | text:60  | C | Reason for Occur Value | why the form is missing, where SVOCCUR is N
        SVSTDTC  | text:20  | C | Start Date/Time of Observation | local time at which the form was completed
        SVSTDY   | integer  | D | Study Day of Start of Observation
        SVOPDTC  | text:10  | P | First Day of the Window
        SVTGDTC  | text:10  | P | Target Day
        SVCLDTC  | text:10  | P | Last Day of the Window
        SVSTATE  | text:20  | D | State at the Cut
    """),
)
TERMS_OF_EXITS = {
    DispositionKind.death: ("DEATH", ""),
    DispositionKind.lost: ("LOST TO FOLLOW-UP", ""),
    DispositionKind.completed: ("COMPLETED", ""),
    DispositionKind.screen_failure: ("SCREEN FAILURE", ""),
    DispositionKind.withdrew_treatment: ("WITHDRAWAL BY SUBJECT", "STUDY TREATMENT"),
    DispositionKind.withdrew_questionnaires: ("WITHDRAWAL BY SUBJECT", "QUESTIONNAIRES"),
    DispositionKind.withdrew_study: ("WITHDRAWAL BY SUBJECT", "STUDY PARTICIPATION"),
}
"""What SDTM calls each disposition, and what a withdrawal was from."""
_OVER = frozenset({"missed", "excused", "not_expected"})
"""States of a form that nobody sends any more."""
_MILESTONE, _EVENT = "PROTOCOL MILESTONE", "DISPOSITION EVENT"


def build_dm(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """The one record of a participant."""
    death = history.find_exit(DispositionKind.death)
    yield {
        "STUDYID": study.study,
        "DOMAIN": "DM",
        "USUBJID": study.subject_id(history),
        "SUBJID": history.subject,
        "RFSTDTC": _iso(randomised_on(history)),
        "RFRNDTC": _instant(history),
        "RFICDTC": _iso(history.consented_on),
        "DTHDTC": death.stated if death else None,
        "DTHFL": "Y" if death else None,
        "SITEID": history.site,
        "ARMCD": history.arm,
        "ARM": study.arm_name(history.arm),
        "ARMNRS": None if history.arm else _unassigned(study, history),
        "LANGUAGE": history.facts["language"],
        "TZONE": history.facts["zone"],
    }


def build_ds(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """Milestones and the dispositions in force, by their days; of one day the milestones come first."""
    start, subject = randomised_on(history), study.subject_id(history)
    milestones = [("consent", "INFORMED CONSENT OBTAINED", history.consented_on, "site", "")]
    for kind, term in ((ENROLMENT, "ENTERED INTO TRIAL"), (RANDOMISATION, "RANDOMIZED")):
        anchor = history.anchors.get(kind)
        if anchor is not None:
            at = anchor.recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            milestones.append((kind, term, anchor.on, anchor.source, at))
    rows: list[tuple[date, DatasetRow]] = [
        (
            day,
            {
                "DSTERM": code,
                "DSDECOD": term,
                "DSCAT": _MILESTONE,
                "DSDTC": recorded,
                "DSSTDTC": day.isoformat(),
                "DSSTDY": study_day(day, start),
                "DSSRC": source,
            },
        )
        for code, term, day, source, recorded in milestones
        if day is not None
    ]
    exits = sorted(history.exits, key=lambda exit_: exit_.kind)
    rows += ((exit_.effective_on, _disposition(exit_, start)) for exit_ in exits)
    rows.sort(key=lambda dated: dated[0])
    known = {"STUDYID": study.study, "DOMAIN": "DS", "USUBJID": subject}
    yield from ({**known, "DSSEQ": number, **row} for number, (_day, row) in enumerate(rows, 1))


def _disposition(exit_: ExitFact, start: date | None) -> DatasetRow:
    term, scope = TERMS_OF_EXITS[DispositionKind(exit_.kind)]
    return {
        "DSTERM": exit_.kind,
        "DSDECOD": term,
        "DSCAT": _EVENT,
        "DSSCAT": scope,
        "DSDTC": exit_.recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "DSSTDTC": exit_.stated,
        "DSSTDY": study_day(read_whole_day(exit_.stated), start),
        "DSSRC": exit_.source,
    }


def build_sv(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """Each visit that the feed ever told, but for the days of the diary."""
    visits: dict[str, list[FormFact]] = {}
    for form in study.sorted_forms(history):
        if not form.is_diary:
            visits.setdefault(form.visit, []).append(form)
    for visit, forms in visits.items():
        yield _visit(study, history, visit, forms)


def _visit(study: DatasetStudy, history: SubjectHistory, visit: str, forms: Sequence[FormFact]) -> DatasetRow:
    submitted = [form for form in forms if form.response is not None]
    first = min(submitted, key=lambda form: (form.completed_local, form.ref), default=None)
    shown, over = first or forms[0], all(form.state in _OVER for form in forms)
    number = study.visit_number(visit)
    planned = visit in study.numbers and number is not None
    occurred = ("Y" if first else "N" if over else None) if planned else None
    return {
        "STUDYID": study.study,
        "DOMAIN": "SV",
        "USUBJID": study.subject_id(history),
        "VISITNUM": number,
        "VISIT": visit,
        "SVPRESP": "Y" if planned else None,
        "SVOCCUR": occurred,
        "SVREASOC": missing_reason(history, shown) if occurred == "N" else None,
        "SVSTDTC": first.completed_local if first else None,
        "SVSTDY": study_day(first.completed_on, randomised_on(history)) if first else None,
        "SVOPDTC": shown.slot["opens_on"],
        "SVTGDTC": shown.slot["target_on"],
        "SVCLDTC": shown.slot["closes_on"],
        "SVSTATE": shown.state.upper().replace("_", " "),
    }


def missing_reason(history: SubjectHistory, form: FormFact) -> str | None:
    """Why a form is missing, as a coded reason in capitals.

    Of a missed form the one that staff gave, else the exit that fell inside its window, else UNKNOWN.
    """
    if form.state == "excused":
        return f"EXCUSED: {form.slot['excused']}".upper().replace("_", " ")
    if form.state == "missed":
        known = why_missed(form.slot["missed_reason"], _exit_inside(history, form)) or "unknown"
        return str(known).upper().replace("_", " ")
    if form.state == "not_expected":
        return (form.slot["exit"] or "not expected").upper().replace("_", " ")
    return None


def _exit_inside(history: SubjectHistory, form: FormFact) -> str | None:
    """The first exit that ended questionnaires inside the window of a form, of one day by its kind."""
    opens, closes = form.get_day("opens_on"), form.last_day
    if opens is None or closes is None:
        return None
    inside = (exit_ for exit_ in history.exits if exit_.kind in tuple(ExitKind))
    counted = [(exit_.effective_on, exit_.kind) for exit_ in inside if opens <= exit_.effective_on <= closes]
    return min(counted)[1] if counted else None


def randomised_on(history: SubjectHistory) -> date | None:
    """The day from which study days are counted, in both arms."""
    anchor = history.anchors.get(RANDOMISATION)
    return anchor.on if anchor else None


def _instant(history: SubjectHistory) -> str | None:
    anchor = history.anchors.get(RANDOMISATION)
    return format_instant(anchor.at) if anchor is not None and anchor.at is not None else None


def _unassigned(study: DatasetStudy, history: SubjectHistory) -> str | None:
    """Why somebody has no arm, in SDTM's words; None where that is not known, or nobody is assigned any."""
    if RANDOMISATION not in study.plan.anchor_kinds or RANDOMISATION in history.anchors:
        return None
    return "SCREEN FAILURE" if history.find_exit(DispositionKind.screen_failure) else "NOT ASSIGNED"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
