"""The feed has no gaps and no wrong order, however many write at once and however many give up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.feed import EventSection, FeedEventDraft, FeedRow, find_feed_faults
from app.storage.queries.feed_pages import read_feed_head, read_feed_page
from app.storage.row_changes import participant_chain
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial, a_participant

WRITERS, EACH = 8, 12


def draft(trial: Trial, note: int = 0) -> FeedEventDraft:
    return FeedEventDraft(
        "visit.recorded", "01-001", trial.site, f"r{note}", 1, {}, {"visit": EventSection({"n": note}, "s")}
    )


def publish(engine: Engine, trial: Trial, at: datetime, note: int = 0) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.publish(trial.study, draft(trial, note))


def lines_of(engine: Engine, trial: Trial) -> list[FeedRow]:
    with Session(engine) as session:
        rows = select(FeedEvent).where(FeedEvent.study_id == trial.study).order_by(col(FeedEvent.seq))
        return [
            FeedRow(row.seq, row.line, row.hash, row.type, row.ref, row.version, "", row.recorded_at)
            for row in session.exec(rows)
        ]


def head_and_hash(engine: Engine, trial: Trial) -> tuple[int, str]:
    with Session(engine) as session:
        head = session.get_one(FeedHead, trial.study)
        return head.seq, head.hash


@pytest.mark.req("EDC-02")
def test_pages_follow_each_other(engine: Engine, trial: Trial, at: datetime) -> None:
    for note in range(5):
        publish(engine, trial, at, note)
    with Session(engine) as session:
        first = read_feed_page(session, trial.study, 0, 3)
        rest = read_feed_page(session, trial.study, first[-1].seq, 3)
        assert read_feed_head(session, trial.study) == 5
    assert [row.seq for row in [*first, *rest]] == [1, 2, 3, 4, 5]
    assert list(find_feed_faults(lines_of(engine, trial), head_and_hash(engine, trial), "feed")) == []


@pytest.mark.req("EDC-02")
def test_a_rollback_leaves_no_gap(engine: Engine, trial: Trial, at: datetime) -> None:
    def fail() -> None:
        with UnitOfWork(engine, SYSTEM, at) as work:
            work.publish(trial.study, draft(trial))
            work.record(AuditEvent.ANSWERS_QUARANTINED, trial.chain)
            work.session.get_one(Participant, trial.participant).language = "en"

    publish(engine, trial, at)
    with pytest.raises(RuntimeError, match="without an event"):
        fail()
    publish(engine, trial, at)
    assert [event.seq for event in lines_of(engine, trial)] == [1, 2]


@pytest.mark.req("EDC-02")
def test_eight_writers_leave_no_gap_and_no_reader_ever_skips(
    postgres_engine: Engine, postgres_trial: Trial, at: datetime
) -> None:
    engine, trial = postgres_engine, postgres_trial
    with UnitOfWork(engine, SYSTEM, at) as work:
        people = [a_participant(work, trial.study, trial.site, f"01-1{n:02}").id for n in range(WRITERS)]

    def write(person: int) -> int:
        stored = 0
        for turn in range(EACH):
            try:
                with UnitOfWork(engine, SYSTEM, at) as work:
                    work.lock(participant_chain(person))
                    language = f"l{turn}"
                    work.session.get_one(Participant, person).language = language
                    work.publish(trial.study, draft(trial, person))
                    if turn % 3:  # every third transaction is refused and rolled back
                        work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(person))
                        stored += 1
            except RuntimeError:
                continue
        return stored

    def read() -> bool:
        """A cursor that only ever sees the next number, while the others write."""
        after = 0
        while after < WRITERS * EACH * 2 // 3:
            with Session(engine) as session:
                seen = [row.seq for row in read_feed_page(session, trial.study, after, 7)]
            if seen != list(range(after + 1, after + 1 + len(seen))):
                return False
            after += len(seen)
        return True

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read)
        stored = sum(pool.map(write, people))
        assert reader.result(timeout=60)
    assert stored == WRITERS * EACH * 2 // 3
    assert list(find_feed_faults(lines_of(engine, trial), head_and_hash(engine, trial), "feed")) == []
