"""What every response and request must pass: headers, origin, size. Pure ASGI, for a few µs each."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.refusal import Refused
from app.web.errors import is_api_path, refusal_response
from app.web.middleware.headers import RawHeaders, add_security_headers

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
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
            or self.allows(scope["headers"])
        ):
            await self.app(scope, receive, send)
            return
        response = refusal_response(Request(scope), Refused("cross_site"))
        await response(scope, receive, send)

    def allows(self, headers: RawHeaders) -> bool:
        values = dict(headers)
        site, origin = values.get(b"sec-fetch-site"), values.get(b"origin")
        if site is not None:
            return site in _OWN
        return origin is None or origin == self.own or origin.partition(b"://")[2] == values.get(b"host")


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
        if not announced.isdigit() or int(announced) > self.limit:
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
