"""Each SQL statement is compiled once per test process, not once for every database that a test opens.

A program has one engine, which keeps what it has compiled. A test process opens thousands, and SQLAlchemy's
cache belongs to an engine and to a dialect object: a fifth of all time went into compiling the same again.
Each engine also asks its server who it is, by half a dozen statements; all servers of one kind are alike.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, Any] = LRUCache(5_000)
_PLAIN = (bool, int, str, tuple, type(None))
_DIALECTS = (PGDialect_psycopg, SQLiteDialect_pysqlite)


def share_compiled() -> None:
    """Let all engines of this process share one cache, and dialects of one class count as equal in it."""
    shared = property(lambda _engine: _COMPILED, lambda _engine, _own: None)
    for owner, name, value in (
        (Engine, "_compiled_cache", shared),
        *((dialect, "__hash__", lambda self: hash(type(self))) for dialect in _DIALECTS),
        *((dialect, "__eq__", lambda self, other: type(self) is type(other)) for dialect in _DIALECTS),
    ):
        setattr(owner, name, value)


def share_learned() -> None:
    """Let the first engine of a kind tell the others what its dialect learned of the server."""
    for dialect in _DIALECTS:
        dialect.initialize = _initialize_once(dialect.initialize)  # type: ignore[arg-type, method-assign]  # a bound method in place of one


def _initialize_once(
    ask: Callable[[DefaultDialect, Connection], None],
) -> Callable[[DefaultDialect, Connection], None]:
    learned: dict[str, object] = {}

    def initialize(dialect: DefaultDialect, connection: Connection) -> None:
        if not learned:
            before = dict(vars(dialect))
            ask(dialect, connection)
            plain = {name: value for name, value in vars(dialect).items() if isinstance(value, _PLAIN)}
            learned.update((name, value) for name, value in plain.items() if before.get(name, ...) != value)
        vars(dialect).update(learned)

    return initialize
