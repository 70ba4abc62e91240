"""The answers of one participant as they stand: the newest version of each form that was sent."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.storage.tables.capture import Response
from app.storage.tables.columns import table_of
from app.storage.tables.schedule import Slot

_RESPONSE = table_of(Response)
_LATER = _RESPONSE.alias("later")
_NEWEST = (
    sa.select(_RESPONSE.c.slot_id, _RESPONSE.c.answers)
    .join(Slot, col(Slot.id) == _RESPONSE.c.slot_id)
    .where(
        col(Slot.participant_id) == sa.bindparam("participant"),
        ~sa.exists().where(_LATER.c.slot_id == _RESPONSE.c.slot_id, _LATER.c.version > _RESPONSE.c.version),
    )
)
_OF_INSTRUMENT = _NEWEST.where(col(Slot.instrument) == sa.bindparam("instrument"))


def read_newest_answers(
    session: Session, participant_id: int, instrument: str | None = None
) -> Mapping[int, Mapping[str, Any]]:
    """By the slot's key what the newest version of its form says, of all instruments or of one."""
    values = {"participant": participant_id}
    if instrument is None:
        rows = session.execute(_NEWEST, values)
    else:
        rows = session.execute(_OF_INSTRUMENT, values | {"instrument": instrument})
    return {row.slot_id: row.answers for row in rows}
