"""Keeping how a member of staff filters a page: one statement, whoever else keeps the same at that moment."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from app.storage.audit import bookkeeping_writes
from app.storage.engine import write_engine
from app.storage.tables.columns import table_of
from app.storage.tables.staff import StaffView

_TABLE = table_of(StaffView)
_QUERY = {"query": sa.bindparam("filters", type_=_TABLE.c.query.type)}
_NAMED = {name: sa.bindparam(f"of_{name}", type_=_TABLE.c[name].type) for name in ("staff_id", "page")}
_COLUMNS = list(_NAMED)
_KEEP = {
    "sqlite": sqlite.insert(_TABLE)
    .values(**_NAMED, **_QUERY)
    .on_conflict_do_update(index_elements=_COLUMNS, set_=_QUERY),
    "postgresql": postgresql.insert(_TABLE)
    .values(**_NAMED, **_QUERY)
    .on_conflict_do_update(index_elements=_COLUMNS, set_=_QUERY),
}


def keep_staff_view(engine: Engine, staff_id: int, page: str, query: str) -> None:
    """Store how this member of staff filtered the page last."""
    values = {"of_staff_id": staff_id, "of_page": page, "filters": query}
    with write_engine(engine).begin() as connection, bookkeeping_writes(connection, _TABLE.name, values):
        connection.execute(_KEEP[connection.dialect.name], values)
