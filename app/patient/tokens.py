"""The cookies of a participant's browser: the active person's token, and those of others bound here."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.web.cookies import drop, keep, kept
from app.web.places import DEVICE_COOKIE, OTHERS_COOKIE

KEPT_FOR = 400 * 86_400
"""Seconds; the longest that browsers keep a cookie (P2.1)."""

MOST_OTHERS = 4
"""Participants in one browser beside the active one (P2.4)."""


def others_of(request: Request) -> tuple[str, ...]:
    """The tokens of those who are bound in this browser beside the active one, the last one first."""
    return tuple(filter(None, (kept(request, OTHERS_COOKIE) or "").split(".")))[:MOST_OTHERS]


def keep_people(response: Response, tokens: Sequence[str]) -> None:
    """Make the first of these the active one and remember the others."""
    active, *others = tokens
    keep(response, DEVICE_COOKIE, active, KEPT_FOR)
    if others:
        keep(response, OTHERS_COOKIE, ".".join(others[:MOST_OTHERS]), KEPT_FOR)
    else:
        drop(response, OTHERS_COOKIE)


def renew(response: Response, active: str, others: Sequence[str]) -> None:
    """Keep both cookies for another span; an empty one is not written."""
    keep(response, DEVICE_COOKIE, active, KEPT_FOR)
    if others:
        keep(response, OTHERS_COOKIE, ".".join(others), KEPT_FOR)
