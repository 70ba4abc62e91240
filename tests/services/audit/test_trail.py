"""Tampering behind the program's back is found: in chains, feeds and seals."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.records.audit import AuditEvent
from app.services.audit.audit_seals import day_to_seal, seal_day, seal_days
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditChain, DaySeal
from app.storage.tables.studies import Study
from tests import postgres
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.people import START, Person, days, enrol_person
from tests.scenarios.reminders import count_entries
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

Tamper = Callable[[str], None]
SEALING = START + days(1)


@pytest.fixture
def tamper(installation: Installation, request: pytest.FixtureRequest) -> Iterator[Tamper]:
    """Somebody with the database's keys, who switches its guards off."""
    if installation.engine.dialect.name == "sqlite":
        with _open(installation.engine.url) as connection:
            guards = connection.execute(
                sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).scalars()
            for guard in list(guards):
                connection.execute(sa.text(f"DROP TRIGGER {guard}"))
            yield lambda statement: _run(connection, statement)
        return
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    owner = sa.make_url(cluster.url(str(installation.engine.url.database)))
    with _open(owner) as connection:
        for table in ("audit_entry", "feed_event", "day_seal"):
            connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.commit()
        yield lambda statement: _run(connection, statement)


@contextmanager
def _open(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _run(connection: sa.Connection, statement: str) -> None:
    assert connection.execute(sa.text(statement)).rowcount > 0
    connection.commit()


def study_of(installation: Installation) -> Study:
    with installation.read() as session:
        return session.exec(select(Study)).one()


def _history(installation: Installation) -> Sequence[str]:
    person = enrol_person(installation, site_of(installation), "0571-001")
    person.begin("BL", START)
    person.submit("BL", START)
    assert seal_days(ClockContext(installation, SEALING)) == 1
    return (person.cookie,)


HISTORY = make_stage(_history, SITE)
"""Somebody with a form sent, and a sealed day."""


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return HISTORY if "history" in request.fixturenames else stage


@pytest.fixture
def history(person: Person) -> Person:
    """The person of that stage."""
    return person


@pytest.mark.req("AUD-04")
def test_a_whole_trail_has_no_faults(installation: Installation, history: Person) -> None:
    history.randomise(date(2026, 3, 4), START + days(3))
    assert verify_trail(installation) == []
    assert seal_days(ClockContext(installation, START + days(4))) == 1
    assert verify_trail(installation) == []


CHAIN = "chain = 'participant:1'"


@pytest.mark.req("AUD-04")
@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (f"UPDATE audit_entry SET actor_id = 'x' WHERE {CHAIN} AND seq = 2", "was altered"),
        (
            f"UPDATE audit_entry SET changes = replace(changes, ':', ';') WHERE {CHAIN} AND seq = 1",
            "was altered",
        ),
        (f"DELETE FROM audit_entry WHERE {CHAIN} AND seq = 2", "expected number 2"),
        (f"DELETE FROM audit_entry WHERE {CHAIN} AND seq >= 4", "does not end at its head"),
        (f"DELETE FROM audit_entry WHERE {CHAIN}", "does not end at its head"),
        (f"DELETE FROM audit_chain WHERE {CHAIN}", "belongs to no chain"),
        (f"UPDATE audit_chain SET seq = 0 WHERE {CHAIN}", "does not end at its head"),
        ("DELETE FROM feed_event WHERE seq = 1", "expected number 1"),
        ("DELETE FROM feed_event WHERE seq >= 2", "does not end at its head"),
        ("UPDATE feed_event SET line = replace(line, '0571', '0572') WHERE seq = 1", "was altered"),
        ("UPDATE feed_event SET line = '{' WHERE seq = 1", "was altered"),
        ("UPDATE feed_event SET hash = 'x' WHERE seq = 1", "was altered"),
        ("UPDATE day_seal SET hash = 'x'", "2026-03-02 does not hold"),
        ("UPDATE day_seal SET chains = 9", "2026-03-02 does not hold"),
        ("DELETE FROM day_seal", "2026-03-02 is missing"),
    ],
)
@pytest.mark.usefixtures("history")
def test_tampering_breaks_the_verification(
    installation: Installation, tamper: Tamper, statement: str, what: str
) -> None:
    tamper(statement)
    assert what in {fault.what for fault in verify_trail(installation)}


