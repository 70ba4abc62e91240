"""Parts of the desk's addresses: the choices of a filter, days that were typed, places in a list."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

from app.domain.desk.list_cursor import ListCursor
from app.web.urls import (
    ACCESS,
    ALERTS,
    CORRECTIONS,
    DESK,
    DIARY_GAP_LIST,
    MATRIX,
    PARTICIPANTS,
    REQUESTS,
    SCORE_LIST,
    SCORES,
    SETTLE,
    TRAIL,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class RememberedFilters:
    """What a list keeps of its filters for each person and study, under its `name` of at most 12 letters."""

    name: str
    parameters: tuple[str, ...] = ("site",)


BETTER = "better"
"""What is up on plots that are drawn so."""
REMEMBERED: Mapping[str, RememberedFilters] = {
    PARTICIPANTS: RememberedFilters("people", ("site", "order")),
    REQUESTS: RememberedFilters("requests"),
    ALERTS: RememberedFilters("alerts"),
    CORRECTIONS: RememberedFilters("corrections"),
    ACCESS: RememberedFilters("access"),
    SCORE_LIST: RememberedFilters("scores"),
    MATRIX: RememberedFilters("matrix"),
    DIARY_GAP_LIST: RememberedFilters("gaps", ("site", "language")),
    SETTLE: RememberedFilters("settle"),
    SCORES: RememberedFilters("plots", ("up",)),
    TRAIL: RememberedFilters("trail", ("site", "kind", "by", "order")),
}
"""The lists that open as somebody filtered them last, as Today does in its own read; and how plots are drawn.

What is looked for once (a code, a form, days), a tab and a cursor are not kept. The report has filters too
and is not here: its numbers are quoted, and whoever opens it begins with all of them.
"""


def build_address(path: str, choices: Mapping[str, str]) -> str:
    """The address with those choices that say something, and those that its list would else remember."""
    remembered = REMEMBERED[path].parameters if path in REMEMBERED else ()
    chosen = urlencode({name: value for name, value in choices.items() if value or name in remembered})
    return f"{path}?{chosen}" if chosen else path


def clear_address(path: str) -> str:
    """The address of a list without filters, which also forgets those that were remembered."""
    return build_address(path, dict.fromkeys(REMEMBERED[path].parameters, ""))


LIST_FIELD = "list"
"""The field in which a form says from which list, as it was shown, its act began."""
LISTS: Mapping[str, Mapping[str, int]] = {
    DESK: {
        "site": 40,
        "reason": 40,
        "language": 10,
        "visit": 20,
        "q": 40,
        "view": 10,
        "assigned": 10,
        "after": 80,
    },
    SETTLE: {"kind": 40, "site": 40, "q": 40, "after": 200},
    REQUESTS: {"site": 40, "after": 80},
    ALERTS: {"closed": 1, "site": 40, "after": 80},
    CORRECTIONS: {"decided": 1, "site": 40, "after": 80},
}
"""The lists from which acts begin: what each shows by its address, with the characters of it at most."""
_LONGEST_ADDRESS, _LONGEST_LIST_URL = 2000, 300


def read_list_position(request: Request, fields: Mapping[str, str]) -> str:
    """The list from which this request comes, with its filters, tab and cursor; "" for none or a whole one.

    A form names it; a list is its own; and of a page to which a list leads the browser says it.
    """
    if LIST_FIELD in fields:
        return _narrow_list_url(fields[LIST_FIELD])
    if request.url.path in LISTS:
        return _narrow_list_url(f"{request.url.path}?{request.url.query}")
    return _narrow_list_url(request.headers.get("hx-current-url") or request.headers.get("referer", ""))


def _narrow_list_url(address: str) -> str:
    """The address without all that its list does not know."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    most = LISTS.get(parts.path, {})
    typed = parse_qsl(parts.query[:_LONGEST_ADDRESS], keep_blank_values=True)
    chosen = {name: value for name, value in typed if name in most and len(value) <= most[name]}
    list_url = f"{parts.path}?{urlencode(chosen)}" if chosen else ""
    return list_url if len(list_url) <= _LONGEST_LIST_URL else ""


def return_to(list_url: str, address: str) -> str:
    """The address of a list, or of news about it, as it was shown there."""
    path, _mark, news = address.partition("?")
    if path != urlsplit(list_url).path:
        return address
    return f"{list_url}&{news}" if news else list_url


def parse_list_position(list_url: str, path: str) -> Mapping[str, str]:
    """What the address says of this list, each parameter of it; nothing where it is of another one."""
    parts = urlsplit(list_url)
    if parts.path != path:
        return {}
    return dict.fromkeys(LISTS[path], "") | dict(parse_qsl(parts.query, keep_blank_values=True))


def format_cursor_moment(at: datetime) -> str:
    """The moment of a keyset cursor, exact to the microsecond."""
    return str((at - _EPOCH) // _MICROSECOND)


def parse_cursor_moment(text: str) -> datetime | None:
    """The moment of a keyset cursor; None for what is none."""
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return _EPOCH + int(text) * _MICROSECOND
    except OverflowError:
        return None


def format_list_cursor(cursor: ListCursor) -> str:
    """The cursor of a list as it stands in an address."""
    return f"{cursor.rank}_{format_cursor_moment(cursor.at)}_{cursor.key}"


def parse_list_cursor(text: str) -> ListCursor | None:
    """The cursor of an address; None for what is none."""
    rank, _mark, rest = text.partition("_")
    moment, _mark, key = rest.partition("_")
    at = parse_cursor_moment(moment)
    if at is None or not (_NUMBER.fullmatch(rank) and _NUMBER.fullmatch(key)):
        return None
    return ListCursor(at, int(key), int(rank))
