"""A database that is away, locked or full is no fault of the program: 503 with Retry-After, never a 500."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app.storage.database.limits import POOL_SIZE
from tests import postgres
from tests.applications import Clock, application
from tests.browsers import BASE_URL
from tests.coroutines import run_apart
from tests.faces.edc_caller import REGISTER, STUDY, sign_in_edc
from tests.faces.participant_browsers import Phone, enrol_only, event, heading, invite
from tests.scenarios.beginnings import SITE, site_of
from tests.scenarios.people import Person
from tests.stages import Stage

GUARD_SECONDS = 300
"""Only against hanging."""
Breaking = Callable[[FastAPI, str, postgres.Cluster], AbstractContextManager[None]]


@pytest.fixture
def stage() -> Stage:
    return SITE


def phone_of(app: FastAPI, number: int, at: Clock) -> Phone:
    """Somebody whose browser is bound."""
    person = enrol_only(Person(app.state.installation, site_of(app.state.installation), f"0571-{number:03d}"))
    phone = invite(app, person, at.at)
    phone.activate()
    return phone


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextmanager
def locked_file(_app: FastAPI, url: str, _cluster: postgres.Cluster) -> Iterator[None]:
    with closing(sqlite3.connect(file_of(url))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def missing_file(app: FastAPI, url: str, _cluster: postgres.Cluster) -> Iterator[None]:
    app.state.installation.engine.dispose()
    aside = file_of(url).rename(f"{file_of(url)}.aside")
    yield
    aside.rename(file_of(url))


@contextmanager
def full_disk(_app: FastAPI, _url: str, _cluster: postgres.Cluster) -> Iterator[None]:
    """No file of this process may grow: what a full disk is to SQLite."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def database_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@contextmanager
def locked_table(_app: FastAPI, url: str, cluster: postgres.Cluster) -> Iterator[None]:
    conninfo = cluster.url(database_of(url)).replace("+psycopg", "")
    with psycopg.connect(conninfo) as other:
        other.execute("LOCK TABLE audit_chain IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@contextmanager
def closed_database(_app: FastAPI, url: str, cluster: postgres.Cluster) -> Iterator[None]:
    """Nobody may connect, and whoever was connected is thrown out, as by a restart."""
    name = database_of(url)
    with psycopg.connect(cluster.admin, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def says_unavailable(response: Response, *, page: bool = False) -> None:
    assert response.status_code == 503, response.text
    assert 1 <= int(response.headers["retry-after"]) <= 60
    if page:
        assert heading(response) == "This isn't possible right now"
        assert "Your saved answers are safe" in response.text


@pytest.mark.parametrize(
    ("kind", "breaking", "code"),
    [
        ("sqlite", locked_file, "database_busy"),
        ("sqlite", missing_file, "database_away"),
        ("sqlite", full_disk, "database_cannot_write"),
        ("postgresql", locked_table, "database_busy"),
        ("postgresql", closed_database, "database_away"),
    ],
)
def test_database_outage_asks_to_retry_and_recovers(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    postgres_cluster: postgres.Cluster,
    kind: str,
    breaking: Breaking,
    code: str,
) -> None:
    monkeypatch.setattr("app.storage.database.limits.LOCK_SECONDS", 1)
    monkeypatch.setattr("app.storage.engine.BUSY_SECONDS", 1)
    url = str(request.getfixturevalue(f"migrated_{'sqlite' if kind == 'sqlite' else 'postgres'}_url"))
    clock = Clock()
    app = application(url, clock)
    phone, edc = phone_of(app, 1, clock), sign_in_edc(app, clock.at)
    slot = phone.begin()
    assert phone.save(slot, event(1, "q1", 2)).status_code == 204
    with breaking(app, url, postgres_cluster):
        says_unavailable(phone.save(slot, event(2, "q2", 3)))
        says_unavailable(phone.send(slot), page=True)
        refused = edc.put("/participants/0571-002", REGISTER)
        says_unavailable(refused)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == code
        assert refused.json()["type"] == "/problems/unavailable"
        if code == "database_away":
            says_unavailable(phone.client.get("/home"), page=True)
            start = phone.client.get("/desk")
            says_unavailable(start, page=True)
            assert "Try again" in start.text  # no "start page" that leads to itself
            says_unavailable(edc.get(f"/studies/{STUDY}"))
    assert phone.save(slot, event(2, "q2", 3)).status_code == 204
    assert edc.put("/participants/0571-002", REGISTER).status_code in (200, 201)
    app.state.installation.engine.dispose()


async def blocked_sessions(cluster: postgres.Cluster) -> int:
    """How many connections wait for a lock now."""
    async with await psycopg.AsyncConnection.connect(cluster.admin) as admin:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        row = await (await admin.execute(query)).fetchone()
        assert row is not None
        return int(row[0])


async def save(app: FastAPI, phone: Phone, slot: str, number: int, client: str = "c2") -> int:
    """One answer by a browser of its own connection; returns the status."""
    body = {"client": client, "events": [event(number, f"q{1 + number % 28}", 2)]}
    async with AsyncClient(
        transport=ASGITransport(app=app),
        base_url=BASE_URL,
        cookies=phone.client.cookies,
        timeout=GUARD_SECONDS,
    ) as browser:
        return (await browser.post(f"/f/{slot}/answers", json=body)).status_code


ROWS = {
    "chain": "SELECT * FROM audit_chain WHERE chain = 'participant:1' FOR UPDATE",
    "browser": "SELECT * FROM device WHERE participant_id = 1 FOR UPDATE",
    "forms": "SELECT * FROM slot WHERE participant_id = 1 FOR UPDATE",
}


@pytest.mark.parametrize("locked", ROWS)
def test_one_locked_row_makes_nobody_else_wait(
    migrated_postgres_url: str,
    postgres_cluster: postgres.Cluster,
    monkeypatch: pytest.MonkeyPatch,
    locked: str,
) -> None:
    """One phone sends and sends while its row is locked; another's answer is taken before any wait ends."""
    monkeypatch.setattr("app.storage.database.limits.LOCK_SECONDS", GUARD_SECONDS)
    monkeypatch.setattr("app.storage.database.limits.STATEMENT_SECONDS", GUARD_SECONDS)
    clock = Clock()
    app = application(migrated_postgres_url, clock)
    busy, other = phone_of(app, 1, clock), phone_of(app, 2, clock)
    slots = busy.begin(), other.begin()
    # The lease of a browser is renewed by its next request.
    clock.forward(minutes=2)

    async def play() -> None:
        conninfo = postgres_cluster.url(database_of(migrated_postgres_url)).replace("+psycopg", "")
        async with await psycopg.AsyncConnection.connect(conninfo) as holder:
            await holder.execute(ROWS[locked])
            requests = [asyncio.create_task(save(app, busy, slots[0], 1 + n)) for n in range(60)]
            while await blocked_sessions(postgres_cluster) < 1:
                await asyncio.sleep(0.01)
            assert await blocked_sessions(postgres_cluster) < POOL_SIZE
            for number in range(3):
                assert await save(app, other, slots[1], 1 + number) == 204
            assert not any(each.done() for each in requests)
            await holder.rollback()
            assert set(await asyncio.gather(*requests)) == {204}

    run_apart(asyncio.wait_for(play(), GUARD_SECONDS))
    app.state.installation.engine.dispose()
