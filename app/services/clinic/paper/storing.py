"""Storing a validated paper entry: it waits for a second one, becomes the response, or is set aside."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, select

from app.domain.capture.answers import CollectionMode, HelpedBy, LateReason
from app.domain.capture.arrival import Arrival
from app.domain.capture.document import content_digest
from app.domain.capture.paper import PaperOutcome, PaperReason
from app.domain.instruments.responses import ValidAnswers
from app.domain.plans.windows import Window
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition
from app.services.capture.paper_submission import PAPER_BASE, submit_paper
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission import get_first_response
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.storage.queries.slots import paper_waits
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import PaperEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class PaperForm:
    """A form that can be entered from paper, in the participant's words.

    `asks_late_reason`: a diary entry that was filled in late takes a reason. `waiting` is the entry that
    waits for a second one, or for the data manager, in a plan that asks for two.
    """

    participant: Participant
    slot: Slot
    window: Window
    definition: FormDefinition
    asks_late_reason: bool
    waiting: PaperEntry | None

    @property
    def awaits_first(self) -> bool:
        """Whether the entry that comes is the first of two."""
        return self.definition.plan.double_paper_entry and self.waiting is None

    def awaits_second(self, actor_id: str) -> bool:
        """Whether this person's entry would be the second of two."""
        waiting = self.waiting
        return (
            waiting is not None and waiting.outcome is PaperOutcome.first and waiting.entered_by != actor_id
        )


@dataclass(frozen=True, slots=True)
class CheckedPaper:
    """What was typed, as it is stored."""

    document: ValidAnswers
    collected_on: date
    arrival: Arrival
    paper: str
    reason: PaperReason
    helped_by: HelpedBy | None
    note: str | None
    late_reason: LateReason | None


def find_waiting_entry(session: Session, slot: Slot) -> PaperEntry | None:
    """The newest entry of a form, if it waits for a second one or for the data manager."""
    return session.exec(select(PaperEntry).where(PaperEntry.slot_id == slot.id, *paper_waits())).first()


def is_same_sheet(entry: PaperEntry, checked: CheckedPaper) -> bool:
    """Whether a second person entered the same answers and the same day."""
    same_day = entry.collected_on == checked.collected_on
    return same_day and content_digest(entry.answers) == content_digest(checked.document)


def store_paper(
    context: StaffContext,
    work: UnitOfWork,
    form: PaperForm,
    checked: CheckedPaper,
    outcome: PaperOutcome,
) -> PaperOutcome:
    """Submit a paper entry as the form's response; set it aside if the form was sent or the person had left.

    Raises Refused("same_answers_sent") for a form that was sent with the same answers.
    """
    if form.slot.submitted_at is not None:
        return _quarantine(context, work, form, checked, "already_submitted")
    if checked.arrival is Arrival.quarantined:
        return _quarantine(context, work, form, checked, "arrived_too_late")
    return _submit(context, work, form, checked, outcome)


def _quarantine(
    context: StaffContext, work: UnitOfWork, form: PaperForm, checked: CheckedPaper, why: str
) -> PaperOutcome:
    """Store it beside the form, for the data manager; the same answers as those that were sent are not."""
    if form.slot.submitted_at is not None:
        submitted = get_first_response(work.session, form.slot)
        if content_digest(checked.document) == submitted.content_sha256:
            raise Refused("same_answers_sent", receipt=submitted.public_id)
    record_entry(context, work, form, checked, PaperOutcome.kept_apart)
    untrusted = context.installation.clock_watch.untrusted
    mode = CollectionMode.paper
    quarantine_answers(work, form.slot, checked.document, why, None, mode=mode, clock_untrusted=untrusted)
    return PaperOutcome.kept_apart


def _submit(
    context: StaffContext,
    work: UnitOfWork,
    form: PaperForm,
    checked: CheckedPaper,
    outcome: PaperOutcome,
) -> PaperOutcome:
    slot = form.slot
    entry = record_entry(context, work, form, checked, outcome)
    # It counts as begun from here on, so that its window, words and plan never change any more.
    slot.begun_at = slot.begun_at or context.at
    slot.helped_by, slot.late_reason = checked.helped_by, checked.late_reason
    submitted = SubmittedForm(
        answers=checked.document,
        submission=f"paper:{entry.public_id}",
        reviewed=True,
        presentation={"layout": "paper"},
        base=PAPER_BASE,
        collected_on=checked.collected_on,
    )
    submit_paper(context.installation, work, form.definition, slot, submitted)
    return outcome


def record_entry(
    context: StaffContext,
    work: UnitOfWork,
    form: PaperForm,
    checked: CheckedPaper,
    outcome: PaperOutcome,
) -> PaperEntry:
    """Store one entry of a sheet, whatever becomes of it."""
    entry = PaperEntry(
        public_id=new_public_id(),
        participant_id=form.participant.id,
        study_id=form.participant.study_id,
        slot_id=form.slot.id,
        answers=dict(checked.document),
        collected_on=checked.collected_on,
        paper=checked.paper,
        reason=checked.reason,
        note=checked.note,
        helped_by=checked.helped_by,
        late_reason=checked.late_reason,
        outcome=outcome,
        entered_at=context.at,
        entered_by=context.actor.id,
    )
    work.session.add(entry)
    about = FieldChange(record_name(form.slot), "paper", None, entry.public_id)
    chain = participant_chain(entry.participant_id)
    settles = outcome in (PaperOutcome.settled, PaperOutcome.discarded)
    event = AuditEvent.PAPER_SETTLED if settles else AuditEvent.PAPER_ENTERED
    work.record(event, chain, reason=checked.note, changes=[about])
    return entry
