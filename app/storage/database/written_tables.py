"""What a statement writes, read from its own structure and not from its words alone."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

WrittenTables = Mapping[str, frozenset[str] | None]
"""The tables that a statement writes, and which columns it sets there; None: whole rows."""


class StatementWrites(NamedTuple):
    """What a statement writes. `unbounded`: tables of which it changes rows that it does not name by key."""

    tables: WrittenTables
    unbounded: frozenset[str]


_CHANGES = re.compile(
    r"(?<!\bFOR )(?<!\bDO )\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\b", re.IGNORECASE
)
_VALUE_SOURCES = (sa.BindParameter, sa.TableValuedAlias)
"""Where values come from that a statement was given."""
_KNOWN: WeakKeyDictionary[SQLCompiler, StatementWrites | None] = WeakKeyDictionary()


def find_written_tables(compiled: object) -> StatementWrites | None:
    """What this statement writes; None where its structure does not tell.

    That is so with text, with what defines tables, and where a change is hidden in a piece of text.
    """
    if not isinstance(compiled, SQLCompiler) or compiled.statement is None:
        return None
    if compiled not in _KNOWN:
        _KNOWN[compiled] = _read_tables(compiled)
    return _KNOWN[compiled]


def _read_tables(compiled: SQLCompiler) -> StatementWrites | None:
    parts = {id(part): part for part in visitors.iterate(compiled.statement) if isinstance(part, UpdateBase)}
    if len(_CHANGES.findall(compiled.string)) > len(parts):
        return None
    written: dict[str, frozenset[str] | None] = {}
    unbounded = set[str]()
    for part in parts.values():
        columns = _columns_set(part, compiled if part is compiled.statement else None)
        name = getattr(part.table, "name", "")  # a join has none, and is allowed nowhere
        before = written.get(name, frozenset())
        written[name] = None if columns is None or before is None else before | columns
        if not isinstance(part, sa.Insert) and not _is_bounded(part):
            unbounded.add(name)
    return StatementWrites(written, frozenset(unbounded))


def _is_bounded(part: Any) -> bool:  # noqa: ANN401 - an UPDATE or DELETE, whose parts are of no public type
    """Whether a change names its rows: each column of the key is compared with a value, alone or listed."""
    compared = {
        condition.left
        for condition in part._where_criteria  # noqa: SLF001 - published only as one condition
        if isinstance(condition, sa.BinaryExpression)
        and condition.operator is operators.eq
        and isinstance(getattr(condition.right, "table", condition.right), _VALUE_SOURCES)
    }
    return compared.issuperset(part.table.primary_key)


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
