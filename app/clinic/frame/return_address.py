"""Where somebody goes on after signing in: an address of the desk, carried through the sign-in pages."""

import re
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

from app.web.permissions import ROUTES
from app.web.urls import DESK, SIGN_IN

NEXT = "next"
"""The name of the parameter in addresses, and of the field in forms."""
LONGEST = 600
_OF_DESK = re.compile(re.escape(DESK) + r"(?:/[\w.~%/-]*)?(?:\?[\w.~%&=+:,-]*)?", re.ASCII)


def choose_return_address(address: str) -> str:
    """The address, if it is one of the desk to which sign-in may lead; "" for any other."""
    own = len(address) <= LONGEST and _OF_DESK.fullmatch(address) is not None
    return "" if not own or address == DESK or address.startswith(SIGN_IN) else address


def find_return_address(request: Request) -> str:
    """The page that a request without a session was about; "" where it leads to none.

    Of a form it is the page at its own address; of a part of a page that page, as the browser says it.
    """
    shown = request.headers.get("hx-current-url")
    if request.headers.get("hx-request") and shown:
        address = urlsplit(shown)
        path, query = address.path, address.query
    elif ("GET", request.scope["route"].path) in ROUTES:
        path, query = request.url.path, request.url.query
    else:
        return ""
    return choose_return_address(f"{path}?{query}" if query else path)


def with_return_address(url: str, address: str) -> str:
    """A page of signing in that leads on to this address."""
    return f"{url}?{urlencode({NEXT: address})}" if address else url
