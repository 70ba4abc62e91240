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


def _gone(folder: Path) -> bool:
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return not folder.exists()


def test_a_database_is_fresh_and_sorts_by_bytes(postgres_cluster: postgres.Cluster) -> None:
    name = postgres_cluster.create()
    asked = "SELECT current_user, datcollate FROM pg_database WHERE datname = current_database()"
    assert _rows(postgres_cluster.url(name), asked) == (postgres.OWNER, "C")
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
