"""Slots of one participant, stored or changed many at once: their rows, what entries tell of them and state.

A participant has some 250 of them. As objects of a session they would take ten times as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.database.write_guard import WriteRefused
from app.storage.engine import allow_tables
from app.storage.plain_rows import SlotRecord
from app.storage.proof.row_facts import (
    UNPROVEN,
    FactKey,
    RowChange,
    RowFact,
    changed_row_fact,
    new_row_fact,
)
from app.storage.row_changes import changed_slot_changes, new_slot_changes, participant_chain
from app.storage.tables.columns import table_of
from app.storage.tables.schedule import Slot

SlotChanges = Sequence[tuple[SlotRecord, SlotRecord]]
"""Slots as they were read, each beside what it is to be; in the order in which they are written."""
_TABLE = table_of(Slot)
_FIXED = frozenset({"id", "public_id", "study_id"})
_UNSTATED = frozenset(column.name for column in _TABLE.columns if f"{_TABLE.name}.{column.name}" in UNPROVEN)


def insert_slots(connection: Connection, key: FactKey, rows: Sequence[Mapping[str, Any]]) -> list[RowChange]:
    """Store new slots, given by the names of their columns; returns what has to be told of them."""
    with allow_tables(connection, {_TABLE.name: None}):
        connection.execute(sa.insert(_TABLE), list(rows))
    return [
        RowChange(
            _TABLE.name,
            participant_chain(row["participant_id"]),
            new_slot_changes(row),
            new_row_fact(key, _TABLE.name, row),
        )
        for row in rows
    ]


def update_slots(
    connection: Connection, key: FactKey, participant_id: int, changed: SlotChanges
) -> list[RowChange]:
    """Write what differs, in the rows of this participant; returns what has to be told.

    Raises WriteRefused for a slot that is not theirs, or would become another.
    """
    facts, rows_of = [], dict[tuple[str, ...], list[dict[str, Any]]]()
    chain = participant_chain(participant_id)
    for slot, new in changed:
        names = tuple(name for name, was, now in zip(slot._fields, slot, new, strict=True) if was != now)
        if not _FIXED.isdisjoint(names):
            raise WriteRefused(f"slot {slot.id} would become another")
        values = {f"new_{name}": getattr(new, name) for name in names}
        rows_of.setdefault(names, []).append({"its_id": slot.id, "owner": participant_id, **values})
        facts.append(RowChange(_TABLE.name, chain, changed_slot_changes(slot, new), _fact(key, new, names)))
    with allow_tables(connection, {_TABLE.name: None}):
        for names, rows in rows_of.items():
            if names and connection.execute(_update(names), rows).rowcount != len(rows):
                raise WriteRefused(f"a slot is not one of participant {participant_id}")
    return [fact for fact in facts if fact.changes or fact.fact is not None]


def _fact(key: FactKey, slot: SlotRecord, names: Iterable[str]) -> RowFact | None:
    stated = [name for name in names if name not in _UNSTATED]
    return changed_row_fact(key, _TABLE.name, slot._asdict(), stated) if stated else None


@cache
def _update(names: tuple[str, ...]) -> sa.Update:
    """Sets these columns of one slot of one participant."""
    columns = _TABLE.c
    own = (columns.id == sa.bindparam("its_id"), columns.participant_id == sa.bindparam("owner"))
    return sa.update(_TABLE).where(*own).values({name: sa.bindparam(f"new_{name}") for name in names})
