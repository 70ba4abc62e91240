"""The answers of one participant as they stand: of forms that were sent, and of drafts."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.instruments.responses import AnswerValue
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.columns import table_of
from app.storage.tables.schedule import Slot

_RESPONSE = table_of(Response)
_LATER = _RESPONSE.alias("later")
_NEWEST = (
    sa.select(
        _RESPONSE.c.slot_id,
        _RESPONSE.c.answers,
        _RESPONSE.c.submitted_at,
        _RESPONSE.c.device_at,
        _RESPONSE.c.device_skew,
        _RESPONSE.c.captured_offline,
        _RESPONSE.c.collected_on,
    )
    .join(Slot, col(Slot.id) == _RESPONSE.c.slot_id)
    .where(
        col(Slot.participant_id) == sa.bindparam("participant"),
        ~sa.exists().where(_LATER.c.slot_id == _RESPONSE.c.slot_id, _LATER.c.version > _RESPONSE.c.version),
    )
)
_SAVED = sa.select(
    col(AnswerEvent.slot_id),
    col(AnswerEvent.item),
    col(AnswerEvent.value),
    col(AnswerEvent.words),
    col(AnswerEvent.received_at),
).order_by(col(AnswerEvent.revision))
_OF_INSTRUMENT = _NEWEST.where(col(Slot.instrument) == sa.bindparam("instrument"))


class AnsweredForm(NamedTuple):
    """What the newest version of a form says, and all that tells when it was completed."""

    answers: Mapping[str, Any]
    received_at: datetime
    device_at: datetime | None
    device_skew: int | None
    captured_offline: bool
    collected_on: date | None


def read_newest_forms(session: Session, participant_id: int) -> Mapping[int, AnsweredForm]:
    """The forms that were sent, by the slot's key, of all instruments."""
    rows = session.execute(_NEWEST, {"participant": participant_id})
    return {slot: AnsweredForm(*said) for slot, *said in rows}


def read_newest_answers(
    session: Session, participant_id: int, instrument: str
) -> Mapping[int, Mapping[str, Any]]:
    """By the slot's key what the newest version of its form says, of one instrument."""
    rows = session.execute(_OF_INSTRUMENT, {"participant": participant_id, "instrument": instrument})
    return {row.slot_id: row.answers for row in rows}


class Draft(NamedTuple):
    """What each question of a form holds by the newest answer that was saved, and when the last one came."""

    answers: Mapping[str, AnswerValue]
    changed_at: datetime | None


def read_drafts(session: Session, slots: Collection[int]) -> Mapping[int, Draft]:
    """The drafts of these forms, by the slot's key; of one without an answer an empty one."""
    answers: dict[int, dict[str, AnswerValue]] = {slot: {} for slot in slots}
    changed: dict[int, datetime] = {}
    for row in session.execute(_SAVED.where(col(AnswerEvent.slot_id).in_(slots))):
        answers[row.slot_id][row.item] = row.value if row.words is None else row.words
        changed[row.slot_id] = row.received_at
    return {slot: Draft(saved, changed.get(slot)) for slot, saved in answers.items()}
