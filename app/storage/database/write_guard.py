"""What one connection may write now, and whether all that it wrote has its entry in the audit trail.

A statement that writes reaches a database only here: the engine compares the tables of its structure with
those that were allowed, and the driver's own cursor takes no other statement than the one just compared. On
a connection that reads neither takes one, whatever the database itself would say.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from app.storage.database.written_tables import WrittenTables, find_written_tables

_READS = frozenset({"SELECT", "WITH", "BEGIN", "PRAGMA", "SHOW"})
_MODE_WORDS = frozenset({"SET", "RESET", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
"""Statements that could end a read-only transaction of PostgreSQL or make it another."""
_ACTS = "(next|set)val|lo_[a-z0-9_]+|dblink[a-z_]*|pg_(terminate|cancel)_backend|pg_notify"
"""Functions of PostgreSQL that change something when they are selected, also outside of any table."""
_CHANGES = {
    "SELECT": re.compile(rf"\b(INTO|{_ACTS})\b", re.IGNORECASE),
    "WITH": re.compile(rf"\b(INSERT|UPDATE|DELETE|MERGE|INTO|{_ACTS})\b", re.IGNORECASE),
    "BEGIN": re.compile(r"\bWRITE\b", re.IGNORECASE),
}
"""What stands in a statement that begins as one that reads, and writes."""

_NOTHING = ";"
"""The empty statement by which a pool asks whether the server is there."""
ENTRIES = "audit_entry"
"""The table of what is owed."""


class WriteRefused(RuntimeError):
    """Code tried to change the database outside a unit of work, or around it."""


class _Verdict(NamedTuple):
    """What the words of a statement say: whether it only reads, and why nobody executes it, if so."""

    word: str
    reads: bool
    refused: str


@lru_cache(maxsize=2048)
def classify_statement(statement: str) -> _Verdict:
    """What a statement's first word and signs say of it."""
    word = (statement.split(None, 1) or [""])[0].upper()
    if word in _MODE_WORDS or not word.isalpha():  # a word behind a comment or a semicolon would not be seen
        return _Verdict(word, reads=False, refused=f"{word} is the engine's own")
    if ";" in statement:
        return _Verdict(word, reads=False, refused="several statements at once")
    changes = _CHANGES.get(word)
    return _Verdict(word, word in _READS and not (changes and changes.search(statement)), "")


class Allowance:
    """The tables that may be written now, of some only these columns, beside those of an `outer` allowance.

    `audited`: those whose rows need an entry; `flushing`: by statements of a session's flush alone. `tables`
    None: any, by any statement.
    """

    def __init__(
        self,
        tables: WrittenTables | None,
        outer: "Allowance | None",
        *,
        audited: Collection[str],
        flushing: bool,
    ) -> None:
        before = ({}, frozenset(), set()) if outer is None else outer.state
        self._tables = None if tables is None else {**(before[0] or {}), **tables}
        self._audited = before[1] | frozenset(audited)
        self._written = before[2]
        self._flushing = flushing

    @property
    def state(self) -> tuple[WrittenTables | None, frozenset[str], set[str]]:
        """What an allowance inside goes on from: tables, those that owe, and those that were written."""
        return self._tables, self._audited, self._written

    @property
    def lacks_entry(self) -> bool:
        """Whether rows were written inside that need an entry, and no entry was."""
        return not self._audited.isdisjoint(self._written) and ENTRIES not in self._written

    def check_statement(self, context: object) -> None:
        """Raise WriteRefused for a statement that writes anything else."""
        if self._tables is None:
            return
        tables = find_written_tables(getattr(context, "compiled", None))
        if tables is None:
            raise WriteRefused("a change that is no statement of tables")
        options = getattr(context, "execution_options", ())
        if self._flushing and "compiled_cache" not in options:  # the mark of the session's own statements
            raise WriteRefused("a statement beside those of a flush")
        for table, columns in tables.items():
            allowed = self._tables.get(table, frozenset())
            if allowed is not None and (columns is None or columns - allowed or not allowed):
                raise WriteRefused(f"{table} is not what may be written here")
        self._written.update(tables)


class WriteGuard:
    """What a connection of a driver may do now.

    `writes`: its transaction may write at all; `lacks_entry`: it wrote records whose entry is not stored yet;
    `switching`: the engine itself changes how the connection works.
    """

    def __init__(self, *, autocommit: bool = False) -> None:
        self.writes = self._autocommit = autocommit
        self.lacks_entry = self.switching = False
        self._allowance: Allowance | None = None
        self._compared: str | None = None

    def forget(self) -> None:
        """Forget what was allowed and owed: the connection comes from the pool."""
        self.lacks_entry, self._allowance, self._compared = False, None, None

    @contextmanager
    def allow_tables(
        self, tables: WrittenTables | None, *, audited: Collection[str] = (), flushing: bool = False
    ) -> Iterator[None]:
        """Allow these tables inside, beside those that are allowed already."""
        outer = self._allowance
        self._allowance = Allowance(tables, outer, audited=audited, flushing=flushing)
        try:
            yield
        finally:
            self._allowance = outer

    def compare_statement(self, statement: str, context: object) -> None:
        """Let the engine execute a statement in this context; a plain read has none.

        Raises WriteRefused for what may not be written now.
        """
        verdict = classify_statement(statement)
        if verdict.refused:
            raise WriteRefused(verdict.refused)
        if verdict.reads:
            return
        if not self.writes:  # the database refuses it too, unless `set_config` told it otherwise
            raise WriteRefused("the connection is read-only")
        if self._allowance is None:
            raise WriteRefused(f"{verdict.word} outside a unit of work")
        self._allowance.check_statement(context)
        if self._allowance.lacks_entry:
            if self._autocommit:
                raise WriteRefused("a change that is committed without its entry")
            self.lacks_entry = True
        self._compared = statement

    def check_statement(self, statement: object) -> None:
        """Let the driver execute a statement that the engine has just compared, or one that reads."""
        compared, self._compared = self._compared, None
        if statement in (compared, _NOTHING):
            return
        if not isinstance(statement, str) or not classify_statement(statement).reads:
            raise WriteRefused("a statement that the engine has not seen")

    def check_entry_written(self, roll_back: Callable[[], object]) -> None:
        """Let the driver commit; while an entry is owed, roll all back instead and raise WriteRefused."""
        if self.lacks_entry:
            roll_back()
            raise WriteRefused("what was written has no entry in the audit trail")
