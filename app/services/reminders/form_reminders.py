"""How many messages a form had, against the number that its plan allows."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.plans.reminders import FormReminders, plan_reminders
from app.domain.records.messages import MessageState
from app.services.core.installation import Installation
from app.storage.queries.slots import StoredSlot, planned_slot
from app.storage.tables.messages import Message
from app.storage.tables.studies import Study

DEPARTED = (MessageState.sending, MessageState.sent, MessageState.unconfirmed)
"""The states of a message that left, or may have."""


def count_form_reminders(
    installation: Installation,
    session: Session,
    slot: StoredSlot,
    states: Collection[MessageState] = (MessageState.queued, *DEPARTED),
) -> FormReminders:
    """The form's messages in these states, and how many its plan has; what was dropped or failed is none."""
    messages = sa.select(sa.func.count()).where(
        col(Message.slot_id) == slot.id, col(Message.state).in_([state.value for state in states])
    )
    study = session.get_one(Study, slot.study_id)
    plan = installation.library.get_plan(study.code, slot.plan_version)
    return FormReminders(
        session.execute(messages).scalar_one(), len(plan_reminders(plan, planned_slot(slot)))
    )
