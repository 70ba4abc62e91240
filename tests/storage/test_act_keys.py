"""An act of a page is claimed inside its own transaction: once, by one, and only on what was seen."""

from dataclasses import replace
from datetime import datetime
from threading import Thread

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from app.domain.records.access import SYSTEM
from app.domain.records.acts import ActRepeated, KeyedAct, PageKey, page_owner, parse_page_key
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.storage.act_keys import raise_if_repeated, read_newest_entry
from app.storage.tables.acts import ActKey
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial

ACT = KeyedAct(key="k" * 64, own=True, actor="nurse", body="b" * 64, result="/done")


def claim(engine: Engine, act: KeyedAct, at: datetime) -> str:
    """Do nothing but claim; "done", or why not."""
    try:
        with UnitOfWork(engine, SYSTEM, at, act=act):
            return "done"
    except ActRepeated as repeated:
        return repeated.result
    except Refused as refused:
        return refused.code


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
    other = Thread(target=lambda: outcomes.append(claim(engine, ACT, at)))
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
    for key in (PageKey(page_owner("a"), "0" * 32), PageKey(page_owner("b"), "1" * 32, 12)):
        assert parse_page_key(str(key)) == key
    for text in (
        "",
        "x",
        f"{'0' * 16}.{'1' * 32}",
        f"{'0' * 16}.{'1' * 32}.{'9' * 10}",
        f"{'0' * 16}.{'1' * 32}.²",
    ):
        assert parse_page_key(text) is None
