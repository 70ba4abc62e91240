"""What a participant's browser sends, read strictly: nothing unknown, nothing guessed."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from app.domain.answers import Value, asked, typed
from app.domain.capture import Given
from app.domain.instrument import Instrument, Item
from app.domain.refusal import Refused

MOST_EVENTS = 200
"""Answers in one request; the runner sends at most 50."""

_LARGEST = 2**31 - 1
_NAME = re.compile(r"[A-Za-z0-9_-]{1,27}")
_BODY = frozenset({"client", "events"})
_EVENT = frozenset({"seq", "base", "item", "value", "at"})
_CONTROLS = frozenset({"submission_id", "revision", "reviewed", "action", "blank_rest", "at", "width"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole form as a page sent it. `invalid` names the items whose answer is not possible."""

    answers: Mapping[str, Value]
    submission: str
    revision: int
    reviewed: bool
    saves: bool
    device_at: datetime | None
    invalid: tuple[str, ...] = ()
    presentation: Mapping[str, str | int] = field(default_factory=dict)


def saved_events(body: bytes) -> tuple[str, list[Given]]:
    """The sender's name and its answers in order.

    Raises Refused: "malformed" for no JSON, "unknown_field" or "bad_field" naming field and what is
    allowed.
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("malformed") from None
    _closed(told, _BODY, "body")
    events = told.get("events")
    if type(events) is not list or not 0 < len(events) <= MOST_EVENTS:
        raise Refused("bad_field", field="events", allowed=f"a list of 1 to {MOST_EVENTS}")
    return _name(told.get("client"), "client"), [_event(each) for each in events]


def sheet(instrument: Instrument, leave_out: Collection[str], fields: Mapping[str, str]) -> Sheet:
    """A form's fields as answers: `q1=3`, or `blank_q1=1` for one that is left blank.

    Raises Refused "unknown_field" or "bad_field"; answers that are not possible are named, not raised,
    so that all of them can be shown at once.
    """
    items = [item for item in instrument.items if item.code not in leave_out]
    allowed = {item.code for item in items} | {f"blank_{item.code}" for item in items}
    for name in fields:
        if name not in allowed and name not in _CONTROLS:
            raise Refused("unknown_field", field=name[:40], allowed="the questions of this form")
    answers, invalid = _answers(items, fields)
    if "blank_rest" in fields:
        answers |= {
            item.code: None
            for item in asked(instrument, answers, leave_out)
            if item.code not in answers and item.skippable
        }
    return Sheet(
        answers=answers,
        submission=_name(fields.get("submission_id"), "submission_id"),
        revision=_count(fields.get("revision", "0"), "revision"),
        reviewed=fields.get("reviewed") == "1",
        saves=fields.get("action") == "save",
        device_at=moment(fields["at"], "at") if "at" in fields else None,
        invalid=tuple(invalid),
        presentation=_presentation(fields),
    )


def moment(text: object, name: str) -> datetime | None:
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


def _answers(items: Sequence[Item], fields: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    answers: dict[str, Value] = {}
    invalid = []
    for item in items:
        text = fields.get(item.code, "")
        try:
            if f"blank_{item.code}" in fields and item.skippable:
                answers[item.code] = None
            elif text.strip():
                answers[item.code] = typed(item, text if item.free_text else text.replace(",", "."))
        except Refused:
            invalid.append(item.code)
    return answers, invalid


def _presentation(fields: Mapping[str, str]) -> dict[str, str | int]:
    """How the form was shown (UX P7.2): one question at a time by the runner, or as a list without it."""
    if "width" not in fields:
        return {"layout": "list"}
    return {"layout": "single", "width": _count(fields["width"], "width")}


def _event(told: object) -> Given:
    _closed(told, _EVENT, "events")
    assert isinstance(told, dict)  # noqa: S101 - just seen; mypy wants it said
    for name in _EVENT - {"at"}:
        if name not in told:
            raise Refused("bad_field", field=name, allowed="every event has it")
    value = told["value"]
    if not (value is None or type(value) in (int, str)):
        raise Refused("bad_field", field="value", allowed="a whole number, a text or null")
    if type(told["item"]) is not str:
        raise Refused("bad_field", field="item", allowed="the code of a question")
    return Given(
        seq=_number(told["seq"], "seq", 1),
        base=_number(told["base"], "base", 0),
        item=told["item"],
        value=value,
        device_at=moment(told.get("at"), "at"),
    )


def _closed(told: object, allowed: Collection[str], name: str) -> None:
    if type(told) is not dict:
        raise Refused("bad_field", field=name, allowed="an object")
    for key in told:
        if key not in allowed:
            raise Refused("unknown_field", field=key[:40], allowed=sorted(allowed))


def _number(value: object, name: str, least: int) -> int:
    if type(value) is not int or not least <= value <= _LARGEST:
        raise Refused("bad_field", field=name, allowed=f"a whole number from {least}")
    return value


def _count(text: str, name: str) -> int:
    return _number(int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None, name, 0)


def _name(value: object, name: str) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise Refused("bad_field", field=name, allowed="1 to 27 letters, digits, - or _")
    return value
