"""An act of a page is claimed inside its own transaction: once, by one, and only on what was seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, func, select

from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.acts import (
    EPOCH_LENGTH,
    STORED_EPOCHS,
    ActRepeated,
    KeyedAct,
    PageKey,
    page_owner,
    parse_page_key,
)
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.storage.act_keys import (
    begin_page_epoch,
    check_claimable,
    is_page_epoch_over,
    purge_act_keys,
    raise_if_repeated,
    read_newest_entry,
    read_page_epoch,
)
from app.storage.tables.acts import ActKey
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial

ACT = KeyedAct(key="k" * 64, own=True, actor="nurse", body="b" * 64, result="/done")


def claim(engine: Engine, act: KeyedAct, at: datetime, *, alone: bool = True) -> str:
    """Do nothing but claim; "done", or why not. Whoever is `alone` could have known that before."""

    def look() -> None:
        with Session(engine) as session:
            check_claimable(session.connection(), act)

    def press() -> None:
        with UnitOfWork(engine, SYSTEM, at, act=act):
            pass

    known = outcome_of(look) if alone else ""
    outcome = outcome_of(press)
    assert known in ("", outcome)
    return outcome


def outcome_of(act: Callable[[], None]) -> str:
    try:
        act()
    except ActRepeated as repeated:
        return repeated.result
    except Refused as refused:
        return refused.code
    return "done"


def keys(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.exec(select(ActKey.key)))


def test_a_key_is_claimed_once_and_its_words_lead_to_the_first_result(engine: Engine, at: datetime) -> None:
    assert claim(engine, replace(ACT, own=False), at) == "page_outdated"
    assert [claim(engine, ACT, at) for _press in range(2)] == ["done", "/done"]
    assert claim(engine, replace(ACT, body="c" * 64), at) == "page_used"
    assert claim(engine, replace(ACT, key="l" * 64, body="c" * 64), at) == "done"
    with Session(engine) as session, pytest.raises(ActRepeated):
        raise_if_repeated(session.connection(), ACT)


def test_an_act_that_fails_gives_its_key_back(engine: Engine, at: datetime) -> None:
    with pytest.raises(Refused), UnitOfWork(engine, SYSTEM, at, act=ACT):
        raise Refused("reason_needed")
    assert keys(engine) == []
    assert claim(engine, ACT, at) == "done"


def test_two_at_the_same_moment_are_one(engine: Engine, at: datetime) -> None:
    outcomes: list[str] = []
    other = Thread(target=lambda: outcomes.append(claim(engine, ACT, at, alone=False)))
    with UnitOfWork(engine, SYSTEM, at, act=ACT):
        other.start()  # it waits for this transaction, or comes after it
    other.join()
    assert outcomes == ["/done"]
    assert keys(engine) == [ACT.key]


@pytest.mark.parametrize(
    ("spoiled_by", "about", "outcome"),
    [
        ({AuditEvent.REMINDERS_CHANGED}, "", "state_changed"),
        ({AuditEvent.REMINDERS_CHANGED}, "participant:", "state_changed"),
        ({AuditEvent.REMINDERS_CHANGED}, "slot:W12/qlq-c30", "done"),
        ({AuditEvent.ANCHOR_RECORDED}, "", "done"),
        (set(), "", "done"),
    ],
)
def test_a_newer_entry_spoils_the_acts_that_it_concerns(
    engine: Engine, trial: Trial, at: datetime, spoiled_by: set[AuditEvent], about: str, outcome: str
) -> None:
    act = replace(ACT, participant_id=trial.participant, spoiled_by=frozenset(spoiled_by))
    with Session(engine) as session:
        seen = read_newest_entry(session.connection(), trial.participant)
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        if about == "participant:":
            about += participant.public_id
        participant.reminders_wanted = not participant.reminders_wanted
        work.record(AuditEvent.REMINDERS_CHANGED, trial.chain)
    assert claim(engine, replace(act, seen=seen, about=about), at) == outcome
    assert claim(engine, replace(act, key="m" * 64, seen=seen + 1, about=about), at) == "done"
    unseen = "state_changed" if spoiled_by else "done"
    assert claim(engine, replace(act, key="n" * 64, seen=None), at) == unseen


def test_an_entry_of_words_alone_spoils_the_act_whatever_its_record(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    events = frozenset({AuditEvent.MISSED_REASON_RECORDED})
    act = replace(ACT, participant_id=trial.participant, seen=1, spoiled_by=events, about="slot:W12/qlq-c30")
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.record(AuditEvent.MISSED_REASON_RECORDED, trial.chain, reason="was in hospital")
    assert claim(engine, act, at) == "state_changed"


def test_a_key_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    for key in (PageKey(page_owner("a"), "0" * 32), PageKey(page_owner("b"), "1" * 32, 12, 34)):
        assert parse_page_key(str(key)) == key
    for text in (
        "",
        "x",
        f"{'0' * 16}.{'1' * 32}",
        f"{'0' * 16}.{'1' * 32}.{'9' * 10}.1",
        f"{'0' * 16}.{'1' * 32}.².1",
        f"{'0' * 16}.{'1' * 32}.1",  # of a page from before there were epochs
        f"{'0' * 16}.{'1' * 32}.1.",
    ):
        assert parse_page_key(text) is None


def purge(engine: Engine, at: datetime) -> int:
    """One round of the clock: the next epoch, if it is time, and what falls out of it."""
    with UnitOfWork(engine, CLOCK, at) as work:
        connection = work.session.connection()
        return purge_act_keys(connection) if begin_page_epoch(connection, at) else 0


def epoch_now(engine: Engine) -> int:
    with Session(engine) as session:
        return read_page_epoch(session.connection())


def is_over(engine: Engine, at: datetime) -> bool:
    with Session(engine) as session:
        return bool(session.execute(select(is_page_epoch_over(at))).scalar_one())


def entries(engine: Engine) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(AuditEntry)).one()


def test_a_key_is_purged_no_sooner_than_its_page_is_refused(engine: Engine, at: datetime) -> None:
    """Pressed in every epoch, the act of one page happens once, and then its page is too old."""
    before, outcomes, remaining = entries(engine), [], []
    purge(engine, at)
    act = replace(ACT, epoch=epoch_now(engine))
    for number in range(1, STORED_EPOCHS + 3):
        outcomes.append(claim(engine, act, at))
        remaining.append(keys(engine))
        purge(engine, at + number * EPOCH_LENGTH)
    assert outcomes == ["done", *["/done"] * (STORED_EPOCHS - 1), "page_outdated", "page_outdated"]
    assert remaining == [*[[ACT.key]] * STORED_EPOCHS, [], []]
    assert claim(engine, replace(act, key="o" * 64), at) == "page_outdated"  # unused, and as old
    assert claim(engine, replace(act, key="o" * 64, epoch=epoch_now(engine)), at) == "done"
    assert entries(engine) == before


def test_a_page_of_an_epoch_that_has_not_begun_is_refused(engine: Engine, at: datetime) -> None:
    """Such as one that was open while a backup was put in place."""
    purge(engine, at)
    assert claim(engine, replace(ACT, epoch=epoch_now(engine) + 1), at) == "page_outdated"
    assert keys(engine) == []


def test_an_epoch_begins_once_a_day_whoever_asks(engine: Engine, at: datetime) -> None:
    assert is_over(engine, at)
    for moment in (at, at, at + EPOCH_LENGTH / 2, at - EPOCH_LENGTH / 2):
        purge(engine, moment)
        assert epoch_now(engine) == 1
        assert not is_over(engine, moment)
    assert is_over(engine, at + EPOCH_LENGTH)
    purge(engine, at + EPOCH_LENGTH)
    assert epoch_now(engine) == 2


@pytest.mark.parametrize("jump", [timedelta(days=4000), timedelta(days=-4000)])
def test_a_clock_that_jumps_ends_one_epoch_and_no_more(engine: Engine, at: datetime, jump: timedelta) -> None:
    """Epochs are counted: whatever a wrong clock says, an act of this very day stays done once."""
    purge(engine, at)
    act = replace(ACT, epoch=epoch_now(engine))
    assert claim(engine, act, at) == "done"
    for moment in (at + jump, at + jump, at, at):
        purge(engine, moment)
    assert epoch_now(engine) == 3
    assert claim(engine, act, at) == "/done"


def test_whoever_presses_while_the_key_is_purged_does_not_act_again(engine: Engine, at: datetime) -> None:
    outcomes: list[str] = []
    purge(engine, at)
    act = replace(ACT, epoch=epoch_now(engine))
    assert claim(engine, act, at) == "done"
    for number in range(1, STORED_EPOCHS):
        purge(engine, at + number * EPOCH_LENGTH)
    again = Thread(target=lambda: outcomes.append(claim(engine, act, at, alone=False)))
    with UnitOfWork(engine, CLOCK, at + STORED_EPOCHS * EPOCH_LENGTH) as work:
        connection = work.session.connection()
        assert begin_page_epoch(connection, work.at)
        assert purge_act_keys(connection) == 1
        again.start()  # it finds the key gone or going, and waits for this transaction
        again.join(0.3)
    again.join()
    assert outcomes == ["page_outdated"]
    assert keys(engine) == []
