"""Paper entries that wait for the data manager: two that differ, or one of a form that was sent meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlmodel import Session, col, select

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.corrections import find_changed_items
from app.domain.capture.document import complete_document, content_digest
from app.domain.capture.paper import PaperOutcome, classify_paper
from app.domain.instruments.responses import AnswerValue, ValidAnswers, without_unasked
from app.domain.people.names import parse_reason
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused, check_all, raise_all
from app.services.capture.forms import FormDefinition
from app.services.capture.submission import get_first_response
from app.services.clinic.paper.entries import check_takes_paper, read_paper_form
from app.services.clinic.paper.storing import (
    CheckedPaper,
    PaperForm,
    find_waiting_entry,
    record_entry,
    store_paper,
)
from app.services.core.context import StaffContext
from app.storage.queries.slots import slot_facts
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import PaperEntry

COLLECTED_ON = "collected_on"
"""How the day is named among the things that differ."""
CHOICES = ("first", "second")


@dataclass(frozen=True, slots=True)
class PaperDifference:
    """Two entries of a form that differ, by whom, and where: codes of items, `COLLECTED_ON` for the day.

    `second` is `first` where one entry waits for another and the form was sent meanwhile; nothing differs
    then, and `submitted` are the answers of the phone, as far as this reader may see them. `own`: this reader
    entered one of the two, and leaves it to somebody else.
    """

    form: PaperForm
    first: PaperEntry
    second: PaperEntry
    names: Mapping[str, str]
    differing: tuple[str, ...]
    own: bool
    submitted: Mapping[str, AnswerValue] | None = None

    @property
    def waits_alone(self) -> bool:
        return self.first is self.second


@dataclass(frozen=True, slots=True)
class PaperChoices:
    """What is chosen: of each thing that differs the first or the second entry, and why.

    `second` names the entries that were shown; with `discard` both are set aside.
    """

    second: str
    chosen: Mapping[str, str]
    reason: str
    discard: bool = False


def view_paper_difference(context: StaffContext, participant_id: int, slot_id: str) -> PaperDifference:
    """The entries that wait for a decision; the look at their answers is audited.

    Raises Refused("matter_closed") where there are none.
    """
    with context.read() as session:
        difference = _read(context, session, participant_id, slot_id)
        seen = FieldChange(record_name(difference.form.slot), "paper", None, difference.second.public_id)
    with replace(context, act=None).unit_of_work() as work:
        work.record(AuditEvent.ANSWERS_VIEWED, participant_chain(participant_id), changes=[seen])
    return difference


def settle_paper(
    context: StaffContext,
    participant_id: int,
    slot_id: str,
    choices: PaperChoices,
    known: FormDefinition | None = None,
) -> PaperOutcome:
    """Make what was chosen the form's response, by the rules of every paper form; or set both entries aside.

    Of a form that was sent meanwhile the choice lies apart, beside what was sent; of one that takes no paper
    any more, because nobody expects it, both entries can only be set aside; and so they are where the choice
    is what was sent.

    Raises Refused: "matter_closed", "state_changed" for other entries than were shown, "own_entry",
    "choice_needed" naming what is not chosen, "unanswered" where the choice leaves a question open that it
    asks, and as `parse_reason`, `check_takes_paper` and `store_paper`.
    """
    with context.unit_of_work() as work:
        work.lock(participant_chain(participant_id))
        difference = _read_shown(context, work.session, participant_id, slot_id, choices, known)
        if difference.own:
            raise Refused("own_entry")
        if difference.form.slot.submitted_at is None and not choices.discard:
            check_takes_paper(difference.form.slot, context.at)
        _check_choices(difference, choices)
        reason = parse_reason(choices.reason)
        if choices.discard:
            second = _checked(difference, difference.second, ValidAnswers(difference.second.answers), reason)
            record_entry(context, work, difference.form, second, PaperOutcome.discarded)
            return PaperOutcome.discarded
        dated = difference.second if choices.chosen.get(COLLECTED_ON) == "second" else difference.first
        document = _chosen_document(difference, choices.chosen)
        checked = _checked(difference, dated, document, reason)
        if _is_submitted(work.session, difference.form, document):
            record_entry(context, work, difference.form, checked, PaperOutcome.discarded)
            return PaperOutcome.discarded
        became = store_paper(context, work, difference.form, checked, PaperOutcome.settled)
        if became is PaperOutcome.kept_apart:  # the two entries wait no more all the same
            record_entry(context, work, difference.form, checked, PaperOutcome.discarded)
        return became


def check_choices(
    context: StaffContext, participant_id: int, slot_id: str, choices: PaperChoices
) -> FormDefinition:
    """Check them by themselves, and return what the form asks, which `settle_paper` need not make again.

    Raises Refused: "state_changed", "choice_needed" for each open difference, or as `parse_reason`.
    """
    with context.read() as session:
        difference = _read_shown(context, session, participant_id, slot_id, choices)
        _check_choices(difference, choices)
        return difference.form.definition


def _read_shown(
    context: StaffContext,
    session: Session,
    participant_id: int,
    slot_id: str,
    choices: PaperChoices,
    known: FormDefinition | None = None,
) -> PaperDifference:
    difference = _read(context, session, participant_id, slot_id, known)
    if difference.second.public_id != choices.second:
        raise Refused("state_changed")
    return difference


def _check_choices(difference: PaperDifference, choices: PaperChoices) -> None:
    open_ones = [name for name in difference.differing if choices.chosen.get(name) not in CHOICES]
    needed = [] if choices.discard else [Refused("choice_needed", field=name) for name in open_ones]
    check_all(lambda: raise_all(needed), lambda: parse_reason(choices.reason))


def _read(
    context: StaffContext,
    session: Session,
    participant_id: int,
    slot_id: str,
    known: FormDefinition | None = None,
) -> PaperDifference:
    form = read_paper_form(context, session, participant_id, slot_id, known)
    second = find_waiting_entry(session, form.slot)
    if second is None or not (second.outcome is PaperOutcome.differs or form.slot.submitted_at):
        raise Refused("matter_closed")
    if second.outcome is PaperOutcome.first:
        return _read_alone(context, session, form, second)
    before = select(PaperEntry).where(
        PaperEntry.slot_id == form.slot.id,
        PaperEntry.outcome == PaperOutcome.first,
        col(PaperEntry.id) < second.id,
    )
    first = session.exec(before.order_by(col(PaperEntry.id).desc()).limit(1)).one()
    items = find_changed_items(first.answers, second.answers)
    days = () if first.collected_on == second.collected_on else (COLLECTED_ON,)
    names = find_staff_names(session, {first.entered_by, second.entered_by})
    own = context.actor.id in (first.entered_by, second.entered_by)
    return PaperDifference(form, first, second, names, (*days, *items), own)


def _read_alone(
    context: StaffContext, session: Session, form: PaperForm, entry: PaperEntry
) -> PaperDifference:
    """One entry that waits for no second any more, because the form was sent."""
    participant = form.participant
    sees = context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id)
    submitted = get_first_response(session, form.slot).answers if sees else None
    names = find_staff_names(session, {entry.entered_by})
    return PaperDifference(form, entry, entry, names, (), entry.entered_by == context.actor.id, submitted)


def _is_submitted(session: Session, form: PaperForm, document: ValidAnswers) -> bool:
    """Whether the form was sent with these very answers."""
    if form.slot.submitted_at is None:
        return False
    return content_digest(document) == get_first_response(session, form.slot).content_sha256


def _chosen_document(difference: PaperDifference, chosen: Mapping[str, str]) -> ValidAnswers:
    """The complete document of the chosen answers, without those that it leaves unasked."""
    entries = {"first": difference.first.answers, "second": difference.second.answers}
    answers: dict[str, AnswerValue] = {}
    for code in dict.fromkeys((*difference.first.answers, *difference.second.answers)):
        source = entries[chosen.get(code, "first")]
        if code in source:
            answers[code] = source[code]
    definition = difference.form.definition
    applicable = without_unasked(definition.instrument, answers, definition.leave_out)
    return complete_document(
        definition.instrument, ValidAnswers(applicable), definition.leave_out, reviewed=True
    )


def _checked(
    difference: PaperDifference, dated: PaperEntry, document: ValidAnswers, reason: str
) -> CheckedPaper:
    """The entry that is chosen, with everything else as in the one whose day it has."""
    return CheckedPaper(
        document=document,
        collected_on=dated.collected_on,
        arrival=classify_paper(difference.form.window, slot_facts(difference.form.slot), dated.collected_on),
        paper=dated.paper,
        reason=dated.reason,
        helped_by=HelpedBy(dated.helped_by) if dated.helped_by else None,
        note=reason,
        late_reason=LateReason(dated.late_reason) if dated.late_reason else None,
    )
