"""The real application on a database of the test's own, with a clock that the test sets."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, cast

from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, BaseTransport, ByteStream, Request, Response
from sqlmodel import select
from starlette.routing import Match

from app.definitions.library import load_library
from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGE_CODES
from app.main import Parts, create_app
from app.services.accounts.participant_session import authenticate
from app.services.accounts.staff_session import authenticate_staff
from app.services.core.acts import new_page_key
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.settings import ROOT, Settings
from app.storage.act_keys import read_newest_entry
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.web.acts import ACTS, FIELD
from app.web.cookies import PREFIX
from app.web.urls import DEVICE_COOKIE, SESSION_COOKIE
from tests.compiled_templates import shipped_pages
from tests.event_loop import shared_portal

CHEAP = HashCost(passes=1, memory_kib=8, lanes=1)
"""Guessing is not what most tests are about."""

BASE_URL = "https://testserver"
"""`__Host-` cookies need https."""


@dataclass(slots=True)
class Clock:
    """A clock that stands still until the test moves it."""

    at: datetime = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **spans: float) -> None:
        self.at += timedelta(**spans)


def application(url: str, clock: Callable[[], datetime] | None, **environ: str) -> FastAPI:
    """The application on a migrated database; without a clock it has the machine's, watched."""
    told = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_PUBLIC_URL": BASE_URL, **environ}
    settings = Settings.from_environment(told)
    return create_app(settings, clock, CHEAP, _parts_for(settings))


def _parts_for(settings: Settings) -> Parts | None:
    """What earlier applications read, as far as it is the repository's own: a test may have other files."""
    if settings.locales != ROOT / "locales":
        return None
    if settings.questionnaires == ROOT / "questionnaires":
        return _parts()
    return replace(_parts(), library=load_library(settings.questionnaires, LANGUAGE_CODES))


@lru_cache(maxsize=1)
def _parts() -> Parts:
    """Read, parsed and compiled once per test process: most of what making an application costs."""
    return replace(Parts.load(Settings.from_environment({})), pages=shipped_pages())


@dataclass(frozen=True, slots=True)
class OneHop(BaseTransport):
    """Goes over to the event loop once for a request; the test client's own transport does so seven times."""

    inner: ASGITransport
    portal: Callable[[], BlockingPortal]

    def handle_request(self, request: Request) -> Response:
        request.read()
        return self.portal().call(self._answer, request)

    async def _answer(self, request: Request) -> Response:
        response = await self.inner.handle_async_request(request)
        body = b"".join([part async for part in response.aiter_raw()])
        return Response(response.status_code, headers=response.headers, stream=ByteStream(body))


class Browser(TestClient):
    """A client that sends along the key of a page which was opened just now, as a browser does.

    A request that has a key keeps it; `keyless` sends none. Within `with` it uses the application's own
    loop, which that was started in; else the one of all clients.
    """

    keyless = False

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, base_url=BASE_URL, follow_redirects=False)
        inner = ASGITransport(cast("Any", app), raise_app_exceptions=False, client=("testclient", 50000))
        self._transport = OneHop(inner, lambda: self.portal or shared_portal())

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]  # noqa: ANN401 - what the client takes
        data = options.get("data")
        plain = options.get("content") is None and options.get("json") is None
        if method == "POST" and plain and not self.keyless and FIELD not in (data or {}):
            carried = {**self.headers, **(options.get("headers") or {})}
            key = self._fresh_key(str(url).partition("?")[0], carried)
            options["data"] = {**(data or {}), FIELD: key} if key else data
        return super().request(method, url, **options)

    def _fresh_key(self, path: str, headers: Mapping[str, str]) -> str:
        """The key that a page about this address carries now; "" where the address asks for no act."""
        app = cast("FastAPI", self.app)
        pattern, names = _match(app, path)
        if ("POST", pattern) not in ACTS:
            return ""
        cookie = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
        carried = SimpleCookie(cookie)
        cookies = {name: morsel.value for name, morsel in carried.items()} or dict(self.cookies)
        return fresh_page_key(app, cookies, names.get("participant"))


def fresh_page_key(app: FastAPI, cookies: Mapping[str, str], participant: str | None = None) -> str:
    """The key of a page that is opened now by whoever has these cookies; "" for a stranger."""
    installation: Installation = app.state.installation
    at = app.state.clock()
    staff, device = (
        cookies.get(PREFIX + name) or cookies.get(name) for name in (SESSION_COOKIE, DEVICE_COOKIE)
    )
    with installation.read() as session:
        try:
            if staff:
                about = select(Participant).where(Participant.public_id == participant)
                row = session.exec(about).one_or_none()
                seen = read_newest_entry(session.connection(), key_of(row)) if row else None
                actor_id = authenticate_staff(session.connection(), staff, at).actor.id
                return str(new_page_key(installation, actor_id, at, seen))
            person = authenticate(installation, session, device, at)
        except Refused:
            return ""
        seen = read_newest_entry(session.connection(), person.participant_id)
        return str(new_page_key(installation, person.public_id, at, seen))


def _match(app: FastAPI, path: str) -> tuple[str, Mapping[str, str]]:
    scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "headers": []}
    for route in app.router.routes:
        found, child = route.matches(scope)
        if found is Match.FULL:
            return str(getattr(route, "path", "")), child.get("path_params", {})
    return "", {}


@contextmanager
def untouched_application(template: Path, folder: Path) -> Iterator[FastAPI]:
    """One for many tests that store nothing; fails at the end if its database has changed."""
    database = folder / "untouched.sqlite3"
    shutil.copyfile(template, database)
    before = _dump(database)
    app = application(f"sqlite:///{database}", Clock())
    yield app
    app.state.installation.engine.dispose()
    assert _dump(database) == before


def _dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as driver:
        return list(driver.iterdump())


def visitor(app: FastAPI, **headers: str) -> Browser:
    """A browser of its own: own cookies, redirects shown, failures answered as a server would."""
    client = Browser(app)
    client.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return client
