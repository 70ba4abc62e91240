"""The file of a SQLite database: private, never made by mistake, and served by one process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.domain.refusal import DatabaseFault, DatabaseUnavailable

PRIVATE = 0o600
_COMPANIONS = ("", "-wal", "-shm")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address; None of another database's, or of one in memory."""
    address = sa.make_url(url)
    name = address.database or ""
    if address.get_backend_name() != "sqlite" or name in ("", ":memory:"):
        return None
    return Path(name.removeprefix("file:"))


def prepare_sqlite_file(file: Path) -> None:
    """Make the file, and its folder, where there is none; only its owner may read it, and what stands beside.

    SQLite gives its companions the permissions of the file. Earlier versions left all of them to the umask.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, PRIVATE))
    for companion in _COMPANIONS:
        part_file = Path(f"{file}{companion}")
        if part_file.exists():
            part_file.chmod(PRIVATE)


def require_sqlite_file(engine: Engine, file: Path) -> None:
    """Let a connection never make the file: an address with a slip would else be an empty database."""

    def refuse_missing(*_connecting: object) -> None:
        if not file.exists():
            raise DatabaseUnavailable(DatabaseFault.AWAY, f"{file}: no such file; `daybook migrate` makes it")

    event.listen(engine, "do_connect", refuse_missing)


@contextmanager
def serving_lock(url: str) -> Iterator[None]:
    """Be the one server of a SQLite file, however many addresses lead to it; raises DatabaseUnavailable.

    PostgreSQL takes as many servers as there are.
    """
    file = sqlite_file(url)
    if file is None:
        yield
        return
    # Beside the file, not the file itself: closing a second handle of it would drop SQLite's own locks.
    handle = os.open(Path(f"{file.resolve()}.serving"), os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            reason = f"{file}: another process serves this file, and SQLite allows one"
            raise DatabaseUnavailable(DatabaseFault.BUSY, reason) from taken
        yield
    finally:
        os.close(handle)


@contextmanager
def migrating_lock(file: Path) -> Iterator[None]:
    """Wait until nobody else migrates a file of this folder."""
    handle = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