@pytest.mark.req("AUD-04")
@pytest.mark.usefixtures("history")
def test_what_stands_beside_lines_heads_and_seals_is_proven(
    installation: Installation, tamper: Tamper
) -> None:
    """By these columns an event is found and withheld, and a chain is sealed."""
    later = "'2026-03-05 02:00:00+00:00'"
    beside = ("type = 'x'", "version = 99", f"recorded_at = {later}")
    for seq, changed in enumerate(beside, start=1):
        tamper(f"UPDATE feed_event SET {changed} WHERE seq = {seq}")
    tamper("UPDATE audit_chain SET study_id = NULL WHERE chain <> 'installation'")
    tamper(f"UPDATE day_seal SET sealed_at = {later}")
    faults = {(fault.chain, fault.seq, fault.what) for fault in verify_trail(installation)}
    assert {("feed:1", seq, "was altered") for seq in (1, 2, 3)} <= faults
    whats = {(chain, what) for chain, _, what in faults}
    assert {
        ("participant:1", "is not sealed with its own study"),
        ("study:1", "is not sealed with its own study"),
        ("seal:1", "2026-03-02 is not the seal that the trail tells of"),
    } <= whats
    tamper("DELETE FROM feed_head")
    assert "has no head" in {fault.what for fault in verify_trail(installation)}


@pytest.mark.req("AUD-04")
@pytest.mark.usefixtures("history")
def test_swapped_entries_break_the_verification(installation: Installation, tamper: Tamper) -> None:
    for before, after in ((2, 99), (3, 2), (99, 3)):
        tamper(f"UPDATE audit_entry SET seq = {after} WHERE {CHAIN} AND seq = {before}")
    faults = verify_trail(installation)
    assert {fault.seq for fault in faults if fault.what == "was altered"} == {2, 3}


@pytest.mark.req("AUD-04")
@pytest.mark.usefixtures("history")
def test_a_cut_end_with_a_forged_head_contradicts_the_seal(
    installation: Installation, tamper: Tamper
) -> None:
    with installation.read() as session:
        last = session.exec(select(AuditChain).where(AuditChain.chain == "participant:1")).one().seq
    tamper(f"DELETE FROM audit_entry WHERE {CHAIN} AND seq = {last}")
    older = f"SELECT hash FROM audit_entry WHERE {CHAIN} AND seq = {last - 1}"
    tamper(f"UPDATE audit_chain SET seq = {last - 1}, hash = ({older}) WHERE {CHAIN}")
    assert "2026-03-02 does not hold" in {fault.what for fault in verify_trail(installation)}


@pytest.mark.usefixtures("history")
def test_a_seal_without_an_entry_is_reported(installation: Installation, tamper: Tamper) -> None:
    tamper("INSERT INTO day_seal SELECT study_id, '2026-03-09', chains, hash, sealed_at FROM day_seal")
    assert "2026-03-09 is not the seal that the trail tells of" in {
        fault.what for fault in verify_trail(installation)
    }


def test_a_day_is_sealed_once_and_covers_only_what_was_done_in_it(
    installation: Installation, history: Person
) -> None:
    study = study_of(installation)
    assert seal_days(ClockContext(installation, SEALING)) == 0
    assert not seal_day(ClockContext(installation, SEALING), study, date(2026, 3, 2))
    history.randomise(date(2026, 3, 4), START + days(3))
    assert seal_day(ClockContext(installation, START + days(4)), study, date(2026, 3, 4))
    assert seal_day(ClockContext(installation, START + days(5)), study, date(2026, 3, 5))
    with installation.read() as session:
        seals = session.exec(select(DaySeal).order_by(col(DaySeal.sealed_on))).all()
    assert [seal.sealed_on for seal in seals] == ["2026-03-02", "2026-03-04", "2026-03-05"]
    assert seals[0].chains == 2  # the study's own and the participant's
    assert len({seal.hash for seal in seals}) == 3
    assert count_entries(installation, AuditEvent.TRAIL_SEALED) == 3
    assert verify_trail(installation) == []


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime.fromisoformat("2026-03-02T00:14:59+00:00"), date(2026, 2, 28)),
        (datetime.fromisoformat("2026-03-02T00:15:00+00:00"), date(2026, 3, 1)),
        (datetime.fromisoformat("2026-03-02T08:15:00+08:00"), date(2026, 3, 1)),
    ],
)
def test_a_day_is_sealed_when_it_has_settled(at: datetime, day: date) -> None:
    assert day_to_seal(at) == day
    assert day_to_seal(at + timedelta(days=1)) == day + timedelta(days=1)
