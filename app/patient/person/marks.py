"""The marks by which people tell whose pages a shared phone shows; they live in a cookie of that phone alone.

A mark is one of six drawings, each of a shape and a colour of its own, and a nickname. It comes along with
each request and is stored nowhere else: no table, no entry of the trail and no log holds it.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.domain.typed_text import drop_unwritable, narrow_text
from app.web.cookies import DEVICE_SECONDS, MOST_OTHERS, delete_cookie, get_cookie, set_cookie
from app.web.urls import MARKS_COOKIE

DRAWINGS = ("circle", "square", "triangle", "heart", "star", "diamond")
"""One more than people fit on one phone, so that the last one has a choice too."""
MOST_LETTERS = 12
"""Characters of a nickname: five of the longest fit into one cookie."""

_ENTRY = re.compile(r"(\d{1,12})([0-5])([cd])([\w-]{0,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonMark:
    """Whose page this is, for a phone of several people; `chosen`: not merely given in turn."""

    drawing: str
    nickname: str = ""
    chosen: bool = False


PersonMarks = Mapping[int, PersonMark]
"""By the number of the browser's binding."""


def read_marks(request: HTTPConnection) -> dict[int, PersonMark]:
    """The marks of everybody on this phone; what we did not write is passed over."""
    matches = map(_ENTRY.fullmatch, (get_cookie(request, MARKS_COOKIE) or "").split("."))
    return {
        int(entry[1]): PersonMark(DRAWINGS[int(entry[2])], _decode(entry[4]), entry[3] == "c")
        for entry in matches
        if entry
    }


def give_marks(marks: PersonMarks, devices: Collection[int]) -> dict[int, PersonMark]:
    """The marks of these people alone; whoever has none is given the first that is free."""
    complete: dict[int, PersonMark] = {device: marks[device] for device in devices if device in marks}
    for device in devices:
        if device not in complete:
            complete[device] = PersonMark(free_drawings(complete, device)[0])
    return complete


def free_drawings(marks: PersonMarks, device: int) -> tuple[str, ...]:
    """The drawings that nobody else on this phone has."""
    taken = {mark.drawing for other, mark in marks.items() if other != device}
    return tuple(drawing for drawing in DRAWINGS if drawing not in taken)


def clean_nickname(typed: str) -> str:
    """A nickname as it is shown: in one line, without control characters, cut where it is too long."""
    return " ".join(narrow_text(drop_unwritable(typed)).split())[:MOST_LETTERS].strip()


def keep_marks(response: Response, marks: PersonMarks) -> None:
    """Write the marks to this phone for another span, or remove them where nobody shares it."""
    if len(marks) < 2:
        delete_cookie(response, MARKS_COOKIE)
        return
    entries = (
        f"{device}{DRAWINGS.index(mark.drawing)}{'c' if mark.chosen else 'd'}{_encode(mark.nickname)}"
        for device, mark in list(marks.items())[: MOST_OTHERS + 1]
    )
    set_cookie(response, MARKS_COOKIE, ".".join(entries), DEVICE_SECONDS)


def renew_marks(request: HTTPConnection, response: Response) -> None:
    """Keep the marks of this phone for another span; where there are none nothing is written."""
    if marks := read_marks(request):
        keep_marks(response, marks)


def _encode(words: str) -> str:
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def _decode(signs: str) -> str:
    try:
        return clean_nickname(base64.urlsafe_b64decode(signs + "=" * (-len(signs) % 4)).decode())
    except (binascii.Error, UnicodeDecodeError):
        return ""
