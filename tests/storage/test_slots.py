"""The SQL twin of status says what the pure function says, for every window and every fact."""

import itertools
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session, col

from app.domain.plans.status import ExitKind, derive_status
from app.domain.plans.windows import Window, build_window
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.storage.queries.slots import (
    derive_slot_state,
    list_slot_transitions,
    planned_slot,
    slot_facts,
    slot_status,
    status_expression,
    window_of_slot,
)
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import WINDOW, Trial, a_slot

FIRST = date(2026, 3, 1)
NUMBER = itertools.count()
moments = st.integers(-2 * 48, 14 * 48).map(
    lambda halves: datetime(2026, 2, 28, 16, tzinfo=UTC) + timedelta(minutes=30) * halves
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens = FIRST + timedelta(days=draw(st.integers(0, 5)))
    target = opens + timedelta(days=draw(st.integers(0, 4)))
    closes = target + timedelta(days=draw(st.integers(0, 4)))
    zone = draw(st.sampled_from(["Asia/Shanghai", "America/Sao_Paulo"]))
    ends_at = draw(st.none() | moments)
    overdue = draw(st.integers(0, 5))
    return build_window(opens, target, closes, zone, overdue_after=overdue, grace_hours=48, ends_at=ends_at)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, object]:
    exit_ = draw(st.none() | st.tuples(st.sampled_from(ExitKind), moments))
    return {
        "window": draw(st.none() | windows()),
        "begun_at": draw(st.none() | moments),
        "submitted_at": draw(st.sampled_from([None, None, None, WINDOW.opens_at])),
        "excused": draw(st.sampled_from([None, None, "no_translation"])),
        "exit_kind": exit_[0] if exit_ else None,
        "exit_at": exit_[1] if exit_ else None,
    }


def keep(engine: Engine, trial: Trial, at: datetime, drawn: list[dict[str, object]]) -> list[Slot]:
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        slots = []
        for facts in drawn:
            window = facts.pop("window")
            slot = a_slot(participant, f"V{next(NUMBER)}", window if isinstance(window, Window) else None)
            for name, value in facts.items():
                setattr(slot, name, value)
            slots.append(slot)
        work.session.add_all(slots)
        work.record(AuditEvent.ANCHOR_RECORDED, trial.chain)
    return slots


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(rows(), min_size=20, max_size=60), others=st.lists(moments, min_size=1, max_size=3))
def test_the_twin_equals_the_pure_function(
    engine: Engine, trial: Trial, at: datetime, drawn: list[dict[str, object]], others: list[datetime]
) -> None:
    slots = keep(engine, trial, at, drawn)
    edges = [
        edge + step
        for slot in slots[:3]
        for edge in (
            slot.opens_at,
            slot.due_at,
            slot.overdue_at,
            slot.closes_at,
            slot.grace_until,
            slot.exit_at,
        )
        if edge is not None
        for step in (timedelta(microseconds=-1), timedelta(0))
    ]
    keys = [slot.id for slot in slots]
    with Session(engine) as session:
        moment = sa.bindparam("now", type_=sa.inspect(Slot).columns.opens_at.type)
        statement = sa.select(col(Slot.id), status_expression(moment)).where(col(Slot.id).in_(keys))
        for now in [*others, *edges]:
            statuses = {row[0]: row[1] for row in session.execute(statement, {"now": now})}
            assert statuses == {slot.id: slot_status(slot, now).value for slot in slots}
    for slot in slots:
        turns = sorted({at - timedelta(days=99), *list_slot_transitions(slot), at + timedelta(days=99)})
        for since, until in itertools.pairwise(turns):
            within = (since, since + (until - since) / 2, until - timedelta(microseconds=1))
            assert len({derive_slot_state(slot, now) for now in within}) == 1


def test_a_row_and_the_domain_speak_of_the_same_slot(engine: Engine, trial: Trial) -> None:
    with Session(engine) as session:
        slot = session.get_one(Slot, trial.slot)
    assert window_of_slot(slot) == WINDOW == planned_slot(slot).window
    assert derive_status(WINDOW, slot_facts(slot), WINDOW.due_at) is slot_status(slot, WINDOW.due_at)
    slot.closes_at = None
    assert window_of_slot(slot) is None
