"""Parts of the desk's addresses: the choices of a filter, days that were typed, places in a list."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile("[0-9]{1,18}")


def build_address(path: str, choices: Mapping[str, str]) -> str:
    """The address with those choices that say something."""
    chosen = urlencode({name: value for name, value in choices.items() if value})
    return f"{path}?{chosen}" if chosen else path


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
