"""The ticker's one stored column, compared with what the facts say."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.services.core.context import ClockContext
from app.services.schedule.next_due import next_due_at, used_up_kinds
from app.services.schedule.reminder_preference import reminder_preference
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study


def find_stale_next_due(context: ClockContext) -> Iterator[int]:
    """The participants of whom a stored `wake_at` is not what their facts say, in order; normally none."""
    with context.read() as session:
        everybody = (
            session.execute(sa.select(col(Participant.id)).order_by(col(Participant.id))).scalars().all()
        )
    for participant_id in everybody:
        with context.read() as session:
            wrong = next(find_stale_slots(context, session, participant_id), None)
        if wrong is not None:
            yield participant_id


def find_stale_slots(
    context: ClockContext, session: Session, participant_id: int
) -> Iterator[tuple[Slot, datetime | None]]:
    """The slots of a participant whose stored `wake_at` is not what their facts say, with what they say."""
    participant = session.get_one(Participant, participant_id)
    study = session.get_one(Study, participant.study_id)
    slots = session.exec(select(Slot).where(Slot.participant_id == participant_id)).all()
    used_up = used_up_kinds(session, slots)
    for slot in slots:
        plan = context.installation.library.get_plan(study.code, slot.plan_version)
        moment = next_due_at(plan, slot, used_up[slot.id], context.at, reminder_preference(participant))
        if moment != slot.wake_at:
            yield slot, moment
