"""What is the database's own fault has one name, whichever database says it and in whatever words."""

import sqlite3
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool, PoolProxiedConnection

from app.domain.refusal import BadDefinition, DatabaseFault, DatabaseUnavailable
from app.storage.database import limits
from app.storage.database.faults import find_database_fault
from app.storage.database.limits import (
    CONNECTIONS_OF_A_PROCESS,
    count_available_connections,
    require_encryption,
)
from app.storage.database.sqlite_file import prepare_sqlite_file, serving_lock, sqlite_file
from app.storage.engine import autocommit_engine, open_engine, page_engine, write_engine
from app.storage.migrations import migrate_database
from tests import postgres
from tests.servers import free_socket
from tests.unaudited_writes import allow_everything

SELECT = sa.text("SELECT 1")
WRITE = sa.text("UPDATE site SET name = 'other'")


def write(engine: Engine) -> None:
    with write_engine(engine).begin() as connection, allow_everything(connection):
        connection.execute(WRITE)


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("08006", DatabaseFault.AWAY),
        ("28P01", DatabaseFault.AWAY),
        ("3D000", DatabaseFault.AWAY),
        ("57P01", DatabaseFault.AWAY),
        ("57014", DatabaseFault.BUSY),
        ("40P01", DatabaseFault.BUSY),
        ("55P03", DatabaseFault.BUSY),
        ("25P03", DatabaseFault.BUSY),
        ("53300", DatabaseFault.BUSY),
        ("53100", DatabaseFault.CANNOT_WRITE),
        ("58030", DatabaseFault.CANNOT_WRITE),
        ("0A000", DatabaseFault.CANNOT_WRITE),
    ],
)
def test_postgresql_says_what_it_cannot_do(postgres_engine: Engine, state: str, fault: DatabaseFault) -> None:
    # Its semicolon is spelled as a code: a write connection takes no text that could be several statements.
    block = f"BEGIN RAISE EXCEPTION ''patient 7'' USING ERRCODE = ''{state}''\\003B END"
    raising = sa.text(f"DO U&'{block}'")
    with (
        pytest.raises(DatabaseUnavailable) as unavailable,
        write_engine(postgres_engine).connect() as connection,
        allow_everything(connection),
    ):
        connection.execute(raising)
    assert unavailable.value.fault is fault
    assert str(unavailable.value) == fault.value, "what is logged has no word of the database's"
    assert "\n" not in unavailable.value.reason


@pytest.mark.parametrize("state", ["22001", "23505", "42P01", "P0001", "XX000"])
def test_a_fault_of_the_statement_is_none_of_the_database(state: str) -> None:
    assert find_database_fault(psycopg.errors.lookup(state)()) is None
    assert find_database_fault(sqlite3.ProgrammingError("closed")) is None
    assert find_database_fault(ValueError(state)) is None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_wrong_statement_stays_a_programming_error(request: pytest.FixtureRequest, kind: str) -> None:
    name = "migrated_sqlite_engine" if kind == "sqlite" else "postgres_engine"
    engine: Engine = request.getfixturevalue(name)
    with pytest.raises(sa.exc.DBAPIError), engine.connect() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))


def test_a_closed_cursor_of_postgresql_is_a_programming_error(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        cursor = driver.cursor()
        cursor.close()
        with pytest.raises(Exception, match="closed") as closed:
            cursor.execute("SELECT 1")
    assert find_database_fault(closed.value) is None


def test_a_sqlite_file_that_cannot_be_used_is_away(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"no database at all, and long enough to look like one" * 100)
    for url in (f"sqlite:///{other}", f"sqlite:///{tmp_path / 'missing'}", f"sqlite:///{tmp_path}"):
        engine = open_engine(url)
        with pytest.raises(DatabaseUnavailable) as away:
            engine.connect()
        assert away.value.fault is DatabaseFault.AWAY
        engine.dispose()
    assert not (tmp_path / "missing").exists()


def test_a_sqlite_file_that_may_only_be_read_cannot_write(migrated_sqlite_url: str) -> None:
    file = migrated_sqlite_url.removeprefix("sqlite:///")
    engine = open_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(DatabaseUnavailable) as unable:
        write(engine)
    assert unable.value.fault is DatabaseFault.CANNOT_WRITE
    engine.dispose()


def test_a_locked_sqlite_file_is_busy(migrated_sqlite_url: str) -> None:
    engine = open_engine(migrated_sqlite_url)
    engine.connect().close()
    with sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable) as busy:
            write(engine)
        with engine.connect() as connection:
            assert connection.execute(SELECT).scalar_one() == 1, "who only reads does not wait"
    other.close()
    assert busy.value.fault is DatabaseFault.BUSY
    engine.dispose()


