"""The stored entries of the audit trail, as a verification reads them."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.records.audit import ChainEntry
from app.storage.tables.audit import AuditEntry
from app.storage.tables.columns import table_of

_ENTRY = table_of(AuditEntry)
_PAGE = 1000
_OF_CHAIN = (
    sa.select(*(_ENTRY.c[name] for name in ChainEntry._fields))
    .where(_ENTRY.c.chain == sa.bindparam("chain"))
    .order_by(_ENTRY.c.seq)
    .execution_options(yield_per=_PAGE)
)


def stream_entries(connection: Connection, chain: str) -> Iterator[ChainEntry]:
    """The entries of a chain in order of number, a page of them in memory at a time."""
    with connection.execute(_OF_CHAIN, {"chain": chain}) as entries:
        for page in entries.partitions():
            yield from map(ChainEntry._make, page)
