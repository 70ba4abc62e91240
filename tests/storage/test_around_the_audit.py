"""Ways around the audit trail that code outside storage could try: each is refused, nothing is changed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import DropTable
from sqlmodel import Session, SQLModel, col

from app.domain.records.access import SYSTEM
from app.domain.records.audit import GENESIS, AuditEvent
from app.domain.refusal import DatabaseUnavailable
from app.storage.audit import (
    append_if_unmoved,
    audited_writes,
    bookkeeping_writes,
    covered_writes,
)
from app.storage.database.page_connections import open_page_connection
from app.storage.database.plain_reads import PlainRead
from app.storage.database.plain_writes import PlainWrite
from app.storage.database.write_guard import WriteRefused
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedHead
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork
from tests.storage.attacks import PARTICIPANT, UPDATE, Attack, Means, commit_hot
from tests.storage.trial import Trial, a_participant

SLOT = table_of(Slot)
COPY = sa.insert(PARTICIPANT).from_select(["public_id"], sa.select(PARTICIPANT.c.public_id))
WORDS = "UPDATE participant SET language = 'en'"
HIDDEN = UPDATE.returning(PARTICIPANT.c.activated_at).cte("hidden")
HIDDEN_MOMENT = sa.select(sa.func.max(HIDDEN.c.activated_at)).scalar_subquery()
_WORDS = sa.text(f"{WORDS} RETURNING activated_at").columns(sa.column("activated_at")).cte("words")
HIDDEN_IN_WORDS = sa.select(_WORDS.c.activated_at).scalar_subquery()


def own_update(means: Means) -> sa.Update:
    """A change of the trial's participant alone, named by their key."""
    return UPDATE.where(PARTICIPANT.c.id == means.trial.participant)


def covered(means: Means, connection: Connection) -> None:
    with covered_writes(connection, AuditEvent.LANGUAGE_CHANGED, means.trial.chain, "participant"):
        connection.execute(own_update(means))


def covered_and_committed_inside(means: Means, connection: Connection) -> None:
    with covered_writes(connection, AuditEvent.LANGUAGE_CHANGED, means.trial.chain, "participant"):
        connection.execute(own_update(means))
        connection.commit()


def audited_without_entry(means: Means, connection: Connection) -> None:
    with audited_writes(connection, means.entry(connection, AuditEvent.LANGUAGE_CHANGED), "participant"):
        connection.execute(own_update(means))


def other_table(statement: sa.Executable) -> Callable[[Means, Connection], None]:
    def write(means: Means, connection: Connection) -> None:
        entry = means.entry(connection, AuditEvent.SLOT_OPENED)
        with audited_writes(connection, entry):
            append_if_unmoved(connection, entry)
            connection.execute(statement)

    return write


def plainly_covered(means: Means, connection: Connection) -> None:
    with covered_writes(connection, AuditEvent.LANGUAGE_CHANGED, means.trial.chain, "participant"):
        assert PlainWrite(own_update(means)).execute(connection, {}) == 1


def bookkeeping(table: str, *columns: str) -> Callable[[Means, Connection], None]:
    def write(_means: Means, connection: Connection) -> None:
        with bookkeeping_writes(connection, table, columns):
            connection.execute(UPDATE)

    return write


@contextmanager
def listening(target: object, name: str, hear: Callable[..., object]) -> Iterator[None]:
    sa.event.listen(target, name, hear)
    try:
        yield
    finally:
        sa.event.remove(target, name, hear)


def in_mapper_event(means: Means) -> None:
    with listening(Slot, "before_update", lambda _mapper, connection, _row: connection.execute(UPDATE)):
        means.touch()


def in_flush_event(name: str) -> Attack:
    def attack(means: Means) -> None:
        sa.event.listen(means.work.session, name, lambda session, *_rest: session.execute(UPDATE))
        means.touch()

    return attack


def change_and(end: Attack) -> Attack:
    def attack(means: Means) -> None:
        means.change()
        end(means)

    return attack


def same_words(means: Means) -> None:
    """The very words by which the session has just changed the row."""
    heard: list[str] = []
    sa.event.listen(means.engine, "before_cursor_execute", lambda _c, _d, said, *_rest: heard.append(said))
    means.touch()
    means.driver.cursor().execute(next(said for said in heard if said.startswith("UPDATE slot")), {})


def from_pool(means: Means) -> None:
    """The driver's own connection, which has just written, from the pool."""
    means.work.session.close()
    raw = means.engine.raw_connection()
    try:
        raw.cursor().execute(WORDS)
        raw.commit()
    finally:
        raw.close()


def second_session(means: Means) -> None:
    with Session(means.connection) as session:
        session.get_one(Participant, means.trial.participant).language = "en"
        session.flush()


def own_option(means: Means) -> None:
    means.work.session.rollback()
    with means.engine.execution_options(daybook_writes=True).begin() as connection:
        connection.execute(UPDATE)


def in_autocommit(means: Means) -> None:
    means.work.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    means.change()


