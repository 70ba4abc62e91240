"""What was answered: QS, its supplement SUPPQS, and the diary as one long table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.domain.datasets.history import FormFact, SubjectHistory
from app.domain.datasets.study import DatasetStudy, study_day
from app.domain.datasets.subjects import missing_reason, randomised_on
from app.domain.datasets.tables import DatasetRow, DatasetTable, describe_columns
from app.domain.datasets.terms import InstrumentTerms
from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.responses import format_answer
from app.domain.instruments.scoring.score import ScoreStatus

QS = DatasetTable(
    name="QS",
    label="Questionnaires",
    group="FINDINGS",
    structure="One record per item and score of each form; one record for a form that was not done",
    keys=("STUDYID", "USUBJID", "QSSEQ"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        DOMAIN   | text:2   | A | Domain Abbreviation
        USUBJID  | text:110 | A | Unique Subject Identifier
        QSSEQ    | integer  | D | Sequence Number | by visit, form and item; stable inside a cut
        QSGRPID  | text:24  | A | Group ID | the assessment of the feed
        QSSPID   | text:40  | A | Sponsor-Defined Identifier | assessment and its version in the feed
        QSTESTCD | text:8   | A | Question Short Name
        QSTEST   | text:40  | A | Question Name
        QSCAT    | text:40  | A | Category of Question
        QSORRES  | text:200 | C | Finding in Original Units | the answer's code; wording is under licence
        QSSTRESC | text:200 | D | Character Result/Finding in Std Format | code, or score to 10 decimals
        QSSTRESN | decimal  | D | Numeric Finding in Standard Units | the same as a number
        QSSTAT   | text:8   | D | Completion Status
        QSREASND | text:60  | C | Reason Not Performed
        QSDRVFL  | text:1   | D | Derived Flag | Y on scores
        VISITNUM | decimal  | P | Visit Number | empty of a day of the diary, which is no visit
        VISIT    | text:20  | P | Visit Name
        QSDTC    | text:20  | C | Date/Time of Finding | local time of completion; a paper form's day
        QSDY     | integer  | D | Study Day of Finding | from RFSTDTC; there is no day 0
        QSTPT    | text:20  | P | Planned Time Point Name | code of a day of the diary
        QSTPTNUM | decimal  | P | Planned Time Point Number | its number
        QSEVLINT | text:8   | P | Evaluation Interval | recall of the item
    """),
)

