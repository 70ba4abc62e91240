"""One open matter: what it is about, and the decision with its reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.forms.answer_rows import answer_words
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import (
    ParticipantStaffRequest,
    PermittedRequest,
    StaffRequest,
    url_of_participant,
)
from app.clinic.settle.edc_words import FIELDS, spell_value
from app.clinic.settle.matter_lines import MatterLine, build_line
from app.domain.desk.matters import MatterName, parse_matter_name
from app.domain.instruments.responses import AnswerValue
from app.domain.refusal import Refused, check_all
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.capture.forms import FormDefinition
from app.services.clinic.matters.late_answers import LateAnswers
from app.services.clinic.matters.matter_details import (
    ConflictingForm,
    MatterDetails,
    SettledMatter,
    get_matter,
)
from app.services.clinic.matters.settlement import SettlementEntry, parse_settlement, settle_matter
from app.web.form_fields import ActCode, ActWords
from app.web.urls import MATTER, SETTLE


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One question, or field of a message, with what was said of it first and then."""

    what: str
    first: str
    then: str
    number: int = 0
    first_at: datetime | None = None
    then_at: datetime | None = None

    @property
    def differs(self) -> bool:
        return self.first != self.then


@dataclass(frozen=True, slots=True)
class MatterPage:
    """A matter with what is needed to decide it. `line` is None where it is open no more.

    `rows` compare answers or messages; `hidden`: this reader may not see them. `obstacle` says why answers
    cannot be accepted; `sheet` is the paper from which they were entered, "" for none. `dates_url`,
    `form_url` and `correction_url` lead on where the reader may go on. Of a refused message `times` is how
    often it was noted, `last_at` when last, and `accepted_at` when a later one was accepted.
    """

    template: ClassVar[str] = "clinic/settle/matter.html"
    subject: str
    person_url: str
    list_url: str
    action_url: str
    line: MatterLine | None
    kind: str
    zone: str
    settled: SettledMatter | None
    decisions: tuple[str, ...]
    rows: tuple[ComparedRow, ...]
    hidden: bool
    lang: str
    obstacle: str
    sheet: str
    sheet_on: date | None
    shown: str
    dates_url: str
    correction_url: str
    times: int = 0
    last_at: datetime | None = None
    accepted_at: datetime | None = None
    decision: str = ""
    reason: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {"decision": N_("Your decision"), "reason": N_("Reason")}

INVESTIGATORS = "investigators"
"""Stands for an obstacle: they alone accept answers."""

router = APIRouter(include_in_schema=False)


@router.get(MATTER)
def show_matter(request: PermittedRequest, matter: str) -> Response:
    return request.show(_page(request, _read_name(matter)))


@router.post(MATTER)
def post_decision(
    request: PermittedRequest,
    matter: str,
    decision: ActCode = "",
    reason: ActWords = "",
    shown: ActCode = "",
) -> Response:
    name = _read_name(matter)
    entry = SettlementEntry(decision, reason, shown)
    try:
        check_all(request.act.check_texts, lambda: parse_settlement(name.kind, entry))
        settle_matter(request.context, request.participant.participant_id, name, entry)
    except Refused as refused:
        page = replace(_page(request, name), decision=decision, reason=reason)
        return request.show(replace(page, faults=list_faults(request, refused, LABELS)), refused)
    return request.finish()


def _read_name(text: str) -> MatterName:
    name = parse_matter_name(text)
    if name is None:
        raise Refused("unknown_matter")
    return name


