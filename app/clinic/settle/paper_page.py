"""Paper entries that wait: two people entered one sheet differently, or the phone sent before the second."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.forms.answer_rows import answer_words, name_form
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, PostedFields, url_of_participant
from app.domain.capture.corrections import find_changed_items
from app.domain.instruments.responses import AnswerValue
from app.domain.refusal import Refused, capture_refusal, check_all, require_result
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.clinic.paper.comparison import (
    COLLECTED_ON,
    PaperChoices,
    PaperDifference,
    check_choices,
    settle_paper,
    view_paper_difference,
)
from app.web.form_fields import ActCode, ActWords
from app.web.urls import PAPER_DIFFERENCES, SETTLE

DISCARD = "discard"
LABELS = {"reason": N_("Reason")}


@dataclass(frozen=True, slots=True)
class PaperChoice:
    """One thing that differs; `days` are given for the day. "" is left blank, None is not asked."""

    name: str
    number: int
    question: str
    first: str | None
    second: str | None
    chosen: str
    days: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class PaperDifferencePage:
    """What differs, and the choice; `lang` is that of the questions. Without `second` it is settled by now.

    `alone`: one entry waits, of a form that was sent; then `rows` are where it differs from what was sent,
    and `hidden`: this reader may not see that.
    """

    template: ClassVar[str] = "clinic/settle/paper.html"
    subject: str
    name: str
    visit: str
    back_url: str
    action_url: str
    list_url: str
    lang: str
    second: str
    first_by: str
    second_by: str
    rows: tuple[PaperChoice, ...]
    own: bool
    submitted: bool = False  # by the participant, meanwhile
    alone: bool = False
    hidden: bool = False
    reason: str = ""
    discard: bool = False
    faults: FormFaults = NO_FAULTS


router = APIRouter(include_in_schema=False)


@router.get(PAPER_DIFFERENCES)
def show_paper_difference(request: PermittedRequest, slot: str) -> Response:
    return request.show(_page(request, slot, {}))


@router.post(PAPER_DIFFERENCES)
def settle_paper_difference(
    request: PermittedRequest,
    slot: str,
    fields: PostedFields,
    second: ActCode = "",
    reason: ActWords = "",
    decision: ActCode = "",
) -> Response:
    chosen = {name.removeprefix("c_"): value for name, value in fields.items() if name.startswith("c_")}
    choices, participant = (
        PaperChoices(second, chosen, reason, decision == DISCARD),
        request.participant.participant_id,
    )
    try:
        known = capture_refusal(lambda: check_choices(request.context, participant, slot, choices))
        check_all(request.act.check_texts, lambda: require_result(known))
        settle_paper(request.context, participant, slot, choices, require_result(known))
    except Refused as refused:
        page = replace(_shown_again(request, slot, chosen), reason=reason, discard=choices.discard)
        faults = list_faults(request, refused, LABELS, find=_find_field, tell=request.translate_refusal)
        return request.show(replace(page, faults=faults), refused)
    return request.finish()


def _shown_again(
    request: ParticipantStaffRequest, slot: str, chosen: Mapping[str, str]
) -> PaperDifferencePage:
    """The choice with what was chosen; without one where it is settled by now, so that no word is lost."""
    try:
        return _page(request, slot, chosen)
    except Refused as refused:
        if refused.code != "matter_closed":
            raise
    back = f"{url_of_participant(request.participant.public_id)}/forms/{slot}"
    return PaperDifferencePage(
        subject=request.participant.subject,
        name="",
        visit="",
        back_url=back,
        action_url=f"{back}/paper/differences",
        list_url=request.frame.back_to(SETTLE),
        lang="",
        second="",
        first_by="",
        second_by="",
        rows=(),
        own=False,
    )


def _find_field(refused: Refused) -> str:
    if refused.code == "choice_needed":
        return f"choice_{refused.details['field']}"
    return find_field(refused, LABELS)


def _page(request: ParticipantStaffRequest, slot: str, chosen: Mapping[str, str]) -> PaperDifferencePage:
    difference = view_paper_difference(request.context, request.participant.participant_id, slot)
    form, definition = difference.form, difference.form.definition
    back = f"{url_of_participant(form.participant.public_id)}/forms/{form.slot.public_id}"
    spoken = find_language(definition.text.lang)
    return PaperDifferencePage(
        subject=form.participant.subject,
        name=name_form(request.installation, definition.plan, definition.instrument, request.frame.code),
        visit=form.slot.visit,
        back_url=back,
        action_url=f"{back}/paper/differences",
        list_url=request.frame.back_to(SETTLE),
        lang=spoken.tag if spoken else definition.text.lang,
        second=difference.second.public_id,
        first_by=difference.names.get(difference.first.entered_by, difference.first.entered_by),
        second_by=difference.names.get(difference.second.entered_by, difference.second.entered_by),
        rows=tuple(_submitted_rows(difference) if difference.waits_alone else _rows(difference, chosen)),
        own=difference.own,
        submitted=form.slot.submitted_at is not None,
        alone=difference.waits_alone,
        hidden=difference.waits_alone and difference.submitted is None,
    )


def _rows(difference: PaperDifference, chosen: Mapping[str, str]) -> Iterator[PaperChoice]:
    yield from (_row(difference, name, chosen.get(name, "")) for name in difference.differing)


def _submitted_rows(difference: PaperDifference) -> Iterator[PaperChoice]:
    """Where the one entry differs from what was sent: the first is what was sent, the second the paper."""
    definition, submitted, paper = difference.form.definition, difference.submitted, difference.second.answers
    for item in find_changed_items(submitted, paper) if submitted is not None else ():
        first, second = (
            answer_words(definition, item, answers[item]) if item in answers else None
            for answers in (submitted or {}, paper)
        )
        number, question = definition.instrument.get_item(item).number, definition.text.items[item]
        yield PaperChoice(item, number, question, first, second, "")


def _row(difference: PaperDifference, name: str, chosen: str) -> PaperChoice:
    definition = difference.form.definition
    if name == COLLECTED_ON:
        days = difference.first.collected_on, difference.second.collected_on
        return PaperChoice(name, 0, "", None, None, chosen, days)

    def words(answers: Mapping[str, AnswerValue]) -> str | None:
        return answer_words(definition, name, answers[name]) if name in answers else None

    return PaperChoice(
        name,
        definition.instrument.get_item(name).number,
        definition.text.items[name],
        words(difference.first.answers),
        words(difference.second.answers),
        chosen,
    )
