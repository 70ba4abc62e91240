"""What every response and request must pass: headers, origin, size. Pure ASGI, for a few µs each."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.refusal import Refused
from app.web.errors import http_response, is_api_path, refusal_response
from app.web.middleware.headers import RawHeaders, add_security_headers

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_CONTROL_IN_QUERY = re.compile(rb"%(?:0[0-8A-Fa-f]|1[0-9A-Fa-f]|7[Ff])|[\x00-\x1f\x7f]")
_CHARSET = re.compile(rb"multipart/.*charset\s*=\s*\"?(?!utf-?8\b)", re.IGNORECASE | re.DOTALL)
_MOST_DIGITS = 12
_OWN = frozenset({b"same-origin", b"none"})  # `none` is the address bar or a bookmark


class SecurityHeaders:
    """Adds the security headers to every response (SEC-02)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = add_security_headers(message["headers"], message["status"])
            await send(message)

        await self.app(scope, receive, adding)


class SameOrigin:
    """Refuses a change that another site's page asks a browser for (SEC-04).

    Browsers tell with Sec-Fetch-Site, older ones with Origin. A caller that sends neither is no
    browser and carries no cookie by itself. The EDC's routes know no cookies and are left out.
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        self.own = public_url.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in _SAFE
            or is_api_path(scope["path"])
            or self.allows_request(scope["headers"])
        ):
            await self.app(scope, receive, send)
            return
        response = refusal_response(Request(scope), Refused("cross_site"))
        await response(scope, receive, send)

    def allows_request(self, headers: RawHeaders) -> bool:
        values = dict(headers)
        site, origin = values.get(b"sec-fetch-site"), values.get(b"origin")
        if site is not None:
            return site in _OWN
        return origin is None or origin == self.own or origin.partition(b"://")[2] == values.get(b"host")


class ReadableRequest:
    """Refuses what is no text at all: control characters in an address, and forms in other charsets.

    Nobody types them there, no page of ours leads there, and PostgreSQL stores no U+0000.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.find_refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def find_refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that cannot be read; None for any other."""
        if _CONTROL.search(scope["path"]):
            return http_response(Request(scope), HTTPException(404))
        if control := _CONTROL_IN_QUERY.search(scope["query_string"]):
            name = scope["query_string"][: control.start()].rpartition(b"&")[2].partition(b"=")[0]
            return refusal_response(
                Request(scope), Refused("control_characters", field=name.decode("latin-1"))
            )
        if _CHARSET.match(dict(scope["headers"]).get(b"content-type", b"")):
            return refusal_response(Request(scope), Refused("malformed"))
        return None


class BodyLimit:
    """Refuses a body of more bytes than anybody sends here, announced or not (SEC-10)."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > _MOST_DIGITS or int(announced) > self.limit:
            response = refusal_response(Request(scope), Refused("too_large", allowed=self.limit))
            await response(scope, receive, send)
            return
        await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit:
                raise HTTPException(413)
            return message

        return counting
