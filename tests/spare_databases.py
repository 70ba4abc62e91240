"""PostgreSQL databases that are taken back from a test, put into their first state, and given to the next.

Making and dropping one costs the server many times as much. A database is used again only where nothing
of the test can be left in it, and is thrown away in every other case:

- Rows: a row's `xmin` is the transaction that wrote it. What is younger than the spare is removed; where
  an older row is missing, the table is emptied and filled from its image.
- Sequences get the values of the image.
- Structure, rights, settings and statistics are rows of the catalogue. When any was written, removed or
  added since the database was made, the database is thrown away, whatever was written.
- Somebody who is still connected could write later: then it is thrown away, too.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.postgres import Cluster

MOST_USES = 40
"""Removed rows stay in the files until they are cleaned, and nobody cleans them."""
_PATIENCE_SECONDS = 1.0
"""A server's process ends a moment after its client has gone."""
_OWN = ">= 16384"
"""Lower numbers are those that every database begins with."""
_CATALOGUE = {
    **dict.fromkeys(("attrdef", "class", "constraint", "policy", "proc", "rewrite"), f"oid {_OWN}"),
    **dict.fromkeys(("trigger", "type"), f"oid {_OWN}"),
    **dict.fromkeys(("event_trigger", "default_acl", "extension", "publication"), "true"),
    **dict.fromkeys(("largeobject_metadata", "namespace", "statistic_ext"), "true"),
    "attribute": f"attrelid {_OWN}",
    "index": f"indexrelid {_OWN}",
    "sequence": f"seqrelid {_OWN}",
    "statistic": f"starelid {_OWN}",
    "database": "datname = current_database()",
    "authid": "true",
    "auth_members": "true",
    "db_role_setting": "true",
}
"""What of the system's tables tells whether the structure is as it was."""
_STRUCTURE = "SELECT " + ", ".join(
    f"(SELECT (count(*), max(xmin::text::bigint))::text FROM pg_{part} WHERE {rows})"
    for part, rows in _CATALOGUE.items()
)
_OTHERS = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_TABLES = f"SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid {_OWN} ORDER BY oid"
_SEQUENCES = """SELECT format('%I.%I', schemaname, sequencename), start_value, last_value
FROM pg_sequences"""
_COUNTED = "SELECT {}, count(*) FILTER (WHERE xmin::text::bigint < %(since)s), count(*) FROM {}"
_NEXT = "SELECT pg_current_xact_id()::text::bigint + 1"

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that a table has at first, as COPY writes them."""

    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """What a database holds at first, and the statement that counts the old and all rows of each table."""

    tables: Mapping[str, Table]
    sequences: Mapping[str, tuple[int, int | None]]
    counting: bytes


@dataclass(slots=True)
class Spare:
    """A database that is used again. Its keeper, a superuser's connection, remembers how it is built."""

    name: str
    source: str
    keeper: Connection
    structure: object
    image: Image
    since: int
    """Rows of this transaction and of later ones are younger than the spare."""
    uses: int = 1

    def restore(self) -> None:
        """Put rows and sequences into their first state."""
        with self.keeper.transaction():
            for name, old, every in self.keeper.execute(self.image.counting, {"since": self.since}):
                table = self.image.tables[name]
                if old != table.count:
                    self._fill(name, table)
                elif every != old:
                    self.keeper.execute(
                        _named("DELETE FROM {} WHERE xmin::text::bigint >= %s", name), [self.since]
                    )
            for name, _first, last in self.keeper.execute(_SEQUENCES):
                if last != self.image.sequences[name][1]:
                    self._set(name, *self.image.sequences[name])
            self.since = _number(self.keeper, _NEXT)

    def _fill(self, name: str, table: Table) -> None:
        self.keeper.execute(_named("DELETE FROM {}", name))
        with self.keeper.cursor().copy(_named("COPY {} FROM STDIN (FORMAT binary)", name)) as filling:
            filling.write(table.rows)

    def _set(self, name: str, first: int, last: int | None) -> None:
        value = first if last is None else last
        self.keeper.execute("SELECT setval(%s::regclass, %s, %s)", [name, value, last is not None])


@dataclass(frozen=True)
class Spares:
    """The databases that nobody uses now, by the database that they are copies of."""

    cluster: Cluster
    most_uses: int = MOST_USES
    _free: dict[str, list[Spare]] = field(default_factory=dict)
    _images: dict[str, Image] = field(default_factory=dict)

    def take(self, source: str) -> Spare:
        """A database with the rows of `source` and no others; nobody may be connected to that."""
        free = self._free.setdefault(source, [])
        if free:
            spare = free.pop()
            spare.uses += 1
            return spare
        name = self.cluster.create(source)
        keeper = _keeper(self.cluster.admin, name)
        if source not in self._images:
            self._images[source] = _image(keeper)
        structure, since = read_structure(keeper), _number(keeper, _NEXT)
        return Spare(name, source, keeper, structure, self._images[source], since)

    def give_back(self, spare: Spare) -> None:
        """Keep the database for the next test, or throw it away: see above."""
        try:
            kept = spare.uses < self.most_uses and _alone(spare.keeper)
            # The structure first: a table may be gone.
            kept = kept and read_structure(spare.keeper) == spare.structure
            if kept:
                spare.restore()
        except psycopg.Error:
            # Somebody has cut the keeper off, or removed the database.
            kept = False
        if kept:
            self._free[spare.source].append(spare)
        else:
            self._throw_away(spare)

    def close(self) -> None:
        """Throw all away that are not in use."""
        for free in self._free.values():
            while free:
                self._throw_away(free.pop())

    def _throw_away(self, spare: Spare) -> None:
        spare.keeper.close()
        self.cluster.drop(spare.name)


def _keeper(admin: str, name: str) -> Connection:
    """One whose statements are planned once, and no trigger of the program stands in their way."""
    keeper = psycopg.connect(admin, dbname=name, autocommit=True, prepare_threshold=0)
    keeper.execute("SET plan_cache_mode = force_generic_plan")
    keeper.execute("SET session_replication_role = replica")
    return keeper


def _named(words: str, name: str) -> sql.Composed:
    """A statement about a table whose name the server has quoted."""
    return sql.SQL(words).format(sql.SQL(name))


def _image(keeper: Connection) -> Image:
    names = [name for (name,) in keeper.execute(_TABLES)]
    counting = [sql.SQL(_COUNTED).format(sql.Literal(name), sql.SQL(name)) for name in names]
    return Image(
        {name: _table(keeper, name) for name in names},
        {name: (first, last) for name, first, last in keeper.execute(_SEQUENCES)},
        sql.SQL(" UNION ALL ").join(counting).as_bytes(keeper),
    )


def _table(keeper: Connection, name: str) -> Table:
    count = _number(keeper, _named("SELECT count(*) FROM {}", name))
    with keeper.cursor().copy(_named("COPY {} TO STDOUT (FORMAT binary)", name)) as reading:
        return Table(count, b"".join(bytes(part) for part in reading))


def read_structure(keeper: Connection) -> object:
    """How many rows each part of the catalogue has, and which transaction wrote the youngest."""
    return keeper.execute(_STRUCTURE).fetchone()


def _alone(keeper: Connection) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while _number(keeper, _OTHERS):
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def _number(keeper: Connection, statement: str | sql.Composed) -> int:
    (value,) = keeper.execute(statement).fetchone() or (0,)
    return int(value)
