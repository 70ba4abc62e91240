"""The test server is real, separate for each database, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text

from tests import postgres
from tests.meta.sources import ROOT


def _rows(url: str, statement: str) -> tuple[object, ...]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return tuple(connection.execute(text(statement)).one())
    finally:
        engine.dispose()


def _connect(cluster: postgres.Cluster, name: str) -> "psycopg.Connection[tuple[int]]":
    return psycopg.connect(cluster.url(name).replace("+psycopg", ""))


def _gone(folder: Path) -> bool:
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return not folder.exists()


def test_a_database_is_fresh_and_sorts_by_bytes(postgres_cluster: postgres.Cluster) -> None:
    name = postgres_cluster.create()
    query = "SELECT current_user, datcollate FROM pg_database WHERE datname = current_database()"
    assert _rows(postgres_cluster.url(name), query) == (postgres.OWNER, "C")
    postgres_cluster.drop(name)


def test_a_copy_holds_what_the_template_holds(postgres_cluster: postgres.Cluster) -> None:
    template = postgres_cluster.create()
    engine = create_engine(postgres_cluster.url(template))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 7 AS seven"))
    engine.dispose()
    copy = postgres_cluster.create(template)
    assert _rows(postgres_cluster.url(copy), "SELECT seven FROM kept") == (7,)
    postgres_cluster.drop(copy)
    postgres_cluster.drop(template)


def test_a_copy_is_lent_again_only_if_nothing_was_stored_since(postgres_cluster: postgres.Cluster) -> None:
    template = postgres_cluster.create()
    with _connect(postgres_cluster, template) as owner:
        owner.execute("CREATE TABLE kept (seven int)")
        owner.execute("CREATE SEQUENCE numbers")
    query, stored = "SELECT count(*) FROM kept", "INSERT INTO kept VALUES (7)"
    lent = []
    for statement in (query, query, "SELECT nextval('numbers')", query, stored, query):
        lent.append(postgres_cluster.borrow(template))
        with _connect(postgres_cluster, lent[-1]) as connection:
            connection.execute(statement)
            connection.rollback()  # what is taken back has moved rows and numbers all the same
        while postgres_cluster.count_connections(lent[-1]):
            time.sleep(0.01)
        postgres_cluster.give_back(lent[-1])
    assert [lent.index(name) for name in lent] == [0, 0, 0, 3, 3, 5]
    with _connect(postgres_cluster, lent[-1]):
        another = postgres_cluster.borrow(template)
    assert another != lent[-1], "somebody was still connected"
    postgres_cluster.drop(another)
    postgres_cluster.drop(template)


def test_the_app_role_owns_nothing(postgres_cluster: postgres.Cluster) -> None:
    name = postgres_cluster.create()
    with (
        psycopg.connect(postgres_cluster.url(name, postgres.APP).replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")
    postgres_cluster.drop(name)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_no_server(end: signal.Signals) -> None:
    program = "from tests import postgres; print(postgres.start().admin, flush=True); input()"
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    with run:
        assert run.stdout is not None
        folder = Path(str(conninfo_to_dict(run.stdout.readline())["host"]))
        assert folder.is_dir()
        run.send_signal(end)
    assert _gone(folder)


def test_a_running_server_is_used_and_not_stopped(
    postgres_cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(postgres.ADDRESS, postgres_cluster.admin)
    cluster = postgres.start()
    name = cluster.create()
    cluster.stop()
    assert _rows(postgres_cluster.url(name), "SELECT 1") == (1,)
    postgres_cluster.drop(name)


def test_without_any_server_the_reason_is_printed(tmp_path: Path) -> None:
    with pytest.raises(postgres.Unavailable, match=postgres.ADDRESS):
        postgres._binaries(tmp_path, None, [tmp_path])


def test_the_development_wheel_is_enough(tmp_path: Path) -> None:
    wheel = list(postgres._candidates())[-1]
    assert wheel.parent.name == "pginstall"
    assert postgres._binaries(tmp_path, None, [tmp_path, wheel]) == wheel


def test_settings_reach_the_server() -> None:
    own = postgres.start(fsync=True, settings={"work_mem": "7MB"})
    try:
        with psycopg.connect(own.admin) as connection:
            shown = connection.execute(
                "SELECT current_setting('fsync'), current_setting('work_mem')"
            ).fetchone()
        assert shown == ("on", "7MB")
    finally:
        own.stop()
