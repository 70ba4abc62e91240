"""A form as a participant's page sends it, read strictly: nothing unknown, nothing guessed."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.capture.outbox import clock_skew
from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.reserved_codes import BLANK_PREFIX, FORM_CONTROLS, TICK_PREFIX
from app.domain.instruments.responses import (
    NOT_TICKED,
    OPEN,
    AnswerValue,
    ValidAnswers,
    applicable_items,
    parse_typed_answer,
    read_digit,
)
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text
from app.patient.forms.event_parser import parse_client_name, parse_instant, parse_integer
from app.services.capture.submission_builder import SubmittedForm

NONE_OF_THESE = "0"
"""What the question over a list says where nothing in it is ticked."""

_SHOWN = {"scale": ("row", "list"), "theme": ("light", "dark")}
_EARLIER_FIELDS = frozenset({"width", *_SHOWN})
"""What a page that a phone opened before tells in place of `shown`."""
_MEASURED = re.compile(r"([0-9]{1,9}),([a-z-]{0,30}),(.{0,80})")
"""What the runner tells of the screen: its width, how a long row of numbers stood ("" for none), a colour."""
_LIGHT_LETTERS = re.compile(r"\(2[0-9][0-9]")
"""Those of the dark look."""


@dataclass(frozen=True, slots=True)
class ParsedForm:
    """A whole form as a page sent it. `invalid`: what stood there for the items whose answer is not possible.

    `saves`: it is to be saved and not submitted. `language`: to be saved and shown in this one. `events`:
    JSON of the answers that the page had sent to be saved and had not heard of yet.
    """

    form: SubmittedForm
    saves: bool
    language: str = ""
    events: str = ""
    invalid: Mapping[str, str] = field(default_factory=dict)


def parse_form(
    instrument: Instrument, leave_out: Collection[str], fields: Mapping[str, str], received_at: datetime
) -> ParsedForm:
    """A form's fields as valid answers: `q1=3`, or `blank_q1=1` for one that is left blank.

    In a list `tick_pain=1` says that it is ticked, and the question over it 0 that none of these is. What was
    answered of something that is not ticked does not count.

    Raises Refused "unknown_field" or "bad_field"; answers that are not possible are named, not raised,
    so that all of them can be shown at once.
    """
    by_code = instrument.by_code
    for name in fields:
        if (name in by_code and name not in leave_out) or name in FORM_CONTROLS:
            continue
        if not _marks_item(instrument, leave_out, name):
            raise Refused("unknown_field", field=name[:40], allowed="the questions of this form")
    items = [item for item in instrument.items if item.code not in leave_out]
    answers, invalid = _answers(items, fields, has_list=instrument.list_item is not None)
    if "blank_rest" in fields:
        for item in applicable_items(instrument, answers, leave_out):
            if answers.get(item.code, OPEN) == OPEN and item.skippable:
                answers[item.code] = None
    form = SubmittedForm(
        answers=answers,
        submission=parse_client_name(fields.get("submission_id"), "submission_id"),
        base=_count(fields.get("revision", "0"), "revision"),
        reviewed=fields.get("reviewed") == "1",
        device_at=parse_instant(fields.get("at"), "at"),
        skew=clock_skew(parse_instant(fields.get("sent"), "sent"), received_at),
        presentation=_presentation(fields),
        offline="offline" in fields,
    )
    return ParsedForm(
        form=form,
        saves=fields.get("action") == "save",
        language=fields.get("lang", ""),
        events=fields.get("events", ""),
        invalid=invalid,
    )


def _marks_item(instrument: Instrument, leave_out: Collection[str], name: str) -> bool:
    """Whether a field says that an item of the form is left blank, or is ticked in its list."""
    for prefix in (BLANK_PREFIX, TICK_PREFIX):
        item = instrument.by_code.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if item is not None and item.code not in leave_out:
            return prefix == BLANK_PREFIX or item.listed
    return False


def _answers(
    items: Sequence[Item], fields: Mapping[str, str], *, has_list: bool
) -> tuple[ValidAnswers, Mapping[str, str]]:
    answers = ValidAnswers()
    invalid = {}
    ticked = _read_ticks(items, fields) if has_list else None
    for item in items:
        code = item.code
        if (
            BLANK_PREFIX + code not in fields
            and (digit := read_digit(item, fields.get(code, ""))) is not None
        ):
            answers[code] = digit
            continue
        try:
            for value in _read_answer(item, fields, ticked):
                answers[item.code] = value
        except Refused:
            invalid[item.code] = fields.get(item.code, "")
    return answers, invalid


def _read_ticks(items: Sequence[Item], fields: Mapping[str, str]) -> Collection[str] | None:
    """The items of a list that are ticked; None where the list is not answered."""
    ticked = frozenset(item.code for item in items if item.listed and TICK_PREFIX + item.code in fields)
    none = any(item.lists and fields.get(item.code) == NONE_OF_THESE for item in items)
    return ticked if ticked or none else None


def _read_answer(
    item: Item, fields: Mapping[str, str], ticked: Collection[str] | None
) -> tuple[AnswerValue, ...]:
    """The answer to an item; none where nothing was given. Raises as `parse_typed_answer`."""
    if item.lists:
        return () if ticked is None else (_read_list(item, fields, ticked),)
    if item.box and item.box not in (ticked or ()):
        return (NOT_TICKED,) if item.listed and ticked is not None else ()
    if item.tick is not None:
        return (item.tick,)
    if BLANK_PREFIX + item.code in fields and item.skippable:
        return (None,)
    text = fields.get(item.code, "")
    if trim_text(text):
        return (parse_typed_answer(item, text),)
    return (OPEN,) if item.listed else ()


def _read_list(item: Item, fields: Mapping[str, str], ticked: Collection[str]) -> int:
    """1 where something is ticked, 0 for none of these. Raises Refused("out_of_range") for both."""
    if ticked and fields.get(item.code) == NONE_OF_THESE:
        raise Refused("out_of_range", item=item.code, low=item.low, high=item.high)
    return int(bool(ticked))


def _presentation(fields: Mapping[str, str]) -> dict[str, str | int]:
    """How the form was shown, for the analysis: one question at a time by the runner, or as a list."""
    if "shown" in fields:
        if not _EARLIER_FIELDS.isdisjoint(fields):
            raise Refused("bad_field", field="shown", allowed="it alone, or width, scale and theme")
        fields = _measured(fields["shown"])
    if "width" not in fields:
        return {"layout": "list"}
    shown: dict[str, str | int] = {"layout": "single", "width": _count(fields["width"], "width")}
    for name, allowed in _SHOWN.items():
        if name in fields:
            if fields[name] not in allowed:
                raise Refused("bad_field", field=name, allowed=allowed)
            shown[name] = fields[name]
    return shown


def _measured(text: str) -> Mapping[str, str]:
    measured = _MEASURED.fullmatch(text)
    if measured is None:
        raise Refused("bad_field", field="shown", allowed="a width, a display and a colour")
    width, display, colour = measured.groups()
    scale = {"scale": "row" if display == "flex" else "list"} if display else {}
    return {"width": width, **scale, "theme": "dark" if _LIGHT_LETTERS.search(colour) else "light"}


def _count(text: str, name: str) -> int:
    return parse_integer(int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None, name, 0)
