"""The database's own guards, compared with what they shall be: triggers and rights."""

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.database_grants import APP_ROLE
from app.storage.tables import APPEND_ONLY, PURGED
from app.storage.tables.columns import metadata

_SQLITE_TRIGGERS = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
_REPLACES = re.compile(
    r"CREATE TRIGGER (\w+)_no_replace BEFORE INSERT ON \1 WHEN EXISTS \(SELECT 1 FROM \1 WHERE (.+)\)"
    r" BEGIN SELECT RAISE\(ABORT, '\1 is append-only'\); END"
)
_SAME = re.compile(r"(\w+) = NEW\.\1")

_POSTGRESQL_TRIGGERS = sa.text(
    "SELECT tgname AS name, relname AS on_table, tgenabled IN ('O', 'A') AND tgqual IS NULL"
    " AND cardinality(tgattr::int2[]) = 0 AS active, tgtype AS kind, proname AS calls, prosrc AS body"
    " FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid"
    " WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace"
)
_FUNCTION = "daybook_append_only"
_BODY = "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'DB001'; END"
_KINDS = {"change": 1 | 2 | 8 | 16, "truncate": 2 | 32}
"""PostgreSQL's own bits: for each row 1, before 2, DELETE 8, UPDATE 16, TRUNCATE 32."""

_RULES = sa.text("SELECT rulename AS name, tablename AS on_table FROM pg_rules WHERE schemaname = 'public'")
_RIGHTS = sa.text(
    "SELECT relname AS on_table, COALESCE(rolname, 'PUBLIC') AS grantee, privilege_type AS kind"
    " FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS held"
    " LEFT JOIN pg_roles ON pg_roles.oid = held.grantee"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND held.grantee <> relowner"
    " UNION ALL"
    " SELECT relname, COALESCE(rolname, 'PUBLIC'), privilege_type"
    " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
    " CROSS JOIN LATERAL aclexplode(attacl) AS held LEFT JOIN pg_roles ON pg_roles.oid = held.grantee"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND held.grantee <> relowner"
)
_OWNING = sa.text(
    "SELECT DISTINCT relname AS on_table FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind = 'r' AND pg_has_role(:role, relowner, 'MEMBER')"
)
_APP = sa.text("SELECT rolname FROM pg_roles WHERE rolname = :role")


def find_guard_faults(connection: Connection) -> Iterator[str]:
    """What is wrong with triggers and rights; nothing where all guards stand."""
    if connection.dialect.name == "sqlite":
        yield from _sqlite_faults(connection)
        return
    yield from _trigger_faults(connection)
    for rule in connection.execute(_RULES):
        yield f"rule {rule.name} on {rule.on_table} is none of Daybook's"
    yield from _rights_faults(connection)


def _sqlite_faults(connection: Connection) -> Iterator[str]:
    stored = {row.name: " ".join(row.sql.split()) for row in connection.execute(_SQLITE_TRIGGERS)}
    for table in APPEND_ONLY:
        for action in ("update", "delete", "replace"):
            name = f"{table}_no_{action}"
            written = stored.pop(name, None)
            if written is None:
                yield f"trigger {name} is missing"
            elif not (_replaces(table, written) if action == "replace" else written == _stops(table, action)):
                yield f"trigger {name} is not as it was made"
    yield from (f"trigger {name} is none of Daybook's" for name in sorted(stored))


def _stops(table: str, action: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{action} BEFORE {action.upper()} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _replaces(table: str, written: str) -> bool:
    """Whether a trigger stops a replacing insert at every key of the table."""
    match = _REPLACES.fullmatch(written)
    if match is None or match[1] != table:
        return False
    keys = {frozenset(_SAME.findall(key)) for key in match[2].split(" OR ")}
    return keys == {frozenset(key) for key in _unique_keys(table)}


def _unique_keys(table: str) -> Iterator[Sequence[str]]:
    """The keys by which a row of a table could be taken for another."""
    for constraint in metadata.tables[table].constraints:
        if isinstance(constraint, (sa.PrimaryKeyConstraint, sa.UniqueConstraint)):
            yield [column.name for column in constraint.columns]


def _trigger_faults(connection: Connection) -> Iterator[str]:
    stored = {row.name: row for row in connection.execute(_POSTGRESQL_TRIGGERS)}
    for table in APPEND_ONLY:
        for action, kind in _KINDS.items():
            name = f"{table}_no_{action}"
            row = stored.pop(name, None)
            if row is None:
                yield f"trigger {name} is missing"
            elif not row.active:
                yield f"trigger {name} is switched off"
            elif (row.on_table, row.kind, row.calls, " ".join(row.body.split())) != (
                table,
                kind,
                _FUNCTION,
                _BODY,
            ):
                yield f"trigger {name} is not as it was made"
    yield from (f"trigger {name} is none of Daybook's" for name in sorted(stored))


def _rights_faults(connection: Connection) -> Iterator[str]:
    """Rights beyond those of `grant_app_role`; nobody but owner and program may write at all."""
    for row in connection.execute(_RIGHTS):
        allowed = {"SELECT"}
        if row.grantee == APP_ROLE and row.on_table in metadata.tables:
            allowed |= {"INSERT"} if row.on_table in APPEND_ONLY else {"INSERT", "UPDATE"}
            allowed |= {"DELETE"} if row.on_table in PURGED else set()
        if row.kind not in allowed:
            yield f"{row.grantee} holds {row.kind} on {row.on_table}"
    if connection.execute(_APP, {"role": APP_ROLE}).first() is None:
        yield f"role {APP_ROLE} is missing: the program can only run as the owner of its tables"
        return
    for row in connection.execute(_OWNING, {"role": APP_ROLE}):
        yield f"{APP_ROLE} may act as the owner of {row.on_table}"
