"""Putting a backup in the place of the database: a copied SQLite file, or an archive of `pg_dump`."""

import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from app.domain.refusal import Refused
from app.storage.migrations import migrate_database

_ARCHIVE = b"PGDMP"
"""What a `pg_dump --format=custom` begins with."""


def restore_sqlite(backup: Path, database: Path, finish: Callable[[str], None]) -> None:
    """Replace a SQLite database by a backup file, in one step: the old one stays until all is done.

    `finish` gets the address of the migrated copy before it takes the database's place. Nobody may serve.
    Raises Refused("not_a_backup").
    """
    copy = database.with_name(f"{database.name}.restoring")
    _remove(copy)
    try:
        _copy_sqlite(backup, copy)
        migrate_database(f"sqlite:///{copy}")
        finish(f"sqlite:///{copy}")
        with closing(sqlite3.connect(copy)) as whole:
            whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            whole.execute("PRAGMA journal_mode=DELETE")
        _remove(database, itself=False)
        copy.replace(database)
    finally:
        _remove(copy)


def _copy_sqlite(backup: Path, copy: Path) -> None:
    if not backup.is_file():
        raise FileNotFoundError(2, "no such file", str(backup))
    try:
        with (
            closing(sqlite3.connect(f"{backup.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            (fault,) = target.execute("PRAGMA quick_check(1)").fetchone()
            if fault != "ok":
                raise sqlite3.DatabaseError(fault)
            target.execute("SELECT version_num FROM alembic_version")
    except sqlite3.DatabaseError as unusable:
        raise Refused("not_a_backup", file=str(backup), why=str(unusable).splitlines()[0]) from unusable


def _remove(database: Path, itself: bool = True) -> None:
    """Remove a SQLite file with what lies beside it."""
    for ending in ("", "-wal", "-shm", "-journal")[0 if itself else 1 :]:
        database.with_name(database.name + ending).unlink(missing_ok=True)


def restore_postgresql(archive: Path, url: str) -> None:
    """Replace everything in a PostgreSQL database by an archive, in one transaction, and migrate it.

    `url` is the owner's. Needs PostgreSQL's own pg_restore and psql. Raises Refused("not_a_backup").
    """
    with archive.open("rb") as file:
        if file.read(len(_ARCHIVE)) != _ARCHIVE:
            raise Refused("not_a_backup", file=str(archive), why="no archive of pg_dump --format=custom")
    with tempfile.NamedTemporaryFile(suffix=".sql") as spelled:
        # Spelled as a whole first: a stream that breaks off would empty the database and commit.
        _run("pg_restore", ["--no-owner", "--no-privileges", f"--file={spelled.name}", str(archive)], archive)
        _run_psql(url, ["-1", "-c", _dropping(url), "-f", spelled.name], archive)
    migrate_database(url)


def _run_psql(url: str, words: list[str], archive: Path) -> None:
    address = sa.make_url(url)
    server = address.set(drivername="postgresql", password=None).render_as_string()
    secret = {"PGPASSWORD": address.password or ""}  # not among the words that every process may read
    _run("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server, *words], archive, secret)


def _run(name: str, words: list[str], archive: Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a program of PostgreSQL. Raises Refused("not_a_backup"), FileNotFoundError."""
    program = shutil.which(name)
    if program is None:
        raise FileNotFoundError(2, "is not installed", name)
    done = subprocess.run([program, *words], capture_output=True, env=environ, check=False)  # noqa: S603 - no shell
    if done.returncode:
        why = next(iter(done.stderr.decode(errors="replace").splitlines()), f"{name} failed")
        raise Refused("not_a_backup", file=str(archive), why=why)


def _dropping(url: str) -> str:
    """The SQL that empties the database, so that nothing newer than the archive stays."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            functions = connection.scalars(
                sa.text(
                    "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                    " ORDER BY 1"
                )
            ).all()
    finally:
        engine.dispose()
    quote = engine.dialect.identifier_preparer.quote
    dropped = [f"DROP TABLE {quote(name)} CASCADE;" for name in tables]
    return " ".join([*dropped, *(f"DROP FUNCTION {name} CASCADE;" for name in functions)]) or "SELECT 1;"
