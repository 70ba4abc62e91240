"""Whether a form may be opened, answered and submitted, and how a late answer is classified."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.plans.status import ANSWERABLE, Exit, SlotFacts, Status, derive_status
from app.domain.plans.windows import Window
from app.domain.refusal import Refused

LATE_ARRIVAL = timedelta(hours=72)
"""How long after closing an answer that was captured inside the window may still arrive."""

_NO: Mapping[Status, str] = {
    Status.planned: "not_yet_open",
    Status.waiting: "not_yet_open",
    Status.submitted: "already_submitted",
    Status.missed: "window_closed",
    Status.excused: "not_expected",
    Status.not_expected: "not_expected",
}


class Arrival(StrEnum):
    """How an answer document stands to its window when it arrives."""

    in_window = "in_window"
    in_grace = "in_grace"
    out_of_window = "out_of_window"
    quarantined = "quarantined"


def check_open(window: Window | None, facts: SlotFacts, at: datetime) -> None:
    """Refuse unless the slot can be answered now; the code says why, with the day or moment that matters."""
    state = derive_status(window, facts, at)
    if state in ANSWERABLE:
        return
    if window is None:
        raise Refused(_NO[state])
    if state is Status.planned:
        raise Refused(_NO[state], day=window.opens_on, opens_at=window.opens_at)
    raise Refused(_NO[state], day=window.closes_on)


def classify_arrival(
    window: Window, facts: SlotFacts, captured_at: datetime | None, received_at: datetime
) -> Arrival:
    """How a document received now stands to its window.

    Begun and received within the grace: accepted. Captured inside the window and received at most 72 hours
    after closing: accepted as out of window. Anything else, or captured after an exit, is quarantined.
    """
    moment = completion_instant(captured_at, received_at)
    if is_after_exit(facts.exit, moment):
        return Arrival.quarantined
    if received_at < window.closes_at:
        return Arrival.in_window if received_at >= window.opens_at else Arrival.quarantined
    if facts.begun_at is not None and received_at < window.grace_until:
        return Arrival.in_grace
    captured_inside = captured_at is not None and window.opens_at <= captured_at < window.closes_at
    if captured_inside and received_at <= window.closes_at + LATE_ARRIVAL:
        return Arrival.out_of_window
    return Arrival.quarantined


def completion_instant(captured_at: datetime | None, received_at: datetime) -> datetime:
    """When a document counts as completed: when it was captured, and never after it arrived."""
    return received_at if captured_at is None else min(captured_at, received_at)


def is_completed_before(at: datetime | None, on: date, anchor_at: datetime | None, anchor_on: date) -> bool:
    """Before the anchor's instant; by its day, which counts itself, where one of both has no hour."""
    return on <= anchor_on if at is None or anchor_at is None else at < anchor_at


def is_after_exit(ended: Exit | None, moment: datetime) -> bool:
    """Whether a moment lies at or after the exit, if there was one."""
    return ended is not None and moment >= ended.at
