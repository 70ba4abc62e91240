"""Every table, so that migrations and tests see all of them."""

from sqlmodel.sql.sqltypes import UTCDateTime

from app.storage.tables import (
    acts,
    audit,
    capture,
    edc,
    feed,
    messages,
    packs,
    participants,
    schedule,
    staff,
    studies,
)
from app.storage.tables.columns import Moment, metadata

__all__ = [
    "acts",
    "audit",
    "capture",
    "edc",
    "feed",
    "messages",
    "metadata",
    "packs",
    "participants",
    "schedule",
    "staff",
    "studies",
]

APPEND_ONLY = (
    "access_review",
    "alert_action",
    "answer_event",
    "audit_entry",
    "clock_confirmation",
    "contact_entry",
    "correction",
    "correction_decision",
    "data_cut",
    "day_seal",
    "disposition",
    "feed_event",
    "instrument_pack",
    "key_canary",
    "licence_decision",
    "paper_entry",
    "plan_amendment",
    "quarantine",
    "response",
    "settlement",
    "transfer",
)
"""Tables whose rows the database itself refuses to change or delete (AUD-03)."""

PURGED = ("act_key",)
"""Tables from which the program deletes rows that nothing needs any more; from others it deletes none."""

for _table in metadata.tables.values():
    # A strict table refuses text in a number's place instead of storing it.
    _table.dialect_options["sqlite"]["strict"] = True
    for _column in _table.columns:
        if isinstance(_column.type, UTCDateTime):
            _column.type = Moment()
