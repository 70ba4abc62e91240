"""Filling a form: what it asks, opening and beginning it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, select

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.arrival import check_open
from app.domain.capture.outbox import item_tokens
from app.domain.instruments.definition import Condition, Instrument, Item
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import InstrumentText
from app.domain.plans.plan import Plan
from app.domain.plans.schedule import needs_late_reason
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import ParticipantContext, ParticipantSession
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.core.plans import items_left_out
from app.services.schedule.reminder_preference import reminder_preference
from app.services.schedule.slots import next_due_at, queued_kinds
from app.services.setup.packs import check_form_wording
from app.services.setup.site_words import urgent_words
from app.storage.queries.slots import planned_slot, slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import read_draft
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class FormDefinition:
    """What a slot asks, in the participant's words, whatever its state."""

    slot: Slot
    plan: Plan
    instrument: Instrument
    text: InstrumentText
    leave_out: frozenset[str]

    @property
    def items(self) -> tuple[Item, ...]:
        """The items that the plan uses, in the instrument's order."""
        return tuple(item for item in self.instrument.items if item.code not in self.leave_out)

    @property
    def name(self) -> str:
        """What the form is called in the participant's language: by the plan or the instrument."""
        return self.plan.form_name(self.instrument.id, self.text.lang) or self.text.name

    @property
    def marks(self) -> tuple[Condition, ...]:
        """The answers that the plan calls urgent, beside the instrument's own."""
        return next(used.urgent for used in self.plan.instruments if used.id == self.instrument.id)


@dataclass(frozen=True, slots=True)
class OpenForm(FormDefinition):
    """A form as its participant may see it now, with the answers so far; begun or not.

    `key` are the signs under which the phone keeps answers that it could not send (app.domain.outbox);
    `urgent_words` are the site's own beside an answer that means "call now", "" for ours.
    """

    answers: Mapping[str, AnswerValue]
    revision: int
    client: str
    key: str
    asks_late_reason: bool
    urgent_words: str = ""


def open_form(context: ParticipantContext, slot_id: str) -> OpenForm:
    """The form of one's own slot, found by its id alone; begun or not.

    Raises Refused: "unknown_slot" (also for somebody else's), "not_yet_open", "window_closed",
    "already_submitted", "not_expected", "no_translation", or as `packs.check_begin`.
    """
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
        check_open(window_of_slot(slot), slot_facts(slot), context.at)
        held = read_draft(session.connection(), key_of(slot))
    check_form_wording(
        context.installation, context.participant.study, context.participant.language, slot, context.at
    )
    asked = form_definition(context, slot)
    return OpenForm(
        slot=slot,
        plan=asked.plan,
        instrument=asked.instrument,
        text=asked.text,
        leave_out=asked.leave_out,
        answers={item: answer.told for item, answer in held.items()},
        revision=max((answer.revision for answer in held.values()), default=0),
        client=new_public_id(),
        key=form_item_tokens(context.installation, asked.plan, slot_id, len(asked.items)),
        asks_late_reason=needs_late_reason(asked.plan, planned_slot(slot), context.at),
        urgent_words=urgent_words(context.participant.site, context.participant.language),
    )


def get_form_definition(context: ParticipantContext, slot_id: str) -> FormDefinition:
    """What one's own slot asks, whatever its state. Raises Refused: "unknown_slot", "no_translation"."""
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
    return form_definition(context, slot)


def get_own_slot(session: Session, visitor: ParticipantSession, slot_id: str) -> Slot:
    """One's own slot; anybody else's is refused like one that is not there: Refused("unknown_slot")."""
    own = select(Slot).where(Slot.public_id == slot_id, Slot.participant_id == visitor.participant_id)
    slot = session.exec(own).one_or_none()
    if slot is None:
        raise Refused("unknown_slot")
    return slot


def form_definition(context: ParticipantContext, slot: Slot) -> FormDefinition:
    """What a slot at hand asks of this visitor. Raises Refused("no_translation")."""
    plan = context.installation.library.plan(context.participant.study, slot.plan_version)
    instrument = context.installation.library.instrument(slot.instrument, slot.instrument_version)
    text = context.installation.text(
        context.participant.study, instrument, context.participant.language, slot.begun_at
    )
    return FormDefinition(slot, plan, instrument, text, items_left_out(plan, slot.instrument))


def begin_form(
    context: ParticipantContext,
    slot_id: str,
    helped_by: HelpedBy | None,
    late_reason: LateReason | None,
) -> None:
    """Begin one's own form; a begun one stays as it is. From here on its window never moves.

    Raises as `open_form`, and Refused("late_reason_needed") for a diary entry made late without one.
    """
    chain = participant_chain(context.participant.participant_id)
    with context.unit_of_work() as work:
        work.lock(chain)
        slot = get_own_slot(work.session, context.participant, slot_id)
        check_open(window_of_slot(slot), slot_facts(slot), context.at)
        if slot.begun_at is not None:
            return
        check_form_wording(
            context.installation, context.participant.study, context.participant.language, slot, context.at
        )
        plan = context.installation.library.plan(context.participant.study, slot.plan_version)
        if late_reason is None and needs_late_reason(plan, planned_slot(slot), context.at):
            raise Refused("late_reason_needed", field="late_reason", allowed=tuple(LateReason))
        slot.begun_at = context.at
        slot.helped_by = helped_by.value if helped_by else None
        slot.late_reason = late_reason.value if late_reason else None
        wish = reminder_preference(work.session.get_one(Participant, context.participant.participant_id))
        slot.wake_at = next_due_at(plan, slot, queued_kinds(work.session, slot), context.at, wish)
        work.record(AuditEvent.FORM_BEGUN, chain)


def form_item_tokens(installation: Installation, plan: Plan, slot_id: str, items: int) -> str:
    """The signs of a form's items on a phone; "" where the plan lets it keep nothing."""
    return item_tokens(items, installation.secret_box.keyed_digest("outbox", slot_id)) if plan.outbox else ""
