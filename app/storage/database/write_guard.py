"""What one connection may write now, and which entries of the audit trail it owes for what it wrote.

A row is covered by an entry of the chain to which it belongs, whose event covers its table: each chain and
table that was written is owed until such an entry is stored, and while one is owed nothing is committed.

A statement that writes reaches a database only here: the engine compares the tables of its structure with
those that were allowed, and the driver's own cursor takes no other statement than the one just compared. On
a connection that reads neither takes one, whatever the database itself would say.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
HEAD_CHAIN = "head_chain"
"""The parameter by which a statement that moves the head of a chain names it."""
Debt = tuple[str, str]
"""A chain, and a table whose rows an entry of it has yet to cover."""
_NO_DEBTS = frozenset[Debt]()
_NONE_AUDITED: Mapping[str, str] = {}


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

    `audited`: those whose rows need an entry, each with its chain; `flushing`: by statements of a session's
    flush alone. `tables` None: any, by any statement. `paid`: what entries cover that were stored inside.
    """

    def __init__(
        self,
        tables: WrittenTables | None,
        outer: "Allowance | None",
        *,
        audited: Mapping[str, str],
        flushing: bool,
    ) -> None:
        before = ({}, {}, set[Debt]()) if outer is None else outer.state
        self._tables = None if tables is None else {**(before[0] or {}), **tables}
        self._audited = {**before[1], **audited}
        self.paid = before[2]
        self._flushing = flushing

    @property
    def state(self) -> tuple[WrittenTables | None, Mapping[str, str], set[Debt]]:
        """What an allowance inside goes on from: tables, those that owe, and what is paid."""
        return self._tables, self._audited, self.paid

    def check_statement(self, context: object, values: object) -> Collection[Debt]:
        """What a statement owes once it is executed. Raises WriteRefused where it writes anything else."""
        if self._tables is None:
            return _NO_DEBTS
        writes = find_written_tables(getattr(context, "compiled", None))
        if writes is None:
            raise WriteRefused("a change that is no statement of tables")
        tables = writes.tables
        options = getattr(context, "execution_options", ())
        if self._flushing and "compiled_cache" not in options:  # the mark of the session's own statements
            raise WriteRefused("a statement beside those of a flush")
        for table, columns in tables.items():
            allowed = self._tables.get(table, frozenset())
            if allowed is not None and (columns is None or columns - allowed or not allowed):
                raise WriteRefused(f"{table} is not what may be written here")
        audited = self._audited
        if not audited:
            return _NO_DEBTS
        if not writes.unbounded.isdisjoint(audited):
            raise WriteRefused("a change of records that are not named by their keys")
        debts = {(audited[table], table) for table in tables if table in audited} - self.paid
        if debts and ENTRIES in tables:
            # It stores the entry along with the rows: of the chain whose head it moves, by its values.
            entered = values.get(HEAD_CHAIN) if isinstance(values, Mapping) else None
            return {debt for debt in debts if debt[0] != entered}
        return debts


class WriteGuard:
    """What a connection of a driver may do now.

    `writes`: its transaction may write at all; `switching`: the engine itself changes how the connection
    works.
    """

    def __init__(self, *, autocommit: bool = False) -> None:
        self.writes = self._autocommit = autocommit
        self.switching = False
        self._owed = set[Debt]()
        self._allowance: Allowance | None = None
        self._compared: str | None = None

    def forget(self) -> None:
        """Forget what was allowed and owed: the connection comes from the pool."""
        self._allowance, self._compared = None, None
        self._owed.clear()

    @contextmanager
    def allow_tables(
        self,
        tables: WrittenTables | None,
        *,
        audited: Mapping[str, str] = _NONE_AUDITED,
        flushing: bool = False,
    ) -> Iterator[None]:
        """Allow these tables inside, beside those that are allowed already."""
        outer = self._allowance
        self._allowance = Allowance(tables, outer, audited=audited, flushing=flushing)
        try:
            yield
        finally:
            self._allowance = outer

    def compare_statement(self, statement: str, context: object, values: object) -> None:
        """Let the engine execute a statement with these values in this context; a plain read has none.

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
        debts = self._allowance.check_statement(context, values)
        if debts and self._autocommit:
            raise WriteRefused("a change that is committed without its entry")
        self._owed.update(debts)
        self._compared = statement

    def check_statement(self, statement: object) -> None:
        """Let the driver execute a statement that the engine has just compared, or one that reads."""
        compared, self._compared = self._compared, None
        if statement in (compared, _NOTHING):
            return
        if not isinstance(statement, str) or not classify_statement(statement).reads:
            raise WriteRefused("a statement that the engine has not seen")

    def require_entries(self, debts: Iterable[Debt]) -> None:
        """Refuse to commit until these are covered."""
        self._owed.update(debts)

    def accept_entry(self, chain: str, covered: Collection[str]) -> None:
        """Take in that an entry of this chain was stored, whose event covers these tables."""
        paid = {(chain, table) for table in covered}
        if self._allowance is not None:
            self._allowance.paid |= paid
        self._owed -= paid

    def check_entry_written(self, roll_back: Callable[[], object]) -> None:
        """Let the driver commit; while an entry is owed, roll all back instead and raise WriteRefused."""
        if self._owed:
            roll_back()
            raise WriteRefused("what was written has no entry in the audit trail")
