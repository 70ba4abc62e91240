"""Whether a form may be opened, answered and sent, and how a late answer is judged."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.answers import Value, accept, asked
from app.domain.audit import canonical, sha256
from app.domain.instrument import Instrument
from app.domain.refusal import Refused
from app.domain.status import ANSWERABLE, Exit, Facts, Status, status
from app.domain.window import Window

LATE_ARRIVAL = timedelta(hours=72)
"""How long after closing an answer captured inside the window may still arrive (domain.md)."""

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


class HelpedBy(StrEnum):
    """Who wrote down the participant's own answers, where somebody did."""

    family = "family"
    nurse = "nurse"
    other = "other"


class LateReason(StrEnum):
    """Why a diary entry is made more than a day late."""

    forgot = "forgot"
    too_ill = "too_ill"
    no_phone = "no_phone"
    other = "other"


@dataclass(frozen=True, slots=True)
class Given:
    """One answer as a device sends it: its number there, what it was based on, item and value.

    `skew` is by how many seconds the server's clock was ahead of the device's, where that is known;
    `offline`: the device could not send it at once; `checksum` then shows that it is as it was given.
    """

    seq: int
    base: int
    item: str
    value: Value
    device_at: datetime | None = None
    skew: int | None = None
    offline: bool = False
    checksum: int | None = None


def check_open(window: Window | None, facts: Facts, at: datetime) -> None:
    """Refuse unless the slot can be answered now; the code says why, with the day that matters."""
    state = status(window, facts, at)
    if state in ANSWERABLE:
        return
    day = None
    if window is not None:
        day = window.opens_on if state is Status.planned else window.closes_on
    raise Refused(_NO[state], **({"day": day} if day else {}))


def check_given(instrument: Instrument, given: Collection[Given], leave_out: Collection[str]) -> None:
    """Refuse an unknown or left-out item, or a value that the item cannot have."""
    for answer in given:
        _check_answer(instrument, answer.item, answer.value, leave_out)


def _check_answer(instrument: Instrument, code: str, value: Value, leave_out: Collection[str]) -> None:
    item = instrument.item(code)
    if code in leave_out:
        raise Refused("unknown_item", item=code, allowed="items that the plan uses")
    accept(item, value)


def finished(
    instrument: Instrument, answers: Mapping[str, Value], leave_out: Collection[str], reviewed: bool
) -> dict[str, Value]:
    """The answer document to submit: only asked items, each answered or left blank on purpose.

    Raises Refused: "not_reviewed" without the review step, "unanswered" naming the items,
    or as `accept` for a value that its item cannot have.
    """
    for code, value in answers.items():
        _check_answer(instrument, code, value, leave_out)
    items = asked(instrument, answers, leave_out)
    missing = tuple(item.code for item in items if item.code not in answers)
    if missing:
        raise Refused("unanswered", items=missing)
    if not reviewed:
        raise Refused("not_reviewed")
    return {item.code: answers[item.code] for item in items}


def content(answers: Mapping[str, Value]) -> str:
    """The digest by which a repeated submission is known to be the same."""
    return sha256(canonical(dict(answers)))


def arrival(window: Window, facts: Facts, captured_at: datetime | None, received_at: datetime) -> Arrival:
    """How a document received now stands to its window (domain.md, "A late offline answer")."""
    moment = received_at if captured_at is None else min(captured_at, received_at)
    if _after_exit(facts.exit, moment):
        return Arrival.quarantined
    if received_at < window.closes_at:
        return Arrival.in_window if received_at >= window.opens_at else Arrival.quarantined
    if facts.begun_at is not None and received_at < window.grace_until:
        return Arrival.in_grace
    captured_inside = captured_at is not None and window.opens_at <= captured_at < window.closes_at
    if captured_inside and received_at <= window.closes_at + LATE_ARRIVAL:
        return Arrival.out_of_window
    return Arrival.quarantined


def _after_exit(left: Exit | None, moment: datetime) -> bool:
    return left is not None and moment >= left.at
