"""A form as a participant's page sends it, read strictly: nothing unknown, nothing guessed."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.capture.outbox import clock_skew
from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.reserved_codes import BLANK_PREFIX, FORM_CONTROLS
from app.domain.instruments.responses import ValidAnswers, applicable_items, parse_typed_answer
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text
from app.patient.forms.event_parser import check_client_name, check_integer, parse_instant
from app.services.capture.submission_builder import SubmittedForm

_SHOWN = {"scale": ("row", "list"), "theme": ("light", "dark")}


@dataclass(frozen=True, slots=True)
class ParsedForm:
    """A whole form as a page sent it. `invalid` names the items whose answer is not possible.

    `saves`: it is to be saved and not submitted. `events`: JSON of the answers that the page had sent to be
    saved and had not heard of yet.
    """

    form: SubmittedForm
    saves: bool
    events: str = ""
    invalid: tuple[str, ...] = ()


def parse_form(
    instrument: Instrument, leave_out: Collection[str], fields: Mapping[str, str], received_at: datetime
) -> ParsedForm:
    """A form's fields as valid answers: `q1=3`, or `blank_q1=1` for one that is left blank.

    Raises Refused "unknown_field" or "bad_field"; answers that are not possible are named, not raised,
    so that all of them can be shown at once.
    """
    items = [item for item in instrument.items if item.code not in leave_out]
    allowed = {item.code for item in items} | {BLANK_PREFIX + item.code for item in items}
    for name in fields:
        if name not in allowed and name not in FORM_CONTROLS:
            raise Refused("unknown_field", field=name[:40], allowed="the questions of this form")
    answers, invalid = _answers(items, fields)
    if "blank_rest" in fields:
        for item in applicable_items(instrument, answers, leave_out):
            if item.code not in answers and item.skippable:
                answers[item.code] = None
    form = SubmittedForm(
        answers=answers,
        submission=check_client_name(fields.get("submission_id"), "submission_id"),
        base=_count(fields.get("revision", "0"), "revision"),
        reviewed=fields.get("reviewed") == "1",
        device_at=parse_instant(fields.get("at"), "at"),
        skew=clock_skew(parse_instant(fields.get("sent"), "sent"), received_at),
        presentation=_presentation(fields),
        offline="offline" in fields,
    )
    return ParsedForm(form, fields.get("action") == "save", fields.get("events", ""), tuple(invalid))


def _answers(items: Sequence[Item], fields: Mapping[str, str]) -> tuple[ValidAnswers, list[str]]:
    answers = ValidAnswers()
    invalid = []
    for item in items:
        text = fields.get(item.code, "")
        try:
            if BLANK_PREFIX + item.code in fields and item.skippable:
                answers[item.code] = None
            elif trim_text(text):
                answers[item.code] = parse_typed_answer(item, text)
        except Refused:
            invalid.append(item.code)
    return answers, invalid


def _presentation(fields: Mapping[str, str]) -> dict[str, str | int]:
    """How the form was shown, for the analysis: one question at a time by the runner, or as a list."""
    if "width" not in fields:
        return {"layout": "list"}
    shown: dict[str, str | int] = {"layout": "single", "width": _count(fields["width"], "width")}
    for name, allowed in _SHOWN.items():
        if name in fields:
            if fields[name] not in allowed:
                raise Refused("bad_field", field=name, allowed=allowed)
            shown[name] = fields[name]
    return shown


def _count(text: str, name: str) -> int:
    return check_integer(int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None, name, 0)
