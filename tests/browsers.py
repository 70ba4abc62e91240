"""A client of the application as a browser is one: with cookies, and the key of the page it came from."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookies import SimpleCookie
from re import Pattern
from typing import Any, cast

from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import URL, BaseTransport, ByteStream, Request, Response
from sqlmodel import select
from starlette.types import ASGIApp, Message

from app.domain.refusal import Refused
from app.services.accounts.participant_session import authenticate_participant
from app.services.accounts.staff_session import authenticate_staff
from app.services.core.acts import new_page_key
from app.services.core.context import DeviceContext
from app.services.core.installation import Installation
from app.storage.act_keys import read_newest_entry
from app.storage.tables.participants import Participant
from app.web.acts import ACTS, FIELD
from app.web.cookies import PREFIX
from app.web.urls import DEVICE_COOKIE, SESSION_COOKIE
from tests.event_loop import shared_portal

BASE_URL = "https://testserver"
"""`__Host-` cookies need https."""
_PEER = ("testclient", 50000)
_parse = lru_cache(maxsize=4096)(URL)
"""What is asked for again and again is parsed once: that takes longer than to send it."""


@dataclass(frozen=True, slots=True)
class OneHop(BaseTransport):
    """Goes over to the event loop once for a request; the test client's own transport does so seven times."""

    app: ASGIApp
    portal: Callable[[], BlockingPortal]

    def handle_request(self, request: Request) -> Response:
        request.read()
        return self.portal().call(self._answer, request)

    async def _answer(self, request: Request) -> Response:
        """Not the client's own transport for applications: that looks for another loop at each request."""
        target, _, query = request.url.raw_path.partition(b"?")
        exchange = _Exchange(request.content)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": target,
            "query_string": query,
            "server": (request.url.host, request.url.port),
            "client": _PEER,
            "root_path": "",
        }
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 - it was answered before it was raised, or what was begun breaks off
            exchange.ended.set()
        return exchange.response()


class _Exchange:
    """One request with what is answered to it."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self.ended = asyncio.Event()

    async def receive(self) -> Message:
        """The body in one piece; then nothing until all is answered."""
        if self._body is None:
            await self.ended.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert self._start is None
            self._start = message
            return
        assert self._start is not None
        assert not self.ended.is_set()
        self._parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self.ended.set()

    def response(self) -> Response:
        assert self._start is not None
        assert self.ended.is_set()
        body = ByteStream(b"".join(self._parts))
        return Response(self._start["status"], headers=self._start["headers"], stream=body)


class Browser(TestClient):
    """A client that sends along the key of a page which was opened just now, as a browser does.

    A request that has a key keeps it; `keyless` sends none. Within `with` it uses the application's own
    loop, which that was started in; else the one of all clients. It follows no redirect.
    """

    keyless = False

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, base_url=BASE_URL, follow_redirects=False)
        self._transport = OneHop(app, lambda: self.portal or shared_portal())

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]  # noqa: ANN401 - what the client takes
        data = options.get("data")
        plain = options.get("content") is None and options.get("json") is None
        if method == "POST" and plain and not self.keyless and FIELD not in (data or {}):
            carried = {**self.headers, **(options.get("headers") or {})}
            key = self._fresh_key(str(url).partition("?")[0], carried)
            options["data"] = {**(data or {}), FIELD: key} if key else data
        return super().request(method, url, **options)

    def _merge_url(self, url: URL | str) -> URL:
        """Of an address of this server, what the client makes of it at each of two steps of every request."""
        if isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
            return _parse(BASE_URL + url)
        return url if isinstance(url, URL) and url.is_absolute_url else super()._merge_url(url)

    def _send_handling_redirects(self, request: Request, *_: Any, **_options: Any) -> Response:  # noqa: ANN401 - as above
        """Sent once; the client makes a request of every redirect, whether it follows that or not."""
        return self._send_single_request(request)

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
                about = select(Participant.id).where(Participant.public_id == participant)
                row = session.connection().execute(about).scalar() if participant else None
                seen = read_newest_entry(session.connection(), row) if row else None
                actor_id = authenticate_staff(installation, session.connection(), staff, at).actor.id
                return str(new_page_key(installation, actor_id, at, seen))
            person = authenticate_participant(session, DeviceContext.of_cookie(installation, device, at))
        except Refused:
            return ""
        seen = read_newest_entry(session.connection(), person.participant_id)
        return str(new_page_key(installation, person.public_id, at, seen))


def _match(app: FastAPI, path: str) -> tuple[str, Mapping[str, str]]:
    """The declared path of the first route that takes a POST at this address, and its names' values."""
    for pattern, declared in _posts(app):
        if match := pattern.match(path):
            return declared, match.groupdict()
    return "", {}


@lru_cache(maxsize=1)
def _posts(app: FastAPI) -> list[tuple[Pattern[str], str]]:
    routes = [route for route in app.router.routes if isinstance(route, APIRoute)]
    return [(route.path_regex, route.path) for route in routes if "POST" in (route.methods or ())]