@pytest.mark.usefixtures("postgres_trial")
def test_a_locked_row_of_postgresql_is_waited_for_but_not_for_ever(
    postgres_engine: Engine, migrated_postgres_url: str
) -> None:
    holder = open_engine(migrated_postgres_url)
    with write_engine(holder).begin() as other, allow_everything(other):
        other.execute(WRITE)
        with pytest.raises(DatabaseUnavailable) as busy:
            write(postgres_engine)
    holder.dispose()
    assert (busy.value.fault, "lock timeout" in busy.value.reason) == (DatabaseFault.BUSY, True)
    write(postgres_engine)


@pytest.mark.parametrize("hot", [False, True])
def test_every_wait_has_an_end(migrated_postgres_url: str, hot: bool) -> None:
    engine = open_engine(migrated_postgres_url, statement_seconds=7)
    query = sa.text(
        "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
        " current_setting('idle_in_transaction_session_timeout')"
    )
    with (autocommit_engine(engine) if hot else engine).connect() as connection:
        assert tuple(connection.execute(query).one()) == ("5s", "7s", "30s")
    engine.dispose()


def test_a_connection_is_waited_for_but_not_for_ever(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.engine.POOL_SECONDS", 0.05)
    monkeypatch.setattr("app.storage.engine.OVERFLOW", 0)
    engine = open_engine(migrated_url, pool_size=1)
    with engine.connect(), pytest.raises(DatabaseUnavailable) as busy:
        engine.connect()
    assert busy.value.fault is DatabaseFault.BUSY
    engine.dispose()


def _connected(pool: Pool) -> PoolProxiedConnection | None:
    try:
        return pool.connect()
    except DatabaseUnavailable:
        return None


def test_a_process_takes_no_more_connections_than_it_says(migrated_postgres_url: str) -> None:
    engine = open_engine(migrated_postgres_url)
    taken = []
    for pool in (engine.pool, autocommit_engine(engine).pool, page_engine(engine).pool):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool, "_timeout", 0.05)
            while (one := _connected(pool)) is not None:
                taken.append(one)
    assert len(taken) == CONNECTIONS_OF_A_PROCESS
    for each in taken:
        each.close()
    engine.dispose()


def test_the_limit_of_the_server_is_known(postgres_cluster: postgres.Cluster, migrated_postgres: str) -> None:
    engine = open_engine(postgres_cluster.url(migrated_postgres))
    assert (count_available_connections(engine) or 0) > 9
    with sa.create_engine(postgres_cluster.url(migrated_postgres)).connect() as owner:
        owner.execute(sa.text(f"ALTER DATABASE {migrated_postgres} CONNECTION LIMIT 9"))
        owner.commit()
        assert count_available_connections(engine) == 9
        owner.invalidate()
    engine.dispose()


def test_sqlite_knows_no_limit(migrated_sqlite_engine: Engine) -> None:
    assert count_available_connections(migrated_sqlite_engine) is None


@pytest.mark.parametrize("hot", [False, True])
def test_a_connection_that_the_server_closed_is_never_handed_out(
    postgres_cluster: postgres.Cluster, migrated_postgres: str, hot: bool
) -> None:
    """Without any statement between the requests: the pool looks whether the connection is still silent."""
    engine = open_engine(postgres_cluster.url(migrated_postgres, postgres.APP))
    used = autocommit_engine(engine) if hot else engine
    pid = sa.text("SELECT pg_backend_pid()")
    with used.connect() as connection:
        before = connection.execute(pid).scalar_one()
    with used.connect() as connection:
        assert connection.execute(pid).scalar_one() == before
    with psycopg.connect(postgres_cluster.admin) as admin:
        assert admin.execute("SELECT pg_terminate_backend(%s, 20000)", (before,)).fetchone() == (True,)
    with used.connect() as connection:
        assert connection.execute(pid).scalar_one() != before
    engine.dispose()


