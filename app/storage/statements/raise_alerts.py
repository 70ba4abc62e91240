"""Storing the alerts of a sending: after it, in the same transaction, with an entry of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.audit import LinkedEntry, append_if_unmoved, audited_writes, require_chain
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Alert


@dataclass(frozen=True, slots=True)
class RaisedAlerts:
    """New alerts by their columns, and the entry that states them, which follows that of the sending."""

    entry: LinkedEntry
    rows: tuple[Mapping[str, Any], ...]


def write_alerts(connection: Connection, raised: RaisedAlerts) -> None:
    """Store alerts and their entry; the transaction has just moved the head, so nobody else can."""
    for row in raised.rows:
        require_chain(raised.entry, participant_chain(row["participant_id"]))
    with audited_writes(connection, raised.entry, "alert"):
        append_if_unmoved(connection, raised.entry)
        connection.execute(sa.insert(Alert), list(raised.rows))
