"""Resubmitting a form after the session ended: what was typed is carried by a page through the sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from app.domain.records.acts import parse_page_key
from app.web.acts import ACTS, FIELD, SIGNING
from app.web.cookies import get_cookie
from app.web.urls import DEVICE_COOKIE, SIGN_IN, STAFF_LANGUAGE


@dataclass(frozen=True, slots=True)
class SignedOutPage:
    """The act as it was pressed, to be pressed again by whoever typed it; passwords are typed anew.

    The fields stand in it unseen: whoever comes to a screen that was left reads nothing.
    """

    template: ClassVar[str] = "clinic/signed_out.html"
    action_url: str
    sign_in_url: str
    fields: tuple[tuple[str, str], ...]


def page_with_typed(request: Request, fields: Mapping[str, str]) -> SignedOutPage | None:
    """The page for an act that a page of ours offered; None where nothing typed would be lost.

    None as well in a browser of participants: a tablet that was handed over leads to no page of staff.
    """
    path = request.scope["route"].path
    if ("POST", path) not in ACTS or path == STAFF_LANGUAGE or get_cookie(request, DEVICE_COOKIE):
        return None
    typed = tuple(pair for pair in fields.items() if pair[0] not in SIGNING)
    if parse_page_key(fields.get(FIELD, "")) is None or len(typed) < 2:
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    return SignedOutPage(f"{request.url.path}{query}", SIGN_IN, typed)