SUPPQS = DatasetTable(
    name="SUPPQS",
    label="Supplemental Qualifiers for QS",
    group="RELATIONSHIP",
    structure="One record per qualifier of each form that was sent",
    keys=("STUDYID", "USUBJID", "IDVARVAL", "QNAM"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        RDOMAIN  | text:2   | A | Related Domain Abbreviation
        USUBJID  | text:110 | A | Unique Subject Identifier
        IDVAR    | text:8   | A | Identifying Variable
        IDVARVAL | text:24  | A | Identifying Variable Value | the assessment
        QNAM     | text:8   | A | Qualifier Variable Name
        QLABEL   | text:40  | A | Qualifier Variable Label
        QVAL     | text:200 | C | Data Value
        QORIG    | text:10  | A | Origin
        QEVAL    | text:10  | A | Evaluator
    """),
)

DIARY = DatasetTable(
    name="DIARY",
    label="Diary Entries",
    group="FINDINGS",
    structure="One record per expected diary day and item asked",
    keys=("STUDYID", "USUBJID", "DRDTC", "ITEM"),
    columns=describe_columns("""
        STUDYID  | text:40  | P | Study Identifier
        USUBJID  | text:110 | A | Unique Subject Identifier
        ASSESSID | text:24  | A | Assessment of the Feed
        DRDTC    | text:10  | P | Day of the Diary
        DRDY     | integer  | D | Study Day of the Diary | from randomisation; there is no day 0
        VISIT    | text:20  | P | Code of the Day
        STATE    | text:20  | D | State at the Cut
        REASND   | text:60  | C | Reason Not Performed
        ITEM     | text:40  | A | Item | empty where nothing was entered
        ITEMNUM  | integer  | A | Number of the Item
        VALUEC   | text:200 | C | Answer | empty where the item was left blank
        VALUEN   | decimal  | D | Answer as a Number
        BLANKFL  | text:1   | D | Left Blank Flag
        ITEMSTAT | text:20  | D | Status of the Item | ANSWERED, LEFT BLANK, or NOT TICKED in the list
        ENTRYDTC | text:20  | C | Date/Time of Entry | local time
        LATEFL   | text:1   | C | Entered Outside the Window Flag
        LATERSN  | text:40  | C | Reason for a Late Entry
    """),
)
_NOT_DONE = "NOT DONE"
_TOO_FEW, _NOT_ADMINISTERED = "TOO FEW ITEMS ANSWERED", "NOT ADMINISTERED"
_ANSWERED = "ANSWERED"
_BLANK = "LEFT BLANK"
_NOT_TICKED = "NOT TICKED"
"""The item stood in the list with which the form begins, and the participant did not tick it."""
_VISIT, _POINT = ("VISIT", "VISITNUM"), ("QSTPT", "QSTPTNUM")
"""Where it stands when something was asked: a visit, or a day at home, of which SV has no record."""
MISSING = frozenset({"missed", "excused"})
"""States of a form that was expected and not answered."""


@dataclass(slots=True)
class QsRows:
    """The records of one participant, and the number of each score's by assessment and scale."""

    rows: list[DatasetRow] = field(default_factory=list)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)


def build_qs(study: DatasetStudy, history: SubjectHistory) -> QsRows:
    """Items and scores of every form that was sent, and a record for each that was to be."""
    built = QsRows()
    known = {"STUDYID": study.study, "DOMAIN": "QS", "USUBJID": study.subject_id(history)}
    for form in study.sorted_forms(history):
        common = known | _common(study, history, form)
        rows = _submitted_records(study, form) if form.response is not None else _absent(history, form)
        for scale, row in rows:
            number = len(built.rows) + 1
            built.rows.append({**common, "QSSEQ": number, **row})
            if scale:
                built.numbers[form.ref, scale] = number
    return built


def _common(study: DatasetStudy, history: SubjectHistory, form: FormFact) -> dict[str, Any]:
    number, names = study.visit_number(form.visit), _POINT if form.is_diary else _VISIT
    return {
        "QSGRPID": form.ref,
        "QSSPID": f"{form.ref}/{form.version}",
        "QSCAT": study.terms_of(study.get_instrument(form)).category,
        **dict(zip(names, (form.visit, number), strict=True)),
        "QSDTC": form.completed_local or None,
        "QSDY": study_day(form.completed_on, randomised_on(history)),
    }


def _absent(history: SubjectHistory, form: FormFact) -> Iterator[tuple[str, DatasetRow]]:
    if form.state in MISSING:
        yield (
            "",
            {
                "QSTESTCD": "QSALL",
                "QSTEST": "Questionnaires",
                "QSSTAT": _NOT_DONE,
                "QSREASND": missing_reason(history, form),
            },
        )


def _submitted_records(study: DatasetStudy, form: FormFact) -> Iterator[tuple[str, DatasetRow]]:
    """Each record of a form that was sent, with its scale where it is a score that terminology has."""
    instrument = study.get_instrument(form)
    terms = study.terms_of(instrument)
    recalls = {recall.code: recall.interval for recall in instrument.recalls}
    for item in instrument.items:
        if form.answers is not None and item.code in form.answers:
            yield "", _item(item, form.answers[item.code], terms, recalls)
        elif item.code in form.unticked:
            yield "", _describe_item(item, terms, recalls) | {"QSSTAT": _NOT_DONE, "QSREASND": _NOT_TICKED}
    scales = {scale.code: scale for scale in instrument.scales}
    for score in form.scores or ():
        scale = scales[score["scale"]]
        code = terms.scale_code(scale)
        if code is not None:
            yield scale.code, _score(code, terms.scale_name(scale), score)


def _item(
    item: Item, value: int | str | None, terms: InstrumentTerms, recalls: Mapping[str, str]
) -> dict[str, Any]:
    row = _describe_item(item, terms, recalls)
    if value is None:
        return row | {"QSSTAT": _NOT_DONE, "QSREASND": _BLANK}
    text = format_answer(item, value)
    number = None if item.free_text else Decimal(text)
    return row | {"QSORRES": text, "QSSTRESC": text, "QSSTRESN": number}


def _describe_item(item: Item, terms: InstrumentTerms, recalls: Mapping[str, str]) -> dict[str, Any]:
    return {
        "QSTESTCD": terms.item_code(item),
        "QSTEST": terms.item_name(item),
        "QSEVLINT": recalls.get(item.recall or ""),
    }


def _score(code: str, name: str, score: Mapping[str, Any]) -> dict[str, Any]:
    row = {"QSTESTCD": code, "QSTEST": name, "QSDRVFL": "Y"}
    if score["value"] is None:
        why = _NOT_ADMINISTERED if score["status"] == ScoreStatus.NOT_ADMINISTERED else _TOO_FEW
        return row | {"QSSTAT": _NOT_DONE, "QSREASND": why}
    return row | {"QSSTRESC": score["value"], "QSSTRESN": Decimal(score["value"])}


def build_suppqs(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """How each form that was sent came about."""
    known = {"STUDYID": study.study, "RDOMAIN": "QS", "USUBJID": study.subject_id(history)}
    for form in study.sorted_forms(history):
        if form.response is None:
            continue
        for name, label, value, origin in _qualifiers(form, form.response):
            if value is not None:
                yield {
                    **known,
                    "IDVAR": "QSGRPID",
                    "IDVARVAL": form.ref,
                    "QNAM": name,
                    "QLABEL": label,
                    "QVAL": str(value),
                    "QORIG": origin,
                }


def _qualifiers(
    form: FormFact, response: Mapping[str, Any]
) -> Iterator[tuple[str, str, str | int | None, str]]:
    yield "QSMODE", "Mode of Collection", response["mode"], "eDT"
    yield "QSORIGTR", "Who Decided the Answers", response["originator"], "eDT"
    yield "QSHELPBY", "Who Wrote the Answers Down", response["helped_by"], "eDT"
    yield "QSLANG", "Language of the Form", response["language"], "eDT"
    yield "QSTXTSHA", "Digest of the Text Shown", response["text_sha256"], "eDT"
    yield "QSINSVER", "Instrument Version", form.slot["instrument_version"], "Protocol"
    yield "QSALGOR", "Scoring Algorithm", response["algorithm"], "Protocol"
    yield "QSAMENDN", "Number of Corrections", response["response_version"] - 1, "Derived"
    yield "QSOPDTC", "First Day of the Window", form.slot["opens_on"], "Protocol"
    yield "QSTGDTC", "Target Day of the Window", form.slot["target_on"], "Protocol"
    yield "QSCLDTC", "Last Day of the Window", form.slot["closes_on"], "Protocol"
    yield "QSOUTFL", "Sent Outside the Window", "Y" if form.slot["out_of_window"] else None, "Derived"
    yield "QSGRCFL", "Sent Within the Grace", "Y" if response["in_grace"] else None, "Derived"
    yield "QSOFFFL", "Filled In Without a Connection", "Y" if response["captured_offline"] else None, "eDT"
    yield "QSCOLDTC", "Day It Was Filled In on Paper", response.get("collected_on"), "eDT"
    yield "QSBEGDTC", "Begun at (UTC)", response["begun_at"], "eDT"
    yield "QSRCVDTC", "Received at (UTC)", response["received_at"], "eDT"


def build_diary(study: DatasetStudy, history: SubjectHistory) -> Iterator[DatasetRow]:
    """Every diary day that the feed told, with each answer or without any."""
    start = randomised_on(history)
    for form in study.sorted_forms(history):
        if not form.is_diary:
            continue
        response = form.response or {}
        common: dict[str, Any] = {
            "STUDYID": study.study,
            "USUBJID": study.subject_id(history),
            "ASSESSID": form.ref,
            "DRDTC": form.slot["for_day"],
            "DRDY": study_day(form.get_day("for_day"), start),
            "VISIT": form.visit,
            "STATE": form.state.upper().replace("_", " "),
            "REASND": missing_reason(history, form),
            "ENTRYDTC": form.completed_local or None,
            "LATEFL": "Y" if form.slot["out_of_window"] else None,
            "LATERSN": response.get("late_reason"),
        }
        entries = list(_entries(study.get_instrument(form), form))
        yield from ({**common, **entry} for entry in entries or [{}])


def _entries(instrument: Instrument, form: FormFact) -> Iterator[dict[str, Any]]:
    for item in instrument.items:
        known = {"ITEM": item.code, "ITEMNUM": item.number}
        if item.code in form.unticked:
            yield known | {"ITEMSTAT": _NOT_TICKED}
        if form.answers is None or item.code not in form.answers:
            continue
        value = form.answers[item.code]
        text = format_answer(item, value)
        yield {
            **known,
            "VALUEC": text or None,
            "VALUEN": Decimal(text) if text and not item.free_text else None,
            "BLANKFL": "Y" if value is None else None,
            "ITEMSTAT": _BLANK if value is None else _ANSWERED,
        }
