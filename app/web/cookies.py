"""Cookies with the `__Host-` prefix: Secure, HttpOnly, this host only, SameSite=Lax (SEC-03).

Only a demonstration may be served over plain http (live mode refuses it). Some clients then never
send a Secure cookie back: a phone on the same network, Safari, a script. There, and only there,
`PlainCookies` sets the same cookies without the prefix and without Secure.
"""

import re
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.urls import ASIDE_COOKIE, DEVICE_COOKIE, OTHERS_COOKIE

PREFIX = "__Host-"
DEVICE_SECONDS = 400 * 86_400
"""Seconds: 400 days, the longest that browsers keep a cookie."""
MOST_OTHERS = 4
"""How many participants stay bound in one browser beside the active one."""
_OURS = re.compile(r"[A-Za-z0-9_.-]{1,512}")


def get_cookie(request: HTTPConnection, name: str) -> str | None:
    """The value of one of our cookies; None for what we never set."""
    plain = request.app.state.installation.public_url.startswith("http://")
    value = request.cookies.get(name if plain else PREFIX + name)
    return value if value and _OURS.fullmatch(value) else None


def set_cookie(response: Response, name: str, value: str, max_age: int | None = None) -> None:
    """Set one of our cookies; `max_age` in seconds, None until the browser is closed."""
    response.set_cookie(
        PREFIX + name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax"
    )


def delete_cookie(response: Response, name: str) -> None:
    """Make the browser forget one of our cookies."""
    response.delete_cookie(PREFIX + name, path="/", secure=True, httponly=True, samesite="lax")


def other_tokens(request: HTTPConnection) -> tuple[str, ...]:
    """The tokens of those who are bound in this browser beside the active one, the last one first."""
    return _tokens(request, OTHERS_COOKIE)[:MOST_OTHERS]


def bound_tokens(request: HTTPConnection) -> tuple[str, ...]:
    """The tokens of everybody who is bound in this browser, the active one first."""
    return (*_tokens(request, DEVICE_COOKIE), *other_tokens(request))


def set_devices_aside(
    request: HTTPConnection, response: Response, tokens: Collection[str], active: str = ""
) -> None:
    """Keep these beside those who wait aside already; bound in the browser is `active` alone, or nobody."""
    waiting = tuple(dict.fromkeys((*tokens, *_tokens(request, ASIDE_COOKIE))))[: MOST_OTHERS + 1]
    if waiting:
        set_cookie(response, ASIDE_COOKIE, ".".join(waiting), DEVICE_SECONDS)
    _keep(response, DEVICE_COOKIE, active)
    delete_cookie(response, OTHERS_COOKIE)


def has_devices_aside(request: HTTPConnection) -> bool:
    """Whether participants who are bound in this browser wait aside."""
    return get_cookie(request, ASIDE_COOKIE) is not None


def restore_devices(request: HTTPConnection, response: Response, bound: Collection[str] = ()) -> None:
    """Give a browser that was handed over back to those who wait aside, after those who are `bound`."""
    tokens = tuple(dict.fromkeys((*bound, *_tokens(request, ASIDE_COOKIE))))[: MOST_OTHERS + 1]
    _keep(response, DEVICE_COOKIE, ".".join(tokens[:1]))
    _keep(response, OTHERS_COOKIE, ".".join(tokens[1:]))
    delete_cookie(response, ASIDE_COOKIE)


def _keep(response: Response, name: str, value: str) -> None:
    if value:
        set_cookie(response, name, value, DEVICE_SECONDS)
    else:
        delete_cookie(response, name)


def _tokens(request: HTTPConnection, name: str) -> tuple[str, ...]:
    return tuple(filter(None, (get_cookie(request, name) or "").split(".")))


class PlainCookies:
    """Middleware of a demonstration over plain http."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_plain(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                plain = [
                    value.removeprefix(PREFIX).replace("; Secure", "")
                    for value in headers.getlist("set-cookie")
                ]
                del headers["set-cookie"]
                for value in plain:
                    headers.append("set-cookie", value)
            await send(message)

        await self.app(scope, receive, send_plain)
