"""Dependencies of routes: the installation, the moment of the request, and the reader's language."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app.i18n.languages import ENGLISH, Language, find_language, negotiate_language
from app.services.core.context import DeviceContext
from app.services.core.installation import Installation
from app.web.cookies import get_cookie
from app.web.urls import DEVICE_COOKIE

LANGUAGE_COOKIE = "language"


# These are coroutines because FastAPI runs plain functions in a thread, which costs more than they do.
async def provide_installation(request: Request) -> Installation:
    return get_installation(request)


async def provide_moment(request: Request) -> datetime:
    """One moment per request: everything below sees the same `at`."""
    return get_now(request)


def get_installation(request: Request) -> Installation:
    installation: Installation = request.app.state.installation
    return installation


def get_now(request: Request) -> datetime:
    clock: Callable[[], datetime] = request.app.state.clock
    return clock()


def get_device_context(request: Request) -> DeviceContext:
    """The browser of this request, as the cookie of its participant names it; not authenticated yet."""
    cookie = get_cookie(request, DEVICE_COOKIE)
    return DeviceContext.of_cookie(get_installation(request), cookie, get_now(request))


def get_language(request: Request, stored: str | None = None) -> Language:
    """What this browser chose, else the person's stored language, else what the browser prefers."""
    chosen = find_language(get_cookie(request, LANGUAGE_COOKIE)) or find_language(stored)
    return chosen or negotiate_language(request.headers.get("accept-language", ""), ENGLISH)


CurrentInstallation = Annotated[Installation, Depends(provide_installation)]
At = Annotated[datetime, Depends(provide_moment)]
