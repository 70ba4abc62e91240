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
)
_BY_PAGE = _OF_CHAIN.execution_options(yield_per=_PAGE)


def stream_entries(connection: Connection, chain: str, length: int) -> Iterator[ChainEntry]:
    """The entries of a chain in order of number, a page of them in memory at a time.

    One that should be shorter than a page is read at once, without a cursor in the server.
    """
    with connection.execute(_OF_CHAIN if length < _PAGE else _BY_PAGE, {"chain": chain}) as entries:
        for page in entries.partitions(_PAGE):
            yield from map(ChainEntry._make, page)
