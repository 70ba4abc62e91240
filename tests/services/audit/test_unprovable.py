"""What the trail cannot prove is said and counted, and what an owner wrote as nonsense is named."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent, ChainEntry, link_entry
from app.services.audit.audit_verification import inspect_trail
from app.services.audit.record_replay import Replay
from app.services.core.installation import Installation
from app.storage.proof.row_facts import FactKey, proven_table
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Device
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.database_owner import DatabaseOwner, open_without_guards
from tests.scenarios.full_course import COURSE, LATER
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

ENTRIES, CHAINS = table_of(AuditEntry), table_of(AuditChain)


@pytest.fixture
def stage() -> Stage:
    return COURSE


@pytest.fixture
def course(migrated_sqlite_url: str) -> Iterator[Installation]:
    with open_installation_at(migrated_sqlite_url) as installation:
        yield installation


@pytest.fixture
def owner(course: Installation) -> Iterator[DatabaseOwner]:
    with open_without_guards(course.engine.url) as owner:
        yield owner


def make_old(owner: DatabaseOwner, chain: str) -> None:
    """A chain as a version wrote it that stated no facts yet."""
    rows = owner.connection.execute(
        sa.select(ENTRIES).where(ENTRIES.c.chain == chain).order_by(ENTRIES.c.seq)
    )
    previous = "0" * 64
    for row in rows.mappings().all():
        fields = {name: row[name] for name in ChainEntry._fields} | {"facts": None}
        entry = link_entry(ChainEntry(**fields), previous)
        previous = entry.hash
        values = {"prev_hash": entry.prev_hash, "hash": entry.hash, "facts": None}
        owner.run(sa.update(ENTRIES).where(ENTRIES.c.id == row["id"]).values(values))
    owner.run(sa.update(CHAINS).where(CHAINS.c.chain == chain).values(hash=previous))


@pytest.mark.req("AUD-04")
def test_old_entries_are_counted_and_later_acts_are_proven(
    course: Installation, owner: DatabaseOwner
) -> None:
    chain = participant_chain(1)
    make_old(owner, chain)
    report = inspect_trail(course)
    assert {fault.chain for fault in report.faults} == {"guards", "seal:1"}
    assert report.old_entries > 10
    assert report.unproven > 245
    with course.open_work(SYSTEM, LATER) as work:
        work.session.get_one(Device, 1).label = "tablet"
        work.record(AuditEvent.DEVICE_LOCKED, chain)
    owner.run("UPDATE device SET label = 'stolen', token_hash = 'x' WHERE id = 1")
    faults = {(fault.record, fault.field) for fault in verify_trail(course) if fault.record}
    assert faults == {("device:1", "label")}


def test_a_reason_that_was_taken_away_is_counted(course: Installation, owner: DatabaseOwner) -> None:
    owner.run(
        "UPDATE audit_entry SET reason = NULL, reason_salt = NULL WHERE event = 'site:disposition:undone'"
    )
    report = inspect_trail(course)
    assert report.redacted == 1
    assert {fault.chain for fault in report.faults} == {"guards"}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("response", "answers", "'{'"),
        ("response", "answers", "'[]'"),
        ("response", "scores", "'{'"),
        ("anchor", "dated_on", "'never'"),
        ("anchor", "standing", "'gone'"),
        ("slot", "begun_at", "'2026'"),
    ],
)
def test_nonsense_in_a_record_is_named(
    course: Installation, owner: DatabaseOwner, table: str, column: str, value: str
) -> None:
    owner.run(f"UPDATE {table} SET {column} = {value}")
    fields = {(str(fault.record).partition(":")[0], fault.field) for fault in verify_trail(course)}
    assert (table, column) in fields


def test_what_cannot_be_read_is_named_and_the_rest_is_read(
    course: Installation, owner: DatabaseOwner
) -> None:
    owner.run("UPDATE audit_entry SET at = 'never' WHERE chain = 'participant:1' AND seq = 3")
    owner.run("UPDATE feed_event SET recorded_at = 'never' WHERE seq = 2")
    owner.run("UPDATE day_seal SET sealed_on = 'never'")
    unread = {fault.chain for fault in verify_trail(course) if fault.what == "cannot be read to its end"}
    assert unread == {"participant:1", "feed:1", "seals"}


def test_a_first_visit_is_proven_by_the_browsers(course: Installation, owner: DatabaseOwner) -> None:
    """No entry states it: it is the moment at which the first of them was bound."""
    owner.run("UPDATE participant SET activated_at = '2026-03-01 00:00:00.000000' WHERE id = 1")
    faults = {(fault.record, fault.field) for fault in verify_trail(course)}
    assert ("participant:1", "activated_at") in faults


def test_a_feed_that_was_written_anew_is_not_the_one_of_its_cuts(
    course: Installation, owner: DatabaseOwner
) -> None:
    owner.run("UPDATE feed_event SET hash = 'x' WHERE seq = (SELECT seq FROM data_cut WHERE id = 1)")
    assert ("data_cut:1", "feed_hash") in {(fault.record, fault.field) for fault in verify_trail(course)}


def test_rows_of_nobody_are_named(course: Installation, owner: DatabaseOwner) -> None:
    columns = "id, participant_id, token_hash, label, bound_at, seen_at"
    row = "99, 77, 'x', label, bound_at, seen_at"
    owner.run(f"INSERT INTO device ({columns}) SELECT {row} FROM device LIMIT 1")
    owner.run("UPDATE audit_chain SET chain = 'participant:x1' WHERE chain = 'participant:1'")
    faults = verify_trail(course)
    assert {"device:99", "participant:1"} <= {fault.record for fault in faults}
    assert ("participant:x1", "names no participant") in {(fault.chain, fault.what) for fault in faults}


def test_responses_without_their_definition_are_counted(course: Installation, owner: DatabaseOwner) -> None:
    """The baseline as it was sent and as it was corrected, and a form that was entered from paper."""
    owner.run("UPDATE slot SET instrument = 'unknown'")
    assert inspect_trail(course).unscored == 3
    owner.run("UPDATE slot SET instrument = 'qlq-c30' WHERE visit = 'BL'")
    owner.run("UPDATE response SET instrument_sha256 = 'x'")
    assert inspect_trail(course).unscored == 3


def test_every_five_thousand_entries_the_verification_says_how_far_it_is(
    course: Installation, owner: DatabaseOwner
) -> None:
    row = owner.connection.execute(sa.select(ENTRIES).limit(1)).mappings().one()
    copies = [{**row, "id": 10_000 + n, "seq": 10_000 + n} for n in range(5000)]
    owner.connection.execute(sa.insert(ENTRIES), copies)
    owner.connection.commit()
    progress: list[int] = []
    inspect_trail(course, progress=progress.append)
    assert progress == [5000]


def test_facts_of_another_shape_of_the_tables_are_replayed() -> None:
    replay = Replay(FactKey(b"k"))
    replay.replay_group("c", 1, ["dropped_table", "new", ["id"], [[1]]])
    replay.replay_group(
        "c", 1, ["visit_record", "new", ["id", "dropped", "visit"], [[1, "x", "W6"], [2, "x", "W12"]]]
    )
    replay.replay_group("c", 2, ["visit_record", "set", ["id", "visit"], [[1, "W9"]]])
    replay.replay_group("d", 5, ["visit_record", "set", ["id", "dropped", "visit"], [[1, "y", "W7"]]])
    replay.replay_group("c", 3, ["visit_record", "gone", ["id"], [[2]]])
    proven = proven_table("visit_record")
    assert replay.find_entry(proven, 1) == ("c", 1)
    assert replay.find_entry(proven, 2) == ("records", 0)
    table = proven.table
    row = {"id": 1, "participant_id": 1, "visit": "W8", "state": "planned", "recorded_at": LATER}
    engine = sa.create_engine("sqlite://")
    table.metadata.create_all(engine, [table])
    with Session(engine) as session:
        session.execute(sa.insert(table).values(row))
        rows = session.execute(sa.text("SELECT * FROM visit_record")).all()
        faults = list(replay.compare_rows(proven, rows))
    engine.dispose()
    named = [(fault.chain, fault.seq, fault.record, fault.field) for fault in faults]
    assert named == [("d", 5, "visit_record:1", "visit")]
    assert (replay.counted, replay.unproven) == (1, 1)
