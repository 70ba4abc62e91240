"""The second factor that a form carries: a code that was typed, or what a script got from a passkey."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import Response

from app.services.core.second_factor.passkeys import SignedChallenge
from app.services.core.second_factor.shown_factor import ShownFactor
from app.web.cookies import get_cookie
from app.web.urls import SESSION_COOKIE

PasskeyAnswer = Annotated[str, Form(max_length=4_000)]
"""The browser's answer as JSON; "" where no passkey was used."""


def read_factor(request: Request, code: str, passkey: str, bound_to: str = "") -> ShownFactor:
    """What was shown: the passkey's answer if there is one, and the code otherwise.

    `bound_to`: a link's token, where no session was asked.
    """
    return SignedChallenge(passkey, bound_to or session_token(request)) if passkey else code


def session_token(request: Request) -> str:
    """The token of the session, half or whole, to which a challenge is bound."""
    return get_cookie(request, SESSION_COOKIE) or ""


def answer_with_request(options: str | None) -> Response:
    """What the browser is to ask a passkey, for our script; 409 where there is none."""
    if options is None:
        return Response("{}", 409, media_type="application/json")
    return Response(options, media_type="application/json")
