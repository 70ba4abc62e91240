"""Reads whose rows of one record come as one JSON document; its parsed rows are cached by that document.

A page of fifty people reads thousands of values, of which hardly any is another one than a minute ago. To
make each of them anew is most of what such a page costs. So the database writes the rows of a record as one
document, and what was made of the same document is handed out again: it holds all that it was made of.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.database.plain_reads import PlainRead
from app.storage.database.plain_statements import BoundValues

ReadRow = TypeVar("ReadRow")
OtherRow = TypeVar("OtherRow")
_ResultProcessor = Callable[[Any], Any]
_EMPTY = "[]"
"""The document of a record that has no rows."""


class DocumentRows(tuple[ReadRow, ...]):
    """The rows of one record, compared by identity, so that they can be the key of a cache."""

    __slots__ = ()
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__


DocumentRowsCache = Callable[["GroupedRead[Any]", str, str], DocumentRows[Any]]
"""The rows of the last documents, shared by the reads of a kind."""


def cache_document_rows(most: int) -> DocumentRowsCache:
    """A cache of the rows of so many documents, however many reads share it."""
    return lru_cache(most)(GroupedRead.make_rows)


class GroupedRead(Generic[ReadRow]):
    """A statement that reads rows of records, whose keys are its first column.

    `make` makes a row of its columns. By the last columns, as many as `sorted_by` says, the rows of a record
    are sorted, and they are no part of them. `memory` holds the rows of the last documents.
    """

    def __init__(
        self,
        statement: sa.SelectBase,
        make: Callable[[list[Any]], ReadRow],
        *,
        sorted_by: int = 0,
        memory: DocumentRowsCache,
    ) -> None:
        listed = statement.subquery("listed")
        self._make, self._sorted_by = make, sorted_by
        self._types = [column.type for column in listed.c]
        key, *_others = listed.c
        self.grouped = sa.select(key.label("key"), _Document(*listed.c).label("document")).group_by(key)
        self._read = PlainRead(self.grouped)
        self._memory = memory
        self._processors: dict[str, list[tuple[int, _ResultProcessor]]] = {}

    def fetch(self, connection: Connection, values: BoundValues) -> Mapping[int, DocumentRows[ReadRow]]:
        """The rows of each record that has any, by its key; raises what `PlainRead.fetch` raises."""
        memory, name = self.prepare_for(connection.dialect), connection.dialect.name
        return {key: memory(self, document, name) for key, document in self._read.fetch(connection, values)}

    def prepare_for(self, dialect: Dialect) -> DocumentRowsCache:
        """Prepare, once, how documents of this database are read; returns their readers."""
        if dialect.name not in self._processors:
            self._processors[dialect.name] = list(_list_processors(self._types, dialect))
        return self._memory

    def make_rows(self, document: str, dialect: str) -> DocumentRows[ReadRow]:
        """Make the rows of a document that this kind of database wrote."""
        return DocumentRows(map(self._make, _decode(document, self._processors[dialect], self._sorted_by)))


class PairedRead(Generic[ReadRow, OtherRow]):
    """Two reads about the same records in one statement: the rows of both, of each that the first finds."""

    def __init__(self, first: GroupedRead[ReadRow], second: GroupedRead[OtherRow]) -> None:
        self._first, self._second = first, second
        one, two = first.grouped.subquery("one"), second.grouped.subquery("two")
        documents = sa.select(one.c.key, one.c.document, two.c.document)
        self._read = PlainRead(documents.outerjoin_from(one, two, two.c.key == one.c.key))

    def fetch(
        self, connection: Connection, values: BoundValues
    ) -> Mapping[int, tuple[DocumentRows[ReadRow], DocumentRows[OtherRow]]]:
        """The rows of each record, by its key; raises what `PlainRead.fetch` raises."""
        first, second, dialect = self._first, self._second, connection.dialect
        make, make_other = first.prepare_for(dialect), second.prepare_for(dialect)
        name = dialect.name
        return {
            key: (make(first, one or _EMPTY, name), make_other(second, two or _EMPTY, name))
            for key, one, two in self._read.fetch(connection, values)
        }


class BundledRead:
    """Small reads that have nothing to do with each other in one statement; each is about one record."""

    def __init__(self, *reads: GroupedRead[Any]) -> None:
        self._reads = reads
        parts = [(index, read.grouped.subquery(f"part_{index}")) for index, read in enumerate(reads)]
        self._read = PlainRead(
            sa.union_all(
                *(
                    sa.select(sa.literal_column(f"{index}", sa.Integer).label("place"), part.c.document)
                    for index, part in parts
                )
            )
        )

    def fetch(self, connection: Connection, values: BoundValues) -> list[DocumentRows[Any]]:
        """The rows that each read finds, in their order; raises what `PlainRead.fetch` raises."""
        documents = dict(self._read.fetch(connection, values))
        decoded = []
        for index, read in enumerate(self._reads):
            memory = read.prepare_for(connection.dialect)
            decoded.append(memory(read, documents.get(index) or _EMPTY, connection.dialect.name))
        return decoded


class DocumentColumn(Generic[ReadRow]):
    """The rows of a correlated query as one column of the statement around it; made and sorted alike."""

    def __init__(
        self, statement: sa.Select[Any], make: Callable[[list[Any]], ReadRow], *, sorted_by: int = 0
    ) -> None:
        columns = list(statement.selected_columns)
        document = _Document(*columns)
        self.column = statement.with_only_columns(document, maintain_column_froms=True).scalar_subquery()
        self._types = [column.type for column in columns]
        self._make, self._sorted_by = make, sorted_by
        self._processors: dict[str, list[tuple[int, _ResultProcessor]]] = {}

    def read(self, document: str | None, dialect: Dialect) -> list[ReadRow]:
        """The rows of a document that this kind of database wrote; none of none."""
        if document in (None, _EMPTY):
            return []
        processors = self._processors.get(dialect.name)
        if processors is None:
            processors = self._processors[dialect.name] = list(_list_processors(self._types, dialect))
        return [self._make(row) for row in _decode(document, processors, self._sorted_by)]


def _decode(document: str, processors: list[tuple[int, _ResultProcessor]], sorted_by: int) -> list[list[Any]]:
    rows: list[list[Any]] = orjson.loads(document)
    for index, process in processors:
        for row in rows:
            if row[index] is not None:
                row[index] = process(row[index])
    if sorted_by:
        rows.sort(key=itemgetter(slice(-sorted_by, None)))
        for row in rows:
            del row[-sorted_by:]
    return rows


_OF_TEXT: Mapping[type, _ResultProcessor] = {sa.Date: date.fromisoformat, sa.DateTime: datetime.fromisoformat}


def _list_processors(
    types: list[sa.types.TypeEngine[Any]], dialect: Dialect
) -> list[tuple[int, _ResultProcessor]]:
    """What makes of a value in a document what a column of this type is read as, by its place."""
    processors: list[tuple[int, _ResultProcessor]] = []
    for index, kind in enumerate(types):
        known = kind.dialect_impl(dialect)
        process: _ResultProcessor | None = known.result_processor(dialect, None)
        if process is None:  # a driver that makes days and moments by itself makes none of a document
            plain = getattr(known, "impl_instance", known)
            process = next((read for of, read in _OF_TEXT.items() if isinstance(plain, of)), None)
        if process is not None:
            processors.append((index, process))
    return processors


class _Document(sa.sql.functions.FunctionElement[str]):
    """The rows of a group as one document of lists."""

    type = sa.Text()
    inherit_cache = True
    name = "document"


@compiles(_Document)
def _document(element: _Document, compiler: SQLCompiler, **options: object) -> str:
    columns = compiler.process(element.clauses, **options)
    return f"CAST(json_agg(json_build_array({columns})) AS TEXT)"


@compiles(_Document, "sqlite")
def _document_in_sqlite(element: _Document, compiler: SQLCompiler, **options: object) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"