def _page(request: ParticipantStaffRequest, name: MatterName) -> MatterPage:
    details = get_matter(request.context, request.participant.participant_id, name)
    person, matter = url_of_participant(request.participant.public_id), details.matter
    line = build_line(request, details.plan, matter) if matter else None
    definition = _definition(details)
    spoken = find_language(definition.text.lang) if definition else None
    of_dates = details.records_dates and line is not None and line.one is not None
    kind = matter.row.one if matter and matter.row else ""
    sheet = details.late.paper if details.late else None
    refusal = details.refusal
    proposes = details.proposes and details.conflict is not None and details.conflict.submitted
    return MatterPage(
        subject=details.subject,
        person_url=person,
        list_url=request.frame.back_to(SETTLE),
        action_url=MATTER.format(participant=request.participant.public_id, matter=name),
        line=line,
        kind=name.kind.value,
        zone=details.zone,
        settled=details.settled,
        decisions=tuple(decision.value for decision in details.decisions),
        rows=tuple(_rows(request, details)),
        hidden=definition is not None and not details.sees_answers,
        lang=spoken.tag if spoken else "",
        obstacle=_name_obstacle(details),
        sheet=sheet.paper if sheet else "",
        sheet_on=sheet.collected_on if sheet else None,
        shown=details.shown,
        dates_url=f"{person}/dates?kind={kind}" if of_dates else "",
        correction_url=f"{line.form_url}/correction" if proposes and line else "",
        times=refusal.times if refusal else 0,
        last_at=refusal.last_at if refusal else None,
        accepted_at=refusal.ended_at if refusal else None,
    )


def _name_obstacle(details: MatterDetails) -> str:
    """Why answers cannot be accepted by this reader; "" where they can."""
    if details.late is None:
        return ""
    if details.late.obstacle is not None:
        return details.late.obstacle.value
    return "" if details.accepts else INVESTIGATORS


def _definition(details: MatterDetails) -> FormDefinition | None:
    """The form whose answers it is about, if it is about answers."""
    if details.late is not None:
        return details.late.definition
    return details.conflict.definition if details.conflict else None


def _rows(request: StaffRequest, details: MatterDetails) -> Iterator[ComparedRow]:
    if details.late is not None and details.sees_answers:
        yield from _late_rows(details.late)
    elif details.conflict is not None and details.sees_answers:
        yield from _conflict_rows(details.conflict)
    elif details.matter is not None and (contradiction := details.matter.contradiction) is not None:
        yield from _message_rows(
            request, details, contradiction.part, contradiction.stored, contradiction.refused
        )
    elif details.matter is not None and (refusal := details.matter.refusal) is not None:
        yield from _message_rows(request, details, refusal.part, details.stored, refusal.stated)


def _message_rows(
    request: StaffRequest,
    details: MatterDetails,
    part: str,
    first: Mapping[str, object],
    then: Mapping[str, object],
) -> Iterator[ComparedRow]:
    """Each field that one of two messages states; not of the arm to who may not see it."""
    if part == "arm" and not details.sees_arm:
        return
    for name in FIELDS:
        if name in first or name in then:
            one, two = (
                spell_value(name, answer.get(name), details.zone, request.frame.code, request.translate)
                for answer in (first, then)
            )
            yield ComparedRow(request.translate(FIELDS[name]), one, two)


def _late_rows(late: LateAnswers) -> Iterator[ComparedRow]:
    definition, apart = late.definition, late.quarantine.answers
    for item in definition.items:
        if item.code in apart or item.code in late.document:
            yield ComparedRow(
                definition.text.items[item.code],
                _answer(definition, item.code, late.saved),
                _answer(definition, item.code, {**late.document, **apart}),
                number=item.number,
            )


def _conflict_rows(conflict: ConflictingForm) -> Iterator[ComparedRow]:
    definition = conflict.definition
    for answer in conflict.answers:
        yield ComparedRow(
            definition.text.items[answer.item],
            _answer(definition, answer.item, {answer.item: answer.earlier}),
            _answer(definition, answer.item, {answer.item: answer.later}),
            number=definition.instrument.get_item(answer.item).number,
            first_at=answer.earlier_at,
            then_at=answer.later_at,
        )


def _answer(definition: FormDefinition, item: str, answers: Mapping[str, AnswerValue]) -> str:
    """An answer in words; a bar for one left blank, nothing where none was given."""
    return (answer_words(definition, item, answers[item]) or "–") if item in answers else ""
