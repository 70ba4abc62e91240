"""Claiming an act inside its own transaction: once for each key, and only on what its page showed."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.records.acts import ActRepeated, KeyedAct
from app.domain.refusal import Refused
from app.storage.audit import bookkeeping_writes
from app.storage.row_changes import participant_chain
from app.storage.tables.acts import ActKey
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of

_TABLE = table_of(ActKey)
_CLAIM = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key),
}


def claim_act(connection: Connection, act: KeyedAct, at: datetime) -> None:
    """Store the act's key; whoever claims the same key at the same time waits until this one has ended.

    The participant's chain must be locked. Raises ActRepeated for the same words once more, and Refused:
    "control_characters", "page_outdated" without a key of one's own, "page_used" for other words,
    "state_changed" when an entry newer than the page spoils the act.
    """
    if act.unwritable:
        raise Refused("control_characters", field=act.unwritable)
    if not act.own:
        raise Refused("page_outdated")
    values = {"key": act.key, "actor": act.actor, "body": act.body, "result": act.result, "at": at}
    with bookkeeping_writes(connection, _TABLE.name, values):
        claimed = connection.execute(_CLAIM[connection.dialect.name], values).first() is not None
    if not claimed:
        raise_if_repeated(connection, act)
        raise Refused("page_used")
    if _is_spoiled(connection, act):
        raise Refused("state_changed")


def raise_if_repeated(connection: Connection, act: KeyedAct) -> None:
    """Raise ActRepeated if the act was done already, with these very words."""
    same = sa.select(col(ActKey.result)).where(col(ActKey.key) == act.key, col(ActKey.body) == act.body)
    result = connection.execute(same).scalar_one_or_none()
    if result is not None:
        raise ActRepeated(result)


def read_newest_entry(connection: Connection, participant_id: int) -> int:
    """The number of the newest entry in a participant's chain."""
    newest = sa.select(col(AuditChain.seq)).where(col(AuditChain.chain) == participant_chain(participant_id))
    return connection.execute(newest).scalar_one()


def _is_spoiled(connection: Connection, act: KeyedAct) -> bool:
    """Whether the participant's chain holds a newer entry of the kind that spoils this act."""
    if act.participant_id is None or not act.spoiled_by:
        return False
    if act.seen is None:
        return True
    newer = sa.select(sa.literal(1)).where(
        col(AuditEntry.chain) == participant_chain(act.participant_id),
        col(AuditEntry.seq) > act.seen,
        col(AuditEntry.event).in_([event.value for event in act.spoiled_by]),
    )
    if act.about:
        # An entry without changes tells only of people's own words, and about which record it does not say.
        changes = col(AuditEntry.changes)
        newer = newer.where(sa.or_(changes == "[]", changes.contains(f'"{act.about}"', autoescape=True)))
    return connection.execute(newer.limit(1)).first() is not None
