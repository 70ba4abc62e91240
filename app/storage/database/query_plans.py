"""How PostgreSQL plans prepared statements."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.database.plain_reads import PlainRead

_SETTINGS = {"plan_cache_mode": "force_generic_plan", "max_parallel_workers_per_gather": "0", "jit": "off"}
_REUSE = PlainRead(
    sa.select(
        *(
            sa.func.set_config(sa.literal_column(f"'{name}'"), sa.literal_column(f"'{value}'"), sa.true())
            for name, value in _SETTINGS.items()
        )
    )
)


def reuse_query_plans(connection: Connection) -> None:
    """Let PostgreSQL plan the statements of this transaction once for all values, and not at each execution.

    It is for large statements that are bounded by their conditions. PostgreSQL takes a plan that fits any
    value for dearer than it is and plans anew each time, which costs more than to run them. For the same
    reason it would start more processes, or compile code, for longer than a page takes.
    """
    if connection.dialect.name == "postgresql":
        _REUSE.fetch(connection, {})
