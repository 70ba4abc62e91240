"""Whether the program knew how wrong each phone's clock was, and judged by the world's."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from app.domain.capture.arrival import LATE_ARRIVAL
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from app.storage.tables.schedule import Slot
from tests.faults.phones import Phone

_NEAR = timedelta(minutes=2)
"""A request takes its time, and the phone that lies on the table is some seconds behind."""


def find_mistimed(
    phones: Iterable[Phone],
    slot: Slot,
    events: Sequence[AnswerEvent],
    responses: Sequence[Response],
    apart: Sequence[Quarantine],
) -> Iterator[str]:
    """Every moment in the rows that the phones' clocks, set right, do not bear out."""
    owners = {client: phone for phone in phones for client in phone.watch.clients}
    for event in events:
        phone = owners.get(event.client)
        if phone is not None and not _measured(phone, event.device_skew):
            yield f"{phone.name}: its clock is ahead by {phone.wrong_by} s, kept is {event.device_skew}"
    for response in responses:
        phone = owners.get(response.submission)
        yield from _judged(slot, response)
        if phone is not None and response.out_of_window and response.device_at is not None:
            pressed = phone.by_the_world(response.device_at)
            if not _inside(slot, pressed, _NEAR):
                yield f"{phone.name}: sent at {pressed}, and accepted as in time"
    for row in apart:
        if row.reason == "arrived_too_late" and all(_was_in_time(slot, row, phone) for phone in phones):
            yield f"given by {row.device_at} on the phone's clock, and kept apart as too late"


def _measured(phone: Phone, skew: int | None) -> bool:
    return skew is not None and abs(skew + phone.wrong_by) <= _NEAR.total_seconds()


def _judged(slot: Slot, response: Response) -> Iterator[str]:
    assert slot.closes_at
    assert slot.grace_until
    in_grace = slot.closes_at <= response.submitted_at < slot.grace_until
    if (response.in_grace, response.out_of_window) != (in_grace, response.submitted_at >= slot.grace_until):
        yield f"received at {response.submitted_at}, marked {response.in_grace=}, {response.out_of_window=}"


def _was_in_time(slot: Slot, row: Quarantine, phone: Phone) -> bool:
    assert slot.closes_at
    if row.device_at is None or row.received_at >= slot.closes_at + LATE_ARRIVAL:
        return False
    return _inside(slot, phone.by_the_world(row.device_at), -_NEAR)


def _inside(slot: Slot, at: datetime, margin: timedelta) -> bool:
    assert slot.opens_at
    assert slot.closes_at
    return slot.opens_at - margin <= at < slot.closes_at + margin
