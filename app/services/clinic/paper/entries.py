"""Entering a form that the participant filled in on paper: judged, kept, and submitted like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.arrival import Arrival
from app.domain.capture.document import complete_document
from app.domain.capture.paper import PaperOutcome, PaperReason, classify_paper
from app.domain.capture.slot_view import SlotDates
from app.domain.instruments.definition import Item
from app.domain.instruments.responses import (
    NOT_TICKED,
    AnswerValue,
    ValidAnswers,
    parse_typed_answer,
    validate_answer,
    without_unasked,
)
from app.domain.people.identifying import names_somebody
from app.domain.plans.schedule import needs_late_reason
from app.domain.plans.status import ANSWERABLE, Status, died_in_window
from app.domain.plans.windows import Window, local_day, start_of_day
from app.domain.refusal import Refused, capture_refusal, check_all, raise_all, require_result
from app.domain.typed_text import trim_text, trim_words
from app.services.capture.forms import FormDefinition, redefine_form
from app.services.clinic.paper.storing import (
    CheckedPaper,
    PaperForm,
    find_waiting_entry,
    is_same_sheet,
    record_entry,
    store_paper,
)
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.services.setup.packs import check_form_wording
from app.storage.queries.participants import find_enrolment_days, get_readable_slot
from app.storage.queries.slots import planned_slot, slot_facts, slot_status, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import PaperEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork

BLANK = "blank"
LONGEST_PAPER = 80
"""Characters by which a sheet of paper is named."""


@dataclass(frozen=True, slots=True)
class TypedAnswer:
    """What somebody typed as the answer to an item.

    `blank`, or `BLANK` as the choice of an item that has choices: it was left blank on the paper.
    """

    item: str
    typed: str
    blank: bool = False


@dataclass(frozen=True, slots=True)
class TypedPaper:
    """A paper form as it is typed: answers, the day on which it was filled in, and which sheet it is.

    `reason` says why it was on paper, `note` why outside of the window, `late_reason` why a diary entry was
    late; `helped_by` who wrote the answers down, "" for the participant.
    """

    answers: Sequence[TypedAnswer]
    collected_on: date
    paper: str
    reason: str
    helped_by: str = ""
    note: str = ""
    late_reason: str = ""


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """The complete answer document of what was typed, and what the form asks by which it was read."""

    definition: FormDefinition
    document: ValidAnswers


def takes_paper(slot: SlotDates, at: datetime) -> bool:
    """Whether a form may be entered from paper: open or missed, or its participant died in its window."""
    status = slot_status(slot, at)
    if status is Status.not_expected:
        return died_in_window(window_of_slot(slot), slot_facts(slot))
    return status in ANSWERABLE or status is Status.missed


def get_paper_form(context: StaffContext, participant_id: int, slot_id: str) -> PaperForm:
    """A form to be entered from paper. Raises Refused: as `enter_paper` before anything was typed."""
    with context.read() as session:
        form = read_paper_form(context, session, participant_id, slot_id)
        check_takes_paper(form.slot, context.at)
        if form.waiting is not None:
            _check_turn(context, form.waiting)
        return form


def get_typed_paper_form(context: StaffContext, participant_id: int, slot_id: str) -> PaperForm:
    """A paper form for a page that shows again what was typed, whatever became of the form meanwhile."""
    with context.read() as session:
        return read_paper_form(context, session, participant_id, slot_id)


def enter_paper(
    context: StaffContext,
    participant_id: int,
    slot_id: str,
    typed: TypedPaper,
    read: ReadPaper | None = None,
) -> PaperOutcome:
    """Store what was typed, and submit it as the form's response, scored, audited and in the feed.

    Answers that the form cannot take, because it was sent meanwhile or filled in after the participant had
    left, lie apart for the data manager. Where a phone gave another answer before, both are listed as in
    conflict. What was `read` of it already is not read again. Raises Refused: "unknown_slot" (also for one
    that tells this reader the arm), "not_yet_open", "not_expected", "same_answers_sent", "no_translation",
    "date_in_future", "before_enrolment", "paper_needed", "words_too_long", "identifying_words",
    "paper_reason_needed", "unknown_choice", "outside_reason_needed", "late_reason_needed",
    "second_by_another", "paper_unsettled", "blank_and_typed" naming the item, "unanswered" naming the items,
    "nothing_ticked", and as `parse_typed_answer` and `check_form_wording`.
    """
    with context.unit_of_work() as work:
        work.lock(participant_chain(participant_id))
        known = read.definition if read else None
        form = read_paper_form(context, work.session, participant_id, slot_id, known)
        submitted = form.slot.submitted_at is not None
        if not submitted:
            check_takes_paper(form.slot, context.at)
        document = capture_refusal(lambda: _document_of(form.definition, typed, read))
        checked = _check_paper(context, work.session, form, typed, document)
        if form.waiting is not None and not submitted:
            _check_turn(context, form.waiting)
        if submitted or checked.arrival is Arrival.quarantined or not form.definition.plan.double_paper_entry:
            return store_paper(context, work, form, checked, PaperOutcome.submitted)
        return _enter_twice(context, work, form, checked)


def _enter_twice(
    context: StaffContext, work: UnitOfWork, form: PaperForm, checked: CheckedPaper
) -> PaperOutcome:
    """The first of two entries waits for another person; the second is compared with it."""
    if form.waiting is None:
        record_entry(context, work, form, checked, PaperOutcome.first)
        return PaperOutcome.first
    if is_same_sheet(form.waiting, checked):
        return store_paper(context, work, form, checked, PaperOutcome.submitted)
    record_entry(context, work, form, checked, PaperOutcome.differs)
    return PaperOutcome.differs


def _check_turn(context: StaffContext, waiting: PaperEntry) -> None:
    if waiting.outcome is PaperOutcome.differs:
        raise Refused("paper_unsettled")
    if waiting.entered_by == context.actor.id:
        raise Refused("second_by_another")


def read_paper_form(
    context: StaffContext,
    session: Session,
    participant_id: int,
    slot_id: str,
    known: FormDefinition | None = None,
) -> PaperForm:
    """A paper form, read in an open session, whatever became of it; what it asks may be `known` already.

    Raises Refused("unknown_slot", "not_yet_open").
    """
    participant = session.get_one(Participant, participant_id)
    plan = get_plan_of(context.installation, session, participant)
    slot = get_readable_slot(session, context.actor, plan, participant, slot_id)
    study, window = session.get_one(Study, participant.study_id), window_of_slot(slot)
    if window is None:
        raise Refused("not_yet_open")
    check_form_wording(context.installation, study.code, participant.language, slot, context.at)
    definition = redefine_form(context.installation, study.code, slot, participant.language, known)
    late = needs_late_reason(definition.plan, planned_slot(slot), start_of_day(window.closes_on, slot.zone))
    waiting = find_waiting_entry(session, slot) if definition.plan.double_paper_entry else None
    return PaperForm(participant, slot, window, definition, late, waiting)


def check_takes_paper(slot: Slot, at: datetime) -> None:
    """Refuse a form that takes no paper (any more). Raises Refused with the code of its state."""
    if takes_paper(slot, at):
        return
    status = slot_status(slot, at)
    codes = {Status.submitted: "already_submitted", Status.planned: "not_yet_open"}
    raise Refused(codes.get(status, "not_expected"))


def _check_paper(
    context: StaffContext,
    session: Session,
    form: PaperForm,
    typed: TypedPaper,
    document: ValidAnswers | Refused,
) -> CheckedPaper:
    check_all(
        lambda: _check_day(context, session, form, typed.collected_on),
        lambda: _check_sheet(typed.paper),
        lambda: _check_choices(typed),
        lambda: _check_late_reason(form, typed),
        lambda: _find_note(form, typed),
        lambda: require_result(document),
    )
    return CheckedPaper(
        collected_on=typed.collected_on,
        arrival=classify_paper(form.window, slot_facts(form.slot), typed.collected_on),
        paper=_check_sheet(typed.paper),
        reason=PaperReason(typed.reason),
        helped_by=HelpedBy(typed.helped_by) if typed.helped_by else None,
        note=_find_note(form, typed),
        late_reason=_check_late_reason(form, typed),
        document=require_result(document),
    )


def check_typed_paper(
    context: StaffContext, participant_id: int, slot_id: str, typed: TypedPaper, *, dated: bool
) -> ReadPaper:
    """Every field by itself, as `enter_paper` refuses it; without what rests on the day if not `dated`."""
    with context.read() as session:
        form = read_paper_form(context, session, participant_id, slot_id)
        document = capture_refusal(lambda: _read_document(form.definition, typed.answers))
        if dated:
            _check_paper(context, session, form, typed, document)
        check_all(
            lambda: _check_sheet(typed.paper),
            lambda: _check_choices(typed),
            lambda: require_result(document),
        )
        return ReadPaper(form.definition, require_result(document))


def _document_of(definition: FormDefinition, typed: TypedPaper, read: ReadPaper | None) -> ValidAnswers:
    """What was read of the answers, if it was read by what the form asks now."""
    if read is None or not read.definition.asks_as(definition):
        return _read_document(definition, typed.answers)
    return read.document


def _check_choices(typed: TypedPaper) -> None:
    refusals = []
    if typed.reason not in tuple(PaperReason):
        refusals.append(Refused("paper_reason_needed", field="reason", allowed=tuple(PaperReason)))
    if typed.helped_by not in ("", *HelpedBy):
        refusals.append(Refused("unknown_choice", field="helped_by", allowed=tuple(HelpedBy)))
    raise_all(refusals)


def _find_note(form: PaperForm, typed: TypedPaper) -> str | None:
    """Why it was filled in outside of the window; None where it was not."""
    arrival = classify_paper(form.window, slot_facts(form.slot), typed.collected_on)
    return _check_note(form.window, typed.note) if arrival is Arrival.out_of_window else None


def _check_day(context: StaffContext, session: Session, form: PaperForm, collected_on: date) -> None:
    """The participant filled it in since they were enrolled, and not in the future."""
    today = local_day(context.at, form.slot.zone)
    if collected_on > today:
        raise Refused("date_in_future", field="collected_on", latest=today)
    enrolled_on = find_enrolment_days(session, [form.participant])[form.participant.id]
    if collected_on < enrolled_on:
        raise Refused("before_enrolment", field="collected_on", earliest=enrolled_on)


def _check_sheet(typed: str) -> str:
    paper = " ".join(trim_words(typed).split())
    if not paper:
        raise Refused("paper_needed", field="paper")
    if len(paper) > LONGEST_PAPER:
        raise Refused("words_too_long", field="paper", most=LONGEST_PAPER)
    return paper


def _check_note(window: Window, typed: str) -> str:
    note = trim_words(typed)
    if not note:
        raise Refused("outside_reason_needed", field="note", low=window.opens_on, high=window.closes_on)
    if names_somebody(note):
        raise Refused("identifying_words", field="note")
    return note


def _check_late_reason(form: PaperForm, typed: TypedPaper) -> LateReason | None:
    collected_at = start_of_day(typed.collected_on, form.slot.zone)
    if not needs_late_reason(form.definition.plan, planned_slot(form.slot), collected_at):
        return None
    if typed.late_reason not in tuple(LateReason):
        raise Refused("late_reason_needed", field="late_reason", allowed=tuple(LateReason))
    return LateReason(typed.late_reason)


def _read_document(definition: FormDefinition, typed: Sequence[TypedAnswer]) -> ValidAnswers:
    """The complete answer document; an answer to a question that the others leave unasked is left out."""
    answers: dict[str, AnswerValue] = {}
    instrument, leave_out, refusals = definition.instrument, definition.leave_out, []
    for answer in typed:
        try:
            answers.update(_read_answer(instrument.get_item(answer.item), answer))
        except Refused as refused:
            refusals.append(refused)
    applicable = ValidAnswers(without_unasked(instrument, answers, leave_out))
    document = capture_refusal(lambda: complete_document(instrument, applicable, leave_out, reviewed=True))
    check_all(lambda: raise_all(refusals), lambda: require_result(document))
    return require_result(document)


def _read_answer(item: Item, typed: TypedAnswer) -> Mapping[str, AnswerValue]:
    """The answer by its item; none where nothing stands on the paper."""
    is_blank = item.has_choices and typed.typed == BLANK
    is_answered = bool(trim_text(typed.typed)) and not is_blank
    if is_answered and typed.blank:
        raise Refused("blank_and_typed", item=item.code)
    if typed.blank or is_blank:
        return {item.code: validate_answer(item, None)}
    if is_answered:
        return {item.code: parse_typed_answer(item, typed.typed)}
    # an empty line beside the box of a list
    return {item.code: NOT_TICKED} if item.listed and not item.has_choices else {}
