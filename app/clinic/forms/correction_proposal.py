"""Proposing a correction: first which questions, then the new answers and the evidence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.clinic.forms.answer_rows import (
    answer_words,
    find_item_field,
    list_choices,
    name_form,
    name_questions,
    split_questions,
)
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults, words_by_label
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, PostedFields, url_of_participant
from app.domain.capture.corrections import CorrectionEvidence, CorrectionReason
from app.domain.instruments.definition import Item
from app.domain.refusal import Refused, capture_refusal, check_all, require_result
from app.domain.typed_text import drop_unwritable
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.clinic.corrections.proposals import (
    CorrectableForm,
    ProposalEntry,
    ProposedAnswer,
    check_proposal,
    get_correctable_form,
    propose_correction,
    view_correctable_form,
)
from app.web.form_fields import ActCode, ActWords, parse_number
from app.web.urls import FORM_COPY, FORM_CORRECTION


@dataclass(frozen=True, slots=True)
class ChosenItem:
    """A question whose answer shall change. `now` is None for readers who may not see answers.

    `choices` is empty where a number or words are typed.
    """

    code: str
    number: int
    question: str
    now: str | None
    choices: tuple[tuple[str, str], ...]
    free_text: bool
    skippable: bool
    typed: str = ""
    blank: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """A correction to propose. Without `items` it asks which questions; `lang` is that of the questions.

    `waiting_urls` are other proposals for the same form that wait for a signature.
    """

    template: ClassVar[str] = "clinic/correct.html"
    subject: str
    name: str
    visit: str
    back_url: str
    action_url: str
    waiting_urls: tuple[str, ...]
    lang: str
    questions: tuple[tuple[str, int, str], ...]
    items: tuple[ChosenItem, ...]
    reasons: tuple[str, ...]
    ways: tuple[str, ...]
    version: int
    first_day: date
    last_day: date
    sees_answers: bool
    words: str = ""
    told_on: TypedDay = NOTHING_TYPED
    evidence: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {
    "item": N_("Which answers are wrong?"),
    "new": N_("New answer"),
    "reason": N_("Why the answer is wrong"),
    "words": N_("What the participant said, in their own words"),
    "told_on": N_("The day on which they said it"),
    "evidence": N_("How they confirmed it"),
}

ItemCodes = Annotated[list[str], Query(max_length=200)]

router = APIRouter(include_in_schema=False)


@router.get(FORM_CORRECTION)
def show_correction_form(
    request: PermittedRequest,
    slot: str,
    item: ItemCodes = [],  # noqa: B006 - a query's default, which FastAPI copies
    chosen: str = "",
) -> Response:
    """Which questions, then their answers; `chosen` comes with the press that goes on to these."""
    read = view_correctable_form if item else get_correctable_form
    form = read(request.context, request.participant.participant_id, slot)
    page = _page(request, form, _chosen(request, form, item, {}))
    if chosen and not page.items:
        nothing = Refused("nothing_to_correct", field="item")
        return request.show(replace(page, faults=list_faults(request, nothing, LABELS)), nothing)
    return request.show(page)


@router.post(FORM_CORRECTION)
def propose_form_correction(
    request: PermittedRequest,
    slot: str,
    fields: PostedFields,
    told_on: Annotated[TypedDay, Depends(day_of_form("told_on"))],
    items: ActCode = "",
    version: ActCode = "",
    words: ActWords = "",
    evidence: ActCode = "",
) -> Response:
    codes = [code for code in items.split(",") if code]
    participant = request.participant.participant_id
    form = get_correctable_form(request.context, participant, slot)
    try:
        entry = ProposalEntry(
            response_version=parse_number(version, "version"),
            answers=[_read_answer(code, fields) for code in codes],
            words=words,
            told_on=told_on.on or form.last_day,
            evidence=evidence,
        )
        checked = capture_refusal(lambda: check_proposal(form, entry))
        check_all(
            request.act.check_texts,
            lambda: told_on.parse("told_on"),
            lambda: require_result(checked),
        )
        propose_correction(request.context, participant, slot, entry, require_result(checked))
    except Refused as refused:
        form = view_correctable_form(request.context, participant, slot)
        page = _page(request, form, _chosen(request, form, [*codes, *_missing(refused)], fields))
        page = replace(page, words=words, told_on=told_on, evidence=evidence)
        return request.show(replace(page, faults=_list_faults(request, refused, form)), refused)
    return request.finish()


def _list_faults(request: ParticipantStaffRequest, refused: Refused, form: CorrectableForm) -> FormFaults:
    return list_faults(
        request,
        split_questions(refused),
        LABELS,
        find=_find_field,
        tell=lambda fault: words_by_label(request, name_questions(fault, form.definition), LABELS),
    )


def _read_answer(code: str, fields: Mapping[str, str]) -> ProposedAnswer:
    return ProposedAnswer(
        item=code,
        typed=drop_unwritable(fields.get(f"new_{code}", "")),
        reason=fields.get(f"reason_{code}", ""),
        blank=f"blank_{code}" in fields or fields.get(f"new_{code}") == "blank",
    )


def _missing(refused: Refused) -> Sequence[str]:
    """Questions that the new answers make the form ask, and which have no answer yet."""
    items = refused.details.get("items", ())
    return [str(item) for item in items] if isinstance(items, tuple) and refused.code == "unanswered" else []


def _find_field(refused: Refused) -> str:
    """Where the fault stands on the page."""
    part = "reason" if refused.code == "correction_reason_needed" else "new"
    return find_item_field(refused, part) or find_field(refused, LABELS)


def _chosen(
    request: ParticipantStaffRequest, form: CorrectableForm, codes: Collection[str], fields: Mapping[str, str]
) -> tuple[ChosenItem, ...]:
    return tuple(_item(request, form, item, fields) for item in form.definition.items if item.code in codes)


def _item(
    request: ParticipantStaffRequest, form: CorrectableForm, item: Item, fields: Mapping[str, str]
) -> ChosenItem:
    text, answers = form.definition.text, form.response.answers
    choices = list_choices(item, text)
    follows = bool(fields) and f"new_{item.code}" not in fields
    typed = _read_answer(item.code, fields)
    now = answer_words(form.definition, item.code, answers[item.code]) if item.code in answers else "–"
    return ChosenItem(
        code=item.code,
        number=item.number,
        question=text.items[item.code],
        now=now if request.offers_route(FORM_COPY) else None,
        choices=choices,
        free_text=item.free_text,
        skippable=item.skippable,
        typed="blank" if choices and typed.blank else typed.typed,
        blank=typed.blank,
        reason=CorrectionReason.follows.value if follows else typed.reason,
    )


def _page(
    request: ParticipantStaffRequest, form: CorrectableForm, items: tuple[ChosenItem, ...]
) -> ProposalPage:
    definition = form.definition
    person = url_of_participant(form.participant.public_id)
    back = f"{person}/forms/{form.slot.public_id}"
    spoken = find_language(definition.text.lang)
    return ProposalPage(
        subject=form.participant.subject,
        name=name_form(request.installation, definition.plan, definition.instrument, request.frame.code),
        visit=form.slot.visit,
        back_url=back,
        action_url=f"{back}/correction",
        waiting_urls=tuple(f"{person}/corrections/{correction}" for correction in form.waiting),
        lang=spoken.tag if spoken else definition.text.lang,
        questions=tuple(
            (item.code, item.number, definition.text.items[item.code]) for item in definition.items
        ),
        items=items,
        reasons=tuple(code.value for code in CorrectionReason),
        ways=tuple(code.value for code in CorrectionEvidence),
        version=form.response.version,
        first_day=form.first_day,
        last_day=form.last_day,
        sees_answers=request.offers_route(FORM_COPY),
    )
