"""The cookies of a participant's browser: the active person's token, and those of others bound here."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.web.cookies import DEVICE_SECONDS, delete_cookie, get_cookie, set_cookie
from app.web.urls import DEVICE_COOKIE, OTHERS_COOKIE

MOST_OTHERS = 4
"""How many participants stay bound in one browser beside the active one."""


def other_tokens(request: Request) -> tuple[str, ...]:
    """The tokens of those who are bound in this browser beside the active one, the last one first."""
    return tuple(filter(None, (get_cookie(request, OTHERS_COOKIE) or "").split(".")))[:MOST_OTHERS]


def set_device_cookies(response: Response, tokens: Sequence[str]) -> None:
    """Make the first of these the active one and remember the others."""
    active, *others = tokens
    set_cookie(response, DEVICE_COOKIE, active, DEVICE_SECONDS)
    if others:
        set_cookie(response, OTHERS_COOKIE, ".".join(others[:MOST_OTHERS]), DEVICE_SECONDS)
    else:
        delete_cookie(response, OTHERS_COOKIE)


def renew_device_cookies(response: Response, active: str, others: Sequence[str]) -> None:
    """Keep both cookies for another span; an empty one is not written."""
    set_cookie(response, DEVICE_COOKIE, active, DEVICE_SECONDS)
    if others:
        set_cookie(response, OTHERS_COOKIE, ".".join(others), DEVICE_SECONDS)
