"""What a statement writes, read from its own structure and not from its words alone."""

import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

WrittenTables = Mapping[str, frozenset[str] | None]
"""The tables that a statement writes, and which columns it sets there; None: whole rows."""

_CHANGES = re.compile(
    r"(?<!\bFOR )(?<!\bDO )\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\b", re.IGNORECASE
)
_KNOWN: WeakKeyDictionary[SQLCompiler, WrittenTables | None] = WeakKeyDictionary()


def find_written_tables(compiled: object) -> WrittenTables | None:
    """What this statement writes; None where its structure does not tell.

    That is so with text, with what defines tables, and where a change is hidden in a piece of text.
    """
    if not isinstance(compiled, SQLCompiler) or compiled.statement is None:
        return None
    if compiled not in _KNOWN:
        _KNOWN[compiled] = _read_tables(compiled)
    return _KNOWN[compiled]


def _read_tables(compiled: SQLCompiler) -> WrittenTables | None:
    parts = {id(part): part for part in visitors.iterate(compiled.statement) if isinstance(part, UpdateBase)}
    if len(_CHANGES.findall(compiled.string)) > len(parts):
        return None
    written: dict[str, frozenset[str] | None] = {}
    for part in parts.values():
        columns = _columns_set(part, compiled if part is compiled.statement else None)
        name = getattr(part.table, "name", "")  # a join has none, and is allowed nowhere
        before = written.get(name, frozenset())
        written[name] = None if columns is None or before is None else before | columns
    return written


def _columns_set(part: UpdateBase, compiled: SQLCompiler | None) -> frozenset[str] | None:
    """The columns that an UPDATE sets; None for other changes, which are of whole rows.

    The outermost statement may be given values when it is executed, under the names of columns.
    """
    if not isinstance(part, sa.Update):
        return None
    values: Any = part._values or {}  # noqa: SLF001 - published only for statements that name a mapped class
    names = {getattr(column, "key", column) for column in values}
    if compiled is not None:
        names |= set(compiled.column_keys or ()).intersection(part.table.columns.keys())
    return frozenset(names)