def prepared(means: Means) -> None:
    means.work.session.rollback()
    with means.engine.connect() as reading:
        reading.exec_driver_sql("PREPARE evil AS " + WORDS)
        reading.commit()
    means.connection.exec_driver_sql("EXPLAIN ANALYZE EXECUTE evil")


def write_by_function(
    opened: Callable[[Engine], AbstractContextManager[Connection]], write: Callable[[Connection], object]
) -> Attack:
    """A connection that reads, outside a transaction, after a function changed how PostgreSQL begins them."""

    def attack(means: Means) -> None:
        means.work.session.rollback()
        with opened(means.engine) as reading:
            if means.engine.dialect.name == "postgresql":
                reading.exec_driver_sql("SELECT set_config('default_transaction_read_only', 'off', false)")
            write(reading)

    return attack


def by_driver(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.cursor().execute(WORDS)


def half_changed(means: Means) -> None:
    """The first of two slots is changed when the second turns out to be nobody's."""
    slot = next(iter(list_slot_records(means.work.session, means.trial.participant)))
    missed = [(each, each._replace(missed_reason="x")) for each in (slot, slot._replace(id=77))]
    with suppress(WriteRefused):
        means.work.update_slots(means.trial.participant, missed)


def half_stored(means: Means) -> None:
    """Two slots of one name, of which SQLite has stored the first by then."""
    slot = means.work.session.get_one(Slot, means.trial.slot).model_dump(exclude={"id"})
    with suppress(sa.exc.IntegrityError):
        means.work.insert_slots([{**slot, "visit": visit, "public_id": "x"} for visit in ("X", "Y")])


def add(row: SQLModel) -> Attack:
    return lambda means: means.work.session.add(row)


def set_column(kind: type[SQLModel], key: Callable[[Means], object], name: str, value: object) -> Attack:
    def attack(means: Means) -> None:
        row = means.work.session.get_one(kind, key(means))
        setattr(row, name, means.other if value is None else value)
        means.work.record(AuditEvent.VISIT_REQUESTED, participant_chain(means.other))
        means.work.session.flush()

    return attack


def remove_head(means: Means) -> None:
    means.work.session.delete(means.work.session.get_one(AuditChain, means.trial.chain))
    means.work.session.flush()


def update_bookkeeping(where: sa.ColumnElement[bool], moment: object) -> Attack:
    return lambda means: means.work.update_bookkeeping(SLOT, where, {"wake_at": moment})


FORGED = AuditEntry(
    chain="x",
    seq=1,
    event="x",
    at=datetime(2026, 1, 1),  # noqa: DTZ001 - it is never stored
    actor_kind="system",
    actor_id="x",
    actor_role="x",
    changes="[]",
    prev_hash=GENESIS,
    hash=GENESIS,
)

ATTACKS: dict[str, Attack] = {
    "statement": lambda means: means.work.session.execute(UPDATE),
    "upsert": lambda means: means.work.session.execute(means.conflict()),
    "insert from select": lambda means: means.connection.execute(COPY),
    "bulk mappings": lambda means: means.work.session.bulk_update_mappings(
        sa.inspect(Participant), [{"id": means.trial.participant, "language": "en"}]
    ),
    "second session": second_session,
    "prepare and explain": prepared,
    "select into": lambda means: means.connection.exec_driver_sql("SELECT * INTO mine FROM participant"),
    "function that executes": lambda means: means.connection.execute(
        sa.select(sa.func.query_to_xml(WORDS, sa.true(), sa.true(), ""))
    ),
    "plain read that changes": lambda means: PlainRead(sa.select(HIDDEN_MOMENT)).fetch(means.connection, {}),
    "plain write": lambda means: PlainWrite(UPDATE).execute(means.connection, {}),
    "plain read-only write": write_by_function(
        open_page_connection, lambda reading: PlainWrite(UPDATE).execute(reading, {})
    ),
    "nothing at all": lambda means: means.connection.exec_driver_sql(""),
    "own option": own_option,
    "autocommit": in_autocommit,
    "commit of the session": change_and(lambda means: means.work.session.commit()),
    "commit of the connection": change_and(lambda means: means.connection.commit()),
    "commit of the transaction": change_and(lambda means: means.connection.get_transaction().commit()),  # type: ignore[union-attr]  # one is open
    "commit of the driver": change_and(lambda means: means.driver.commit()),
    "savepoint": change_and(lambda means: means.connection.begin_nested().rollback()),
    "driver's cursor": lambda means: means.driver.cursor().execute(WORDS),
    "driver's connection": lambda means: means.driver.execute(WORDS),
    "driver's many": lambda means: means.driver.cursor().executemany(WORDS, [{}]),
    "driver's bytes": lambda means: means.driver.cursor().execute(WORDS.encode()),
    "driver's words again": same_words,
    "driver from the pool": from_pool,
    "a page": write_by_function(open_page_connection, lambda reading: reading.execute(UPDATE)),
    "a page's driver": write_by_function(open_page_connection, by_driver),
    "reading in autocommit": write_by_function(
        lambda engine: engine.execution_options(isolation_level="AUTOCOMMIT").connect(), by_driver
    ),
    "slots half changed": half_changed,
    "slots half stored": half_stored,
    "flush event before": in_flush_event("before_flush"),
    "flush event after": in_flush_event("after_flush"),
    "mapper event": in_mapper_event,
    "hot without entry": commit_hot(open_transaction, covered),
    "hot in autocommit": commit_hot(open_autocommit, covered),
    "hot and plain": commit_hot(open_transaction, plainly_covered),
    "hot and plain in autocommit": commit_hot(open_autocommit, plainly_covered),
    "hot that commits inside": commit_hot(open_transaction, covered_and_committed_inside),
    "hot whose entry is not stored": commit_hot(open_transaction, audited_without_entry),
    "hot on another table": commit_hot(open_transaction, other_table(UPDATE)),
    "hot in words": commit_hot(open_transaction, other_table(sa.text(WORDS))),
    "hot in a definition": commit_hot(open_transaction, other_table(DropTable(PARTICIPANT))),
    "bookkeeping of another table": commit_hot(open_transaction, bookkeeping("throttle")),
    "bookkeeping of other columns": commit_hot(open_transaction, bookkeeping("participant", "activated_at")),
    "bookkeeping with a change in its condition": update_bookkeeping(
        SLOT.c.participant_id.in_(sa.select(HIDDEN.c.activated_at)), None
    ),
    "bookkeeping with a change in its value": update_bookkeeping(SLOT.c.id == 1, HIDDEN_MOMENT),
    "bookkeeping with a change in words": update_bookkeeping(SLOT.c.id == 1, HIDDEN_IN_WORDS),
    "a value that changes": set_column(Slot, lambda means: means.trial.slot, "wake_at", HIDDEN_MOMENT),
    "a forged entry": add(FORGED),
    "a head that begins later": add(AuditChain(chain="x", seq=7, hash=GENESIS)),
    "a head moved": set_column(AuditChain, lambda means: means.trial.chain, "seq", 77),
    "a head removed": remove_head,
    "the feed's head moved": set_column(FeedHead, lambda means: means.trial.study, "hash", "x"),
    "a row given to somebody else": set_column(Slot, lambda means: means.trial.slot, "participant_id", None),
    "another key": set_column(Slot, lambda means: means.trial.slot, "id", 77),
}
ONLY = {
    "sqlite": {
        "driver's script": lambda means: means.driver.executescript(WORDS),
        "driver's script by a cursor": lambda means: means.driver.cursor().executescript(WORDS),
        "driver's many by the connection": lambda means: means.driver.executemany(WORDS, [{}]),
        "driver's blob": lambda means: means.driver.blobopen("participant", "language", 1),
        "driver's authorizer": lambda means: means.driver.set_authorizer(None),
        "pragma of the file": lambda means: means.connection.exec_driver_sql("PRAGMA user_version = 7"),
        "pragma of the connection": lambda means: means.driver.execute("PRAGMA busy_timeout = 0"),
        "pragma that acts": lambda means: means.connection.exec_driver_sql("PRAGMA wal_checkpoint"),
    },
    "postgresql": {
        "driver's copy": lambda means: means.driver.cursor().copy("COPY throttle FROM STDIN").__enter__(),
        "sequence": lambda means: means.connection.exec_driver_sql("SELECT setval('slot_id_seq', 99)"),
        "large object": lambda means: means.driver.execute("SELECT lo_create(0)"),
        "mode": write_by_function(
            open_page_connection, lambda page: page.exec_driver_sql("BEGIN READ WRITE")
        ),
        "driver's stream": lambda means: next(means.driver.cursor().stream(f"{WORDS} RETURNING id")),
    },
}


@pytest.mark.req("AUD-01")
def test_nothing_leads_around_the_audit_trail(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        other = a_participant(work, trial.study, trial.site, "01-777").id
    stored = [sa.select(table_of(each)) for each in (Participant, Slot, AuditChain, FeedHead)]
    with Session(engine) as session:
        before = [session.execute(each).all() for each in stored]
    refusals = (WriteRefused, sa.exc.SQLAlchemyError, DatabaseUnavailable, engine.dialect.loaded_dbapi.Error)
    for name, attack in (ATTACKS | ONLY[engine.dialect.name]).items():
        with pytest.raises((*refusals, TypeError)), UnitOfWork(engine, SYSTEM, at) as work:
            attack(Means(engine, work, trial, other, at))
        with Session(engine) as session:
            assert [session.execute(each).all() for each in stored] == before, name
            assert session.get_one(Participant, trial.participant).language == "zh_CN"
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
    with Session(engine) as session:
        entries = session.scalar(sa.select(sa.func.max(col(AuditEntry.seq))))
        assert (session.get_one(Participant, trial.participant).language, entries) == ("en", 3)
