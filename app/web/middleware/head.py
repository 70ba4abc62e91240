"""HEAD on every GET route: the same answer without its body (RFC 9110 §9.3.2)."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BODILESS = "bodiless"


class HeadRequests:
    """Asks the application by GET and passes on everything but the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})[_BODILESS] = True
        get_scope = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        try:
            await self.app(get_scope, receive, send_without_body)
        finally:
            scope["route"] = get_scope.get("route")  # for the log


def is_bodiless(request: Request) -> bool:
    """Whether the answer's body will not be sent, so that nothing is handed over by it."""
    return bool(getattr(request.state, _BODILESS, False))