def test_what_the_server_says_in_between_costs_no_connection(migrated_postgres_url: str) -> None:
    """A notification is readable, too; then the connection is asked by a statement, and lives."""
    engine = open_engine(migrated_postgres_url)
    hot = autocommit_engine(engine)
    listening = open_engine(migrated_postgres_url)
    with hot.connect() as connection, allow_everything(connection):
        pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        connection.execute(sa.text("LISTEN news"))
    with autocommit_engine(listening).connect() as other, allow_everything(other):
        other.execute(sa.text("NOTIFY news"))
    with hot.connect() as connection:
        assert connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() == pid
    listening.dispose()
    engine.dispose()


def test_a_connection_that_breaks_in_use_is_away(
    postgres_cluster: postgres.Cluster, migrated_postgres: str
) -> None:
    engine = open_engine(postgres_cluster.url(migrated_postgres, postgres.APP))
    with engine.connect() as connection:
        connection.execute(SELECT)
        postgres_cluster.drop(migrated_postgres)
        with pytest.raises(DatabaseUnavailable) as away:
            connection.execute(SELECT)
    assert away.value.fault is DatabaseFault.AWAY
    with pytest.raises(DatabaseUnavailable):
        engine.connect()
    engine.dispose()


def test_what_is_no_address_is_refused_without_its_password() -> None:
    with pytest.raises(BadDefinition) as bad:
        open_engine("postgresql+psycopg://me:test-only@host:port/daybook")
    assert "test-only" not in str(bad.value)


@pytest.mark.req("SEC-12")
def test_an_unencrypted_tcp_connection_is_refused_where_required() -> None:
    listener = free_socket()
    port = listener.getsockname()[1]
    listener.close()
    cluster = postgres.start(own=True, settings={"listen_addresses": "127.0.0.1", "port": str(port)})
    try:
        name = cluster.create()
        socket = cluster.url(name)
        network = socket.split("@/")[0] + f"@127.0.0.1:{port}/{name}"
        migrate_database(socket, encrypted=True)
        with pytest.raises(DatabaseUnavailable, match="away") as plain:
            migrate_database(network, encrypted=True)
        assert "not encrypted" in plain.value.reason
        for url, allowed in ((socket, True), (network, False)):
            engine = open_engine(url, encrypted=True)
            for each in (engine, autocommit_engine(engine)):
                if allowed:
                    each.connect().close()
                    continue
                with pytest.raises(DatabaseUnavailable):
                    each.connect()
            engine.dispose()
        migrate_database(network)
    finally:
        cluster.stop()


def test_a_sqlite_file_is_served_by_one_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'daybook.sqlite3'}"
    with serving_lock(url), pytest.raises(DatabaseUnavailable) as taken, serving_lock(url):
        pass
    assert "another process serves this file" in taken.value.reason
    server = "postgresql+psycopg://x/y"
    with serving_lock(url), serving_lock(server), serving_lock(server):
        assert (tmp_path / "daybook.sqlite3.serving").stat().st_mode & 0o777 == 0o600


def test_a_migration_of_a_database_that_is_away_says_so() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate_database("postgresql+psycopg://nobody@127.0.0.1:9/nowhere")


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_a_database_in_memory_has_no_file(name: str) -> None:
    assert sqlite_file(f"sqlite:///{name}") is None
    engine = open_engine(f"sqlite:///{name}")
    with engine.connect() as connection:
        assert connection.execute(SELECT).scalar_one() == 1
    engine.dispose()


def test_the_files_of_sqlite_are_their_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "daybook.sqlite3"
    migrate_database(f"sqlite:///{file}")
    engine = open_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT count(*) FROM site"))
        names = {each.name: oct(each.stat().st_mode & 0o777) for each in file.parent.iterdir()}
    assert names == dict.fromkeys(
        ("daybook.sqlite3", "daybook.sqlite3-wal", "daybook.sqlite3-shm"), oct(0o600)
    )
    engine.dispose()
    file.chmod(0o644)
    prepare_sqlite_file(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_migrations_at_once_are_one_after_the_other(database_url: str) -> None:
    """In threads here, in processes by tests/program; the second finds nothing to do."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            migrate_database(database_url)
        except BaseException as error:  # noqa: BLE001 - a thread's own would be lost
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []


def test_encryption_can_be_required_of_any_engine(migrated_postgres_url: str) -> None:
    engine = sa.create_engine(migrated_postgres_url)
    require_encryption(engine)
    with engine.connect() as connection:
        assert connection.execute(SELECT).scalar_one() == 1, "a socket needs none"
    engine.dispose()
    assert limits.LOCK_SECONDS < limits.STATEMENT_SECONDS
