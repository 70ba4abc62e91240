"""Filling a form: what it asks, opening and beginning it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from app.domain.answers import Value
from app.domain.audit import Event
from app.domain.capture import HelpedBy, LateReason, check_open
from app.domain.instrument import Condition, Instrument, Item
from app.domain.instrument_text import InstrumentText
from app.domain.outbox import signs
from app.domain.plan import Plan
from app.domain.refusal import Refused
from app.domain.schedule import asks_reason
from app.services.entry import Visitor
from app.services.identifiers import public_id
from app.services.installation import Installation
from app.services.packs import check_begin
from app.services.scheduling import sent_kinds, wake_of
from app.services.site_words import urgent_words
from app.services.wishes import wish_of
from app.storage.answering import current_answers
from app.storage.changes import chain_of_participant
from app.storage.people import Participant
from app.storage.schedule import Slot
from app.storage.slots import facts_of, planned_of, window_of_slot


@dataclass(frozen=True, slots=True)
class Definition:
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
    def marks(self) -> tuple[Condition, ...]:
        """The answers that the plan calls urgent, beside the instrument's own."""
        return next(used.urgent for used in self.plan.instruments if used.id == self.instrument.id)


@dataclass(frozen=True, slots=True)
class Form(Definition):
    """A form as its participant may see it now, with the answers so far; begun or not.

    `key` are the signs under which the phone keeps answers that it could not send (app.domain.outbox);
    `urgent_words` are the site's own beside an answer that means "call now", "" for ours.
    """

    answers: Mapping[str, Value]
    revision: int
    client: str
    key: str
    asks_late_reason: bool
    urgent_words: str = ""


def open_form(installation: Installation, visitor: Visitor, slot_id: str, at: datetime) -> Form:
    """The form of one's own slot, found by its id alone; begun or not.

    Raises Refused: "unknown_slot" (also for somebody else's), "not_yet_open", "window_closed",
    "already_submitted", "not_expected", "no_translation", or as `packs.check_begin`.
    """
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
        check_open(window_of_slot(slot), facts_of(slot), at)
        held = current_answers(session.connection(), slot.id or 0)
    check_begin(installation, visitor.study, visitor.language, slot, at)
    asked = defined(installation, visitor, slot)
    return Form(
        slot=slot,
        plan=asked.plan,
        instrument=asked.instrument,
        text=asked.text,
        leave_out=asked.leave_out,
        answers={item: answer.told for item, answer in held.items()},
        revision=max((answer.revision for answer in held.values()), default=0),
        client=public_id(),
        key=signs_of(installation, asked.plan, slot_id, len(asked.items)),
        asks_late_reason=asks_reason(asked.plan, planned_of(slot), at),
        urgent_words=urgent_words(visitor.site, visitor.language),
    )


def definition(installation: Installation, visitor: Visitor, slot_id: str) -> Definition:
    """What one's own slot asks, whatever its state. Raises Refused: "unknown_slot", "no_translation"."""
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
    return defined(installation, visitor, slot)


def own_slot(session: Session, visitor: Visitor, slot_id: str) -> Slot:
    """One's own slot; anybody else's is refused like one that is not there: Refused("unknown_slot")."""
    own = select(Slot).where(Slot.public_id == slot_id, Slot.participant_id == visitor.participant_id)
    slot = session.exec(own).one_or_none()
    if slot is None:
        raise Refused("unknown_slot")
    return slot


def defined(installation: Installation, visitor: Visitor, slot: Slot) -> Definition:
    """What a slot at hand asks of this visitor. Raises Refused("no_translation")."""
    plan = installation.library.plan(visitor.study, slot.plan_version)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    text = installation.text(visitor.study, instrument, visitor.language, slot.begun_at)
    return Definition(slot, plan, instrument, text, left_out(plan, slot.instrument))


def begin_form(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    helped_by: HelpedBy | None,
    late_reason: LateReason | None,
    at: datetime,
) -> None:
    """Begin one's own form; a begun one stays as it is. From here on its window never moves.

    Raises as `open_form`, and Refused("late_reason_needed") for a diary entry made late without one.
    """
    chain = chain_of_participant(visitor.participant_id)
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        slot = own_slot(work.session, visitor, slot_id)
        check_open(window_of_slot(slot), facts_of(slot), at)
        if slot.begun_at is not None:
            return
        check_begin(installation, visitor.study, visitor.language, slot, at)
        plan = installation.library.plan(visitor.study, slot.plan_version)
        if late_reason is None and asks_reason(plan, planned_of(slot), at):
            raise Refused("late_reason_needed", field="late_reason", allowed=tuple(LateReason))
        slot.begun_at = at
        slot.helped_by = helped_by.value if helped_by else None
        slot.late_reason = late_reason.value if late_reason else None
        wish = wish_of(work.session.get_one(Participant, visitor.participant_id))
        slot.wake_at = wake_of(plan, slot, sent_kinds(work.session, slot), at, wish)
        work.record(Event.FORM_BEGUN, chain)


def left_out(plan: Plan, instrument: str) -> frozenset[str]:
    """The items of an instrument that the plan does not use."""
    return next(used.leave_out for used in plan.instruments if used.id == instrument)


def signs_of(installation: Installation, plan: Plan, slot_id: str, items: int) -> str:
    """The signs of a form's items on a phone; "" where the plan lets it keep nothing."""
    return signs(items, installation.sealer.keyed("outbox", slot_id)) if plan.outbox else ""
