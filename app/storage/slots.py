"""Slots between rows and the domain: windows, facts, and the SQL twin of status."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.schedule import PlannedSlot
from app.domain.status import Exit, ExitKind, Facts, Status, status
from app.domain.window import Window
from app.storage.schedule import Slot


def window_of_slot(slot: Slot) -> Window | None:
    """The window that a row holds; None while its anchor is not known."""
    if slot.opens_on is None or slot.target_on is None or slot.closes_on is None:
        return None
    if not (slot.opens_at and slot.due_at and slot.overdue_at and slot.closes_at and slot.grace_until):
        return None
    return Window(
        opens_on=slot.opens_on,
        target_on=slot.target_on,
        closes_on=slot.closes_on,
        zone=slot.zone,
        opens_at=slot.opens_at,
        due_at=slot.due_at,
        overdue_at=slot.overdue_at,
        closes_at=slot.closes_at,
        grace_until=slot.grace_until,
    )


def facts_of(slot: Slot) -> Facts:
    """What the row knows of its slot beside the window."""
    left = Exit(slot.exit_kind, slot.exit_at) if slot.exit_kind and slot.exit_at else None
    return Facts(slot.begun_at, slot.submitted_at, left, slot.excused is not None)


def status_of(slot: Slot, at: datetime) -> Status:
    """The slot's state at this moment."""
    return status(window_of_slot(slot), facts_of(slot), at)


def planned_of(slot: Slot) -> PlannedSlot:
    """The row as the domain's schedule names it."""
    return PlannedSlot(
        visit=slot.visit,
        series=slot.series,
        instrument=slot.instrument,
        instrument_version=slot.instrument_version,
        for_day=slot.for_day,
        anchor=slot.anchor,
        window=window_of_slot(slot),
        arm_revealing=slot.arm_revealing,
    )


def place(slot: Slot, window: Window | None) -> None:
    """Put a window into the row, or take it away; a new version of the window begins."""
    slot.opens_on = window.opens_on if window else None
    slot.target_on = window.target_on if window else None
    slot.closes_on = window.closes_on if window else None
    slot.opens_at = window.opens_at if window else None
    slot.due_at = window.due_at if window else None
    slot.overdue_at = window.overdue_at if window else None
    slot.closes_at = window.closes_at if window else None
    slot.grace_until = window.grace_until if window else None
    slot.window_version += 1
    slot.announced = None


def slots_of(session: Session, participant_id: int) -> Sequence[Slot]:
    """All slots of a participant in the plan's order."""
    statement = select(Slot).where(Slot.participant_id == participant_id)
    return session.exec(statement.order_by(col(Slot.position), col(Slot.id))).all()


def word(code: StrEnum) -> sa.ColumnElement[str]:
    """A code in a query, written out: constants that are bound are sent and typed anew each time."""
    return sa.literal_column(f"'{code.value}'", sa.String)


def status_expression(now: sa.ColumnElement[datetime]) -> sa.ColumnElement[str]:
    """The SQL twin of `app.domain.status.status`; a test proves the two equal."""
    opens, closes, left = col(Slot.opens_at), col(Slot.closes_at), col(Slot.exit_at)
    died = col(Slot.exit_kind) == word(ExitKind.death)
    exited = col(Slot.exit_kind).is_not(None)
    inside = sa.and_(exited, opens <= left, left < closes)
    ends = sa.case((inside, left), (col(Slot.begun_at).is_not(None), col(Slot.grace_until)), else_=closes)
    gone = sa.and_(exited, sa.or_(opens.is_(None), left < sa.case((died, closes), else_=opens)))
    return sa.case(
        (col(Slot.submitted_at).is_not(None), word(Status.submitted)),
        (gone, word(Status.not_expected)),
        (col(Slot.excused).is_not(None), word(Status.excused)),
        (opens.is_(None), word(Status.waiting)),
        (now >= ends, word(Status.missed)),
        (now < opens, word(Status.planned)),
        (sa.and_(now >= col(Slot.overdue_at), now < closes), word(Status.overdue)),
        (col(Slot.begun_at).is_not(None), word(Status.in_progress)),
        (col(Slot.due_at) <= now, word(Status.due)),
        else_=word(Status.open),
    )
