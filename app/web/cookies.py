"""Cookies with the `__Host-` prefix: Secure, HttpOnly, this host only, SameSite=Lax (SEC-03).

Browsers treat http://localhost and http://127.0.0.1 as trustworthy, so that the demonstration
needs no certificate; a test in a real browser holds us to it.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

PREFIX = "__Host-"


def kept(request: HTTPConnection, name: str) -> str | None:
    """The value of one of our cookies."""
    return request.cookies.get(PREFIX + name)


def keep(response: Response, name: str, value: str, max_age: int | None = None) -> None:
    """Set one of our cookies; `max_age` in seconds, None until the browser is closed."""
    response.set_cookie(
        PREFIX + name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax"
    )


def drop(response: Response, name: str) -> None:
    """Make the browser forget one of our cookies."""
    response.delete_cookie(PREFIX + name, path="/", secure=True, httponly=True, samesite="lax")
