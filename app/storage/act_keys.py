"""Claiming an act inside its own transaction: once for each key, and only on what its page showed.

Keys are purged by epochs, which are counted and not measured, so that no wrong clock can do harm: no act is
taken from a page whose keys may be gone (`is_page_usable`). The epoch is compared after the key was stored:
whoever purges that very key meanwhile holds its row, is waited for, and their epoch is seen then.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.records.acts import (
    EPOCH_LENGTH,
    ActRepeated,
    KeyedAct,
    is_page_usable,
    oldest_usable_epoch,
)
from app.domain.refusal import Refused
from app.storage.audit import bookkeeping_writes
from app.storage.row_changes import participant_chain
from app.storage.tables.acts import ActKey, PageEpoch
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of

_TABLE, _EPOCH = table_of(ActKey), table_of(PageEpoch)
_ONE = 1
"""The only row of epochs."""
_CLAIM = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key),
}

_FIRST_EPOCH = {
    "sqlite": sqlite.insert(_EPOCH).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_EPOCH).on_conflict_do_nothing(),
}


def claim_act(connection: Connection, act: KeyedAct, at: datetime) -> None:
    """Store the act's key; whoever claims the same key at the same time waits until this one has ended.

    The participant's chain must be locked. Raises ActRepeated for the same words once more, and Refused:
    "page_outdated" without a key of one's own or from a page too old, "page_used" for other words,
    "state_changed" when an entry newer than the page spoils the act; and as `KeyedAct.check_texts`.
    """
    act.check_texts()
    if not act.own:
        raise Refused("page_outdated")
    values: dict[str, object] = {"key": act.key, "actor": act.actor, "body": act.body, "result": act.result}
    values |= {"at": at, "epoch": act.epoch}
    with bookkeeping_writes(connection, _TABLE.name, values):
        claimed = connection.execute(_CLAIM[connection.dialect.name], values).first() is not None
    if not claimed:
        raise_if_repeated(connection, act)
        raise Refused("page_used")
    _check_page(connection, act)


def check_claimable(connection: Connection, act: KeyedAct) -> None:
    """Raise as `claim_act` would now, with nothing stored; who comes between is seen when it is claimed."""
    act.check_texts()
    if not act.own:
        raise Refused("page_outdated")
    raise_if_repeated(connection, act)
    if connection.execute(sa.select(col(ActKey.key)).where(col(ActKey.key) == act.key)).first() is not None:
        raise Refused("page_used")
    _check_page(connection, act)


def _check_page(connection: Connection, act: KeyedAct) -> None:
    if not is_page_usable(act.epoch, read_page_epoch(connection)):
        raise Refused("page_outdated")
    if _is_spoiled(connection, act):
        raise Refused("state_changed")


def raise_if_repeated(connection: Connection, act: KeyedAct) -> None:
    """Raise ActRepeated if the act was done already, with these very words."""
    same = sa.select(col(ActKey.result)).where(col(ActKey.key) == act.key, col(ActKey.body) == act.body)
    result = connection.execute(same).scalar_one_or_none()
    if result is not None:
        raise ActRepeated(result)


def read_page_epoch(connection: Connection) -> int:
    """The epoch in which pages are made now; 0 before the first one began."""
    number = sa.select(_EPOCH.c.number).where(_EPOCH.c.id == _ONE)
    return connection.execute(number).scalar_one_or_none() or 0


def is_page_epoch_over(at: datetime) -> sa.ColumnElement[bool]:
    """Whether the next epoch may begin at `at`, as a part of a query."""
    return ~sa.exists().where(_EPOCH.c.id == _ONE, sa.not_(_is_over(at)))


def _is_over(at: datetime) -> sa.ColumnElement[bool]:
    """Whether the stored epoch is; also where it is dated far in the future, by a clock that was wrong."""
    return sa.or_(_EPOCH.c.began_at <= at - EPOCH_LENGTH, _EPOCH.c.began_at > at + EPOCH_LENGTH)


def begin_page_epoch(connection: Connection, at: datetime) -> bool:
    """Begin the next epoch, if the present one is over; False where it is not, or somebody else began it."""
    first = {"id": _ONE, "number": 0, "began_at": at - EPOCH_LENGTH}
    with bookkeeping_writes(connection, _EPOCH.name, first):
        connection.execute(_FIRST_EPOCH[connection.dialect.name], first)
        following = sa.update(_EPOCH).where(_EPOCH.c.id == _ONE, _is_over(at))
        begun = connection.execute(following.values(number=_EPOCH.c.number + 1, began_at=at))
    return begun.rowcount == 1


def purge_act_keys(connection: Connection) -> int:
    """Delete the keys of pages that cannot act any more; returns how many."""
    oldest = oldest_usable_epoch(read_page_epoch(connection))
    with bookkeeping_writes(connection, _TABLE.name, ()):
        return connection.execute(sa.delete(_TABLE).where(_TABLE.c.epoch < oldest)).rowcount


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
