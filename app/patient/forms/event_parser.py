"""Answers one by one as the question runner sends them, read strictly: nothing unknown, nothing guessed."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import orjson

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.outbox import clock_skew
from app.domain.instruments.responses import AnswerValue
from app.domain.refusal import Refused
from app.domain.typed_text import is_writable
from app.services.capture.answer_saving import AnswerBatch
from app.services.capture.offline_sync import OfflineBatch

MOST_EVENTS = 200
"""Answers in one request; the runner sends at most 50."""

_LARGEST = 2**31 - 1
_LARGEST_SUM = 2**32
_NAME = re.compile(r"[A-Za-z0-9_-]{1,27}")
SAVED_MEMBERS = frozenset({"client", "sent", "events"})
OUTBOX_MEMBERS = frozenset({"client", "sent", "reviewed", "kept"})
_NEEDED = frozenset({"seq", "base", "item", "value"})
EVENT_MEMBERS = _NEEDED | {"at", "sum", "offline"}
_STORED = ("seq", "base", "item", "value", "at", "sum", "offline")


def parse_saved_events(body: bytes, received_at: datetime) -> AnswerBatch:
    """The answers in order, with their sender's name.

    Raises Refused: "malformed" for no JSON, "unknown_field" or "bad_field" naming field and what is
    allowed.
    """
    message = _body(body, SAVED_MEMBERS)
    ahead = clock_skew(parse_instant(message.get("sent"), "sent"), received_at)
    events = _listed(message.get("events"), "events", 1)
    answers = _numbered_once([_event(event, ahead) for event in events])
    return AnswerBatch(parse_client_name(message.get("client"), "client"), answers)


def parse_pending_events(text: str, ahead: int | None) -> list[SubmittedAnswer]:
    """The answers that come along with a form, because the page did not wait until they were saved.

    `ahead` is the device's skew in seconds. Raises as `parse_saved_events`.
    """
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = None
    answers = _numbered_once([_event(event, ahead) for event in _listed(message, "events", 1)])
    if any(answer.offline for answer in answers):  # those are sent, and judged, before the form
        raise Refused("bad_field", field="offline", allowed="false")
    return answers


def parse_offline_batch(body: bytes, received_at: datetime) -> OfflineBatch:
    """A phone's outbox as it stood there: lists of number, base, token, value, time, checksum and 1.

    Raises as `parse_saved_events`.
    """
    message = _body(body, OUTBOX_MEMBERS)
    ahead = clock_skew(parse_instant(message.get("sent"), "sent"), received_at)
    stored = _listed(message.get("kept"), "kept", 0)
    return OfflineBatch(
        client=parse_client_name(message.get("client"), "client"),
        answers=_numbered_once([_stored_event(event, ahead) for event in stored]),
        reviewed_at=parse_instant(message.get("reviewed"), "reviewed"),
        skew=ahead,
    )


def parse_instant(text: object, name: str) -> datetime | None:
    """A device's time with its offset; None stays None. Raises Refused("bad_field")."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1970 <= at.year < 3000:
        raise Refused("bad_field", field=name, allowed="a time such as 2026-03-02T09:30:00+08:00")
    return at


def parse_integer(value: object, name: str, least: int, most: int = _LARGEST) -> int:
    """A whole number. Raises Refused("bad_field")."""
    if type(value) is not int or not least <= value <= most:
        raise Refused("bad_field", field=name, allowed=f"a whole number from {least}")
    return value


def parse_client_name(value: object, name: str) -> str:
    """What a page calls itself, or its sending. Raises Refused("bad_field")."""
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise Refused("bad_field", field=name, allowed="1 to 27 letters, digits, - or _")
    return value


def _body(body: bytes, allowed: Collection[str]) -> Mapping[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("malformed") from None
    return _closed(message, allowed, "body")


def _listed(value: object, name: str, least: int) -> list[object]:
    if type(value) is not list or not least <= len(value) <= MOST_EVENTS:
        raise Refused("bad_field", field=name, allowed=f"a list of {least} to {MOST_EVENTS}")
    return value


def _numbered_once(answers: list[SubmittedAnswer]) -> list[SubmittedAnswer]:
    """The answers, once no two have one number: nothing would say which of them counts."""
    if len({answer.seq for answer in answers}) < len(answers):
        raise Refused("bad_field", field="seq", allowed="each number once")
    return answers


def _stored_event(message: object, ahead: int | None) -> SubmittedAnswer:
    return _event({**_named(message, "kept"), "offline": True}, ahead)


def _named(message: object, name: str) -> dict[str, Any]:
    """The members of an event that came as a list, in the order of `_STORED`; the last is 0 or 1."""
    if type(message) is not list or len(message) != len(_STORED):
        raise Refused("bad_field", field=name, allowed=f"lists of {len(_STORED)}")
    event = dict(zip(_STORED, message, strict=True))
    return {**event, "offline": bool(parse_integer(event["offline"], "offline", 0, 1))}


def _event(message: object, ahead: int | None) -> SubmittedAnswer:
    """An event as a list, or as an object, which a page sends that a phone opened before."""
    event = _named(message, "events") if type(message) is list else _closed(message, EVENT_MEMBERS, "events")
    for name in _NEEDED - event.keys():
        raise Refused("bad_field", field=name, allowed="every event has it")
    if type(event["item"]) is not str or not is_writable(event["item"], lines=False):
        raise Refused("bad_field", field="item", allowed="the code of a question")
    offline = event.get("offline", False)
    if type(offline) is not bool:
        raise Refused("bad_field", field="offline", allowed="true or false")
    return SubmittedAnswer(
        seq=parse_integer(event["seq"], "seq", 1),
        base=parse_integer(event["base"], "base", 0),
        item=event["item"],
        value=_value(event["value"]),
        device_at=parse_instant(event.get("at"), "at"),
        skew=ahead,
        offline=offline,
        checksum=parse_integer(event["sum"], "sum", 0, _LARGEST_SUM) if "sum" in event else None,
    )


def _value(value: object) -> AnswerValue:
    if value is None or type(value) is int or type(value) is str:
        return value
    raise Refused("bad_field", field="value", allowed="a whole number, a text or null")


def _closed(message: object, allowed: Collection[str], name: str) -> Mapping[str, Any]:
    if type(message) is not dict:
        raise Refused("bad_field", field=name, allowed="an object")
    for key in message:
        if key not in allowed:
            raise Refused("unknown_field", field=key[:40], allowed=sorted(allowed))
    return message
