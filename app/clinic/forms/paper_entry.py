"""Entering a form that was filled in on paper: which form, then every question on one page, by digits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.forms.answer_rows import (
    find_item_field,
    list_choices,
    name_form,
    name_questions,
    split_questions,
)
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults, words_by_label
from app.clinic.frame.typed_day import TypedDay, read_typed_day
from app.clinic.records.participant_rows import FormCell, build_cell, instrument_name, participant_url
from app.clinic.request import (
    ParticipantStaffRequest,
    PermittedRequest,
    PostedFields,
    get_overview,
    url_of_participant,
)
from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.paper import PaperReason
from app.domain.instruments.definition import Condition, Item
from app.domain.refusal import Refused, capture_refusal, check_all, require_result
from app.domain.typed_text import drop_unwritable
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.clinic.paper.entries import (
    BLANK,
    LONGEST_PAPER,
    TypedAnswer,
    TypedPaper,
    check_typed_paper,
    enter_paper,
    get_paper_form,
    get_typed_paper_form,
    takes_paper,
)
from app.services.clinic.paper.storing import PaperForm
from app.services.clinic.participant_overview import FormState
from app.web.form_fields import ActCode, ActWords
from app.web.urls import PAPER_ENTRY, PAPER_FORMS

COLLECTED_ON = "collected_on"
LABELS = {
    COLLECTED_ON: N_("Day on which the participant filled it in"),
    "paper": N_("Which sheet of paper"),
    "reason": N_("Why on paper"),
    "helped_by": N_("Who wrote the answers down"),
    "late_reason": N_("Why the entry was late"),
    "note": N_("Why outside the window"),
}


@dataclass(frozen=True, slots=True)
class PaperItem:
    """One question with its answers; `choices` is empty where a number or words are typed.

    `when` says after which answer it is asked, as the script reads it; `follows` is the number of that
    question. `typed` is the value that was chosen or typed.
    """

    code: str
    number: int
    question: str
    choices: tuple[tuple[str, str], ...]
    free_text: bool
    skippable: bool
    when: str
    follows: int
    typed: str = ""
    blank: bool = False


@dataclass(frozen=True, slots=True)
class PaperPage:
    """A paper form to enter; `lang` is that of its questions."""

    template: ClassVar[str] = "clinic/paper.html"
    subject: str
    name: str
    visit: str
    day: date | None
    back_url: str
    action_url: str
    lang: str
    opens_on: date
    closes_on: date
    items: tuple[PaperItem, ...]
    reasons: tuple[str, ...]
    helpers: tuple[str, ...]
    late_reasons: tuple[str, ...]
    longest: int
    collected_on: TypedDay
    values: Mapping[str, str]
    first: bool = False  # of two entries, by two people
    second: bool = False
    listed: bool = False  # it has a list
    faults: FormFaults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class PaperFormChoice:
    """A form that can be entered from paper."""

    cell: FormCell
    url: str
    name: str
    visit: str
    opens_on: date | None
    closes_on: date | None


@dataclass(frozen=True, slots=True)
class PaperFormsPage:
    """Which form is on the paper: those that are open or missed, the newest first."""

    template: ClassVar[str] = "clinic/paper_forms.html"
    subject: str
    back_url: str
    forms: tuple[PaperFormChoice, ...]


router = APIRouter(include_in_schema=False)


@router.get(PAPER_FORMS)
def choose_paper_form(request: PermittedRequest) -> Response:
    view = get_overview(request)
    states = [state for state in (*view.forms, *view.diary) if takes_paper(state.slot, request.at)]

    def choice(state: FormState) -> PaperFormChoice:
        slot, cell = state.slot, build_cell(view, state)
        name = instrument_name(request.installation, view, slot.instrument, request.frame.code)
        return PaperFormChoice(cell, f"{cell.url}/paper", name, slot.visit, slot.opens_on, slot.closes_on)

    states.sort(key=lambda state: state.slot.opens_on or date.min, reverse=True)
    forms = tuple(choice(state) for state in states)
    return request.show(PaperFormsPage(view.participant.subject, participant_url(view), forms))


@router.get(PAPER_ENTRY)
def show_paper_form(request: PermittedRequest, slot: str) -> Response:
    form = get_paper_form(request.context, request.participant.participant_id, slot)
    return request.show(_page(request, form, {}))


@router.post(PAPER_ENTRY)
def post_paper(
    request: PermittedRequest,
    slot: str,
    fields: PostedFields,
    paper: ActWords = "",
    reason: ActCode = "",
    helped_by: ActCode = "",
    note: ActWords = "",
    late_reason: ActCode = "",
) -> Response:
    day, participant = read_typed_day(fields, COLLECTED_ON), request.participant.participant_id
    typed = TypedPaper(
        answers=_read_answers(fields),
        collected_on=day.on or date.min,
        paper=paper,
        reason=reason,
        helped_by=helped_by,
        note=note,
        late_reason=late_reason,
    )
    dated = day.on is not None
    try:
        read = capture_refusal(
            lambda: check_typed_paper(request.context, participant, slot, typed, dated=dated)
        )
        check_all(
            request.act.check_texts,
            lambda: day.parse(COLLECTED_ON),
            lambda: require_result(read),
        )
        enter_paper(request.context, participant, slot, typed, require_result(read))
    except Refused as refused:
        return _show_refused(request, slot, fields, refused)
    return request.finish()


def _show_refused(
    request: ParticipantStaffRequest, slot: str, fields: Mapping[str, str], refused: Refused
) -> Response:
    """The form with everything that was typed, and what is wrong with it."""
    form = get_typed_paper_form(request.context, request.participant.participant_id, slot)
    faults = list_faults(
        request,
        split_questions(refused),
        LABELS,
        find=lambda fault: find_item_field(fault, "item") or find_field(fault, LABELS),
        tell=lambda fault: words_by_label(request, name_questions(fault, form.definition), LABELS),
    )
    return request.show(replace(_page(request, form, fields), faults=faults), refused)


def _read_answers(fields: Mapping[str, str]) -> Sequence[TypedAnswer]:
    """What was typed for each question that the form named, in the order of the page."""
    codes = (name.removeprefix("a_") for name in fields if name.startswith("a_"))
    blanks = (name.removeprefix("blank_") for name in fields if name.startswith("blank_"))
    return [_read_answer(code, fields) for code in dict.fromkeys((*codes, *blanks))]


def _read_answer(code: str, fields: Mapping[str, str]) -> TypedAnswer:
    typed = drop_unwritable(fields.get(f"a_{code}", ""))
    return TypedAnswer(code, typed, blank=f"blank_{code}" in fields)


def _page(request: ParticipantStaffRequest, form: PaperForm, fields: Mapping[str, str]) -> PaperPage:
    definition, slot = form.definition, form.slot
    back = f"{url_of_participant(form.participant.public_id)}/forms/{slot.public_id}"
    spoken = find_language(definition.text.lang)
    return PaperPage(
        subject=form.participant.subject,
        name=name_form(request.installation, definition.plan, definition.instrument, request.frame.code),
        visit=slot.visit,
        day=slot.for_day,
        back_url=back,
        action_url=f"{back}/paper",
        lang=spoken.tag if spoken else definition.text.lang,
        opens_on=form.window.opens_on,
        closes_on=form.window.closes_on,
        items=tuple(_item(form, item, fields) for item in definition.items),
        reasons=tuple(code.value for code in PaperReason),
        helpers=tuple(code.value for code in HelpedBy),
        late_reasons=tuple(code.value for code in LateReason) if form.asks_late_reason else (),
        longest=LONGEST_PAPER,
        collected_on=read_typed_day(fields, COLLECTED_ON),
        values={name: drop_unwritable(typed) for name, typed in fields.items()},
        first=form.awaits_first,
        second=form.awaits_second(request.actor.id),
        listed=definition.instrument.list_item is not None,
    )


def _item(form: PaperForm, item: Item, fields: Mapping[str, str]) -> PaperItem:
    text, instrument = form.definition.text, form.definition.instrument
    choices, typed = list_choices(item, text), _read_answer(item.code, fields)
    return PaperItem(
        code=item.code,
        number=item.number,
        question=text.items[item.code],
        choices=choices,
        free_text=item.free_text,
        skippable=item.skippable,
        when=_rule(item.condition),
        follows=instrument.get_item(item.condition.item).number if item.condition else 0,
        typed=typed.typed,
        blank=typed.blank or bool(choices and typed.typed == BLANK),
    )


def _rule(condition: Condition | None) -> str:
    return f"{condition.item}{condition.op.value}{condition.value}" if condition else ""
