"""The cookies of a participant's browser: the active person's token, and those of others bound here."""

from collections.abc import Sequence

from starlette.responses import Response

from app.web.cookies import DEVICE_SECONDS, MOST_OTHERS, delete_cookie, set_cookie
from app.web.urls import DEVICE_COOKIE, OTHERS_COOKIE


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
