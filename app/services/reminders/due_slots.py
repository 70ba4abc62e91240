"""Processing what is due by time alone: publishing that a slot opened or was missed, queueing reminders.

Nothing sweeps over slots: one indexed column, `slot.wake_at`, says which of them owe anything now.
A read finds them; the claim is the participant's audit chain, taken one participant at a time and
skipped where somebody holds it (the next tick comes soon). So no two workers push the same
participant, and none of them waits for a chain while it holds another: the order is always one
chain, then that participant's rows, then the feed's head at commit, as in every other use case,
and a circle of waiting cannot arise. What the read found is judged anew under the chain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.plans.plan import Plan
from app.domain.plans.publication import SlotChange
from app.domain.plans.reminders import find_due_reminder, plan_reminders
from app.domain.plans.status import derive_status
from app.domain.records.audit import AuditEvent
from app.services.accounts.contacts import find_contact
from app.services.audit.audit_seals import day_to_seal
from app.services.core.context import ClockContext
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.schedule.next_due import next_due_of, used_up_kinds
from app.services.schedule.reminder_preference import reminder_preference
from app.services.schedule.slot_publication import publish_due
from app.storage.act_keys import is_page_epoch_over
from app.storage.database.plain_reads import PlainRead
from app.storage.queries.participants import get_site
from app.storage.queries.slots import planned_slot, slot_facts
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditChain, DaySeal
from app.storage.tables.capture import ALERT_WAKING, Alert
from app.storage.tables.columns import table_of
from app.storage.tables.messages import MESSAGE_WAITING, AlertMessage, Message
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

BATCH = 500
"""Slots read at a time."""
NO_CHANNEL = "none"
_SLOT = table_of(Slot)


@dataclass(frozen=True, slots=True)
class DueWork:
    """Work that is due: slots to process, messages to settle, a day to seal, keys of acts to purge,
    alerts of which somebody is to be told.
    """

    slots: bool
    messages: bool
    seals: bool
    acts: bool
    alerts: bool


@dataclass(frozen=True, slots=True)
class SlotsProcessed:
    """What one run did for a participant: slots published as opened or missed, and reminders queued."""

    opened: int = 0
    missed: int = 0
    queued: int = 0


def find_due_work(context: ClockContext) -> DueWork:
    """Whether anything is owed at `at`: one cheap query, and all that an idle tick costs."""
    # The least of an index: asked whether any is at most `at`, a prepared plan reads the whole table.
    least = sa.select(sa.func.min(col(Slot.wake_at))).where(col(Slot.wake_at).is_not(None))
    due = least.scalar_subquery() <= context.at
    reminders = sa.exists().where(MESSAGE_WAITING, col(Message.lease_until) <= context.at)
    notices = sa.exists().where(MESSAGE_WAITING, col(AlertMessage.lease_until) <= context.at)
    first = sa.select(sa.func.min(col(Alert.wake_at))).where(ALERT_WAKING)
    day = day_to_seal(context.at).isoformat()
    seal = sa.select(col(DaySeal.study_id)).where(
        col(DaySeal.study_id) == col(Study.id), col(DaySeal.sealed_on) == day
    )
    unsealed = sa.select(col(Study.id)).where(~seal.correlate(Study).exists()).exists()
    with context.read() as session:
        row = session.execute(
            sa.select(
                due,
                sa.or_(reminders, notices),
                unsealed,
                is_page_epoch_over(context.at),
                first.scalar_subquery() <= context.at,
            )
        ).one()
    return DueWork(*map(bool, row))


_POSITION = sa.tuple_(col(Slot.wake_at), col(Slot.id))
_OWING = (
    sa.select(col(Slot.wake_at), col(Slot.id), col(Slot.participant_id))
    .where(col(Slot.wake_at) <= sa.bindparam("at"))
    .order_by(col(Slot.wake_at), col(Slot.id))
    .limit(sa.bindparam("batch", type_=sa.Integer))
)


def participants_due(context: ClockContext, study_id: int | None = None) -> Iterator[int]:
    """The participants with a slot that owes something at `at`, longest owed first, each once.

    `study_id` leaves out those of other studies. Pages go on behind the last row read, so that a participant
    who cannot be pushed keeps nobody waiting.
    """
    rows = _OWING if study_id is None else _OWING.where(col(Slot.study_id) == study_id)
    values = {"at": context.at, "batch": BATCH}
    yielded: set[int] = set()
    following = rows
    while True:
        with context.read() as session:
            page = session.execute(following, values).all()
        for row in page:
            if row.participant_id not in yielded:
                yielded.add(row.participant_id)
                yield row.participant_id
        if len(page) < BATCH:
            return
        following = rows.where(
            sa.tuple_(sa.literal(page[-1].wake_at, _SLOT.c.wake_at.type), page[-1].id) < _POSITION
        )


def process_due_slots(context: ClockContext, participant_id: int, *, waits: bool = False) -> SlotsProcessed:
    """Process a participant's due slots at `at`, in one transaction; nothing when another worker holds them.

    With `waits` it comes after them instead. After an outage what was missed is told in the order in which it
    fell due, and of the reminders missed only the latest of each slot is queued, if it is fresh.
    """
    chain = participant_chain(participant_id)
    with context.unit_of_work() as work:
        if not (waits or _is_free(work.session, chain)):
            return SlotsProcessed()
        work.lock(chain)
        slots = _due(work.session, participant_id, context.at)
        return (
            _ParticipantRun.load(context.installation, work, participant_id, slots).process_slots()
            if slots
            else SlotsProcessed()
        )


_FREE = PlainRead(
    sa.select(col(AuditChain.seq))
    .where(col(AuditChain.chain) == sa.bindparam("of_chain", type_=sa.String))
    .with_for_update(skip_locked=True)
)
_DUE = (
    sa.select(Slot)
    .where(
        col(Slot.participant_id) == sa.bindparam("participant", type_=sa.Integer),
        col(Slot.wake_at) <= sa.bindparam("due_at", type_=_SLOT.c.wake_at.type),
    )
    .order_by(col(Slot.wake_at), col(Slot.id))
)


def _is_free(session: Session, chain: str) -> bool:
    return bool(_FREE.fetch(session.connection(), {"of_chain": chain}))


def _due(session: Session, participant_id: int, at: datetime) -> Sequence[Slot]:
    return session.scalars(_DUE, {"participant": participant_id, "due_at": at}).all()


@dataclass(frozen=True, slots=True)
class _ParticipantRun:
    """One participant's turn."""

    installation: Installation
    work: UnitOfWork
    study: Study
    site: Site
    participant: Participant
    slots: Sequence[Slot]

    @classmethod
    def load(
        cls, installation: Installation, work: UnitOfWork, participant_id: int, slots: Sequence[Slot]
    ) -> "_ParticipantRun":
        participant = work.session.get_one(Participant, participant_id)
        study = work.session.get_one(Study, participant.study_id)
        return cls(installation, work, study, get_site(work.session, participant), participant, slots)

    def process_slots(self) -> SlotsProcessed:
        """Tell events in order of time over all slots, then queue reminders and set the next waking."""
        changes = publish_due(self.installation, self.work, self.participant.id, self.slots)
        queued = self._remind()
        return SlotsProcessed(changes.count(SlotChange.opened), changes.count(SlotChange.missed), queued)

    def _plan(self, slot: Slot) -> Plan:
        return self.installation.library.get_plan(self.study.code, slot.plan_version)

    def _channel(self) -> str:
        contact = find_contact(self.work.session, self.participant.id)
        return contact.channel if contact else NO_CHANNEL

    def _remind(self) -> int:
        session, at = self.work.session, self.work.at
        preference, used_up, queued = (
            reminder_preference(self.participant),
            used_up_kinds(session, self.slots),
            0,
        )
        for slot in self.slots:
            kinds = used_up[slot.id]
            planned = planned_slot(slot)
            reminders = plan_reminders(self._plan(slot), planned, preference.clock)
            state = derive_status(planned.window, slot_facts(slot), at)
            due = find_due_reminder(reminders, kinds, state, at, preference.not_before)
            if due is not None:
                session.add(build_message(slot, due.kind.value, self._channel(), at))
                kinds, queued = kinds | {due.kind.value}, queued + 1
            slot.wake_at = next_due_of(slot, planned.window, reminders, kinds, at, preference)
        if queued:
            self.work.record(AuditEvent.REMINDER_QUEUED, participant_chain(self.participant.id))
        return queued


def build_message(slot: Slot, kind: str, channel: str, at: datetime) -> Message:
    """A message of a form, queued now."""
    return Message(
        slot_id=slot.id,
        participant_id=slot.participant_id,
        window_version=slot.window_version,
        kind=kind,
        state="queued",
        channel=channel,
        key=new_public_id(),
        lease_until=at,
        queued_at=at,
    )
