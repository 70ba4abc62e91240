"""What a route may ask for: the installation, the moment, the reader's language."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app.i18n.languages import ENGLISH, Language, language, negotiate
from app.services.installation import Installation
from app.web.cookies import kept

LANGUAGE_COOKIE = "language"


# These are coroutines because FastAPI runs plain functions in a thread, which costs more than they do.
async def installation(request: Request) -> Installation:
    return installation_of(request)


async def moment(request: Request) -> datetime:
    """One moment per request: everything below sees the same `at`."""
    return now_of(request)


async def spoken(request: Request) -> Language:
    return language_of(request)


def installation_of(request: Request) -> Installation:
    daybook: Installation = request.app.state.installation
    return daybook


def now_of(request: Request) -> datetime:
    clock: Callable[[], datetime] = request.app.state.clock
    return clock()


def language_of(request: Request, stored: str | None = None) -> Language:
    """What this browser chose, else what is kept for the person, else what the browser prefers."""
    chosen = language(kept(request, LANGUAGE_COOKIE)) or language(stored)
    return chosen or negotiate(request.headers.get("accept-language", ""), ENGLISH)


Daybook = Annotated[Installation, Depends(installation)]
At = Annotated[datetime, Depends(moment)]
Spoken = Annotated[Language, Depends(spoken)]
