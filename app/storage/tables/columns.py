"""Column types and naming shared by every table, the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

SQLModel.model_config["defer_build"] = True
# A row is built, never validated: the validators of thirty tables would cost every start for nothing.

metadata = SQLModel.metadata


def table_of(kind: type[SQLModel]) -> sa.Table:
    """The table of a class, for statements without the ORM."""
    return kind.__table__  # type: ignore[attr-defined, no-any-return]  # SQLModel declares it at run time


def partial_index(name: str, *columns: str, where: str | sa.TextClause, unique: bool = False) -> sa.Index:
    """An index of the rows of one condition, the same on both databases."""
    condition = sa.text(where) if isinstance(where, str) else where
    return sa.Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class Moment(UTCDateTime):
    """A moment in UTC. The driver of PostgreSQL returns it as it is: its connections are in UTC.

    To make each value once more what it is already was a tenth of a long list's time. SQLite stores text, of
    which most was read before.
    """

    cache_ok = True

    def result_processor(
        self, dialect: sa.engine.Dialect, _coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        return None if dialect.name == "postgresql" else _read_moment

    def bind_processor(self, dialect: sa.engine.Dialect) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return super().bind_processor(dialect)

        def format_moment(moment: datetime | None) -> str | None:
            """As SQLAlchemy does, in a third of the time."""
            aware = self.process_bind_param(moment, dialect)
            return None if aware is None else aware.replace(tzinfo=None).isoformat(" ", "microseconds")

        return format_moment


@lru_cache(maxsize=8192)  # the windows of one form are those of many, and are read again and again
def _read_moment(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored).replace(tzinfo=UTC)


def json_type() -> sa.types.TypeEngine[Any]:
    """A JSON document, replaced whole and never changed in place."""
    return sa.JSON().with_variant(JSONB(), "postgresql")


def enum_type(kind: type[StrEnum]) -> sa.Enum:
    """A closed list of codes, stored as text and checked by the database."""
    return sa.Enum(
        kind,
        native_enum=False,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=True,
        length=40,
        name=kind.__name__.lower(),
    )


def big_key_type() -> sa.types.TypeEngine[Any]:
    """A 64-bit key; SQLite numbers rows only in a plain INTEGER key."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


@compiles(sa.String, "sqlite")
@compiles(sa.Text, "sqlite")
@compiles(sa.JSON, "sqlite")
@compiles(sa.Date, "sqlite")
@compiles(sa.DateTime, "sqlite")
@compiles(sa.Enum, "sqlite")
def _as_text(_type: object, _compiler: object, **_options: object) -> str:
    """Strict tables know TEXT and INTEGER; SQLAlchemy writes dates and JSON as text."""
    return "TEXT"


@compiles(sa.Boolean, "sqlite")
@compiles(sa.BigInteger, "sqlite")
def _as_integer(_type: object, _compiler: object, **_options: object) -> str:
    return "INTEGER"
