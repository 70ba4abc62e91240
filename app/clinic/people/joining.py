"""What somebody does with a single-use link: choose a password, set up a second factor, or both."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, collect_faults
from app.clinic.frame.refusal_words import translate_refusal
from app.clinic.frame.second_factor import PasskeyAnswer, answer_with_request, read_factor
from app.clinic.records.first_steps import draw_qr
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.core.installation import Installation
from app.services.core.second_factor.passkeys import has_passkeys, write_passkey_request
from app.services.people.staff_links import OpenLink, check_choice, read_link, use_link
from app.services.setup.passwords import LEAST_PASSWORD
from app.web.dependencies import At, CurrentInstallation
from app.web.errors import ask_to_retry
from app.web.form_fields import Narrowed, PasswordField
from app.web.middleware.forwarding import find_source
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages, frame_for, render_page
from app.web.refusal_messages import message_of
from app.web.urls import JOIN, JOIN_PASSKEY, SIGN_IN


@dataclass(frozen=True, slots=True)
class JoinPage:
    """Choose a password, set up a second factor, or both.

    `passkey_url`: where a script is told what to ask a passkey that proves who this is; "" without one.
    """

    template: ClassVar[str] = "clinic/people/join.html"
    action_url: str
    name: str
    email: str
    asks_password: bool
    asks_second_factor: bool
    least: int
    qr: Markup
    secret: str
    faults: FormFaults = NO_FAULTS
    passkey_url: str = ""


@dataclass(frozen=True, slots=True)
class JoinedPage:
    """The end of joining: the recovery codes, this once, and the way to the sign-in page."""

    template: ClassVar[str] = "clinic/people/joined.html"
    codes: tuple[str, ...]
    sign_in_url: str


OneTimeCodeField = Annotated[str, Form(max_length=40), Narrowed]

LABELS = {
    "password": N_("Your password"),
    "one_time_code": N_("Code from your authenticator app, or a recovery code"),
}

router = APIRouter(include_in_schema=False)


@router.get(JOIN)
def show_link_form(request: Request, installation: CurrentInstallation, at: At, link: str) -> Response:
    return _show(request, installation, link, _open(request, installation, link, at))


@router.get(JOIN_PASSKEY)
def get_passkey_request_of_link(installation: CurrentInstallation, at: At, link: str) -> Response:
    """What to ask a passkey that proves who uses the link; none where the second factor is chosen anew."""
    opened = read_link(installation, link, at)
    asks = not opened.purpose.asks_second_factor
    return answer_with_request(
        write_passkey_request(installation, opened.staff_id, link, at) if asks else None
    )


@router.post(JOIN)
def post_link_form(
    request: Request,
    installation: CurrentInstallation,
    at: At,
    link: str,
    password: PasswordField = "",
    password_again: PasswordField = "",
    one_time_code: OneTimeCodeField = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    opened = _open(request, installation, link, at)
    shown = read_factor(request, one_time_code, passkey, link)
    try:
        check_choice(opened, password, password_again, shown)
        codes = use_link(installation, link, password, shown, find_source(request), at)
    except Refused as refused:
        if message_of(refused).status == 410:
            raise
        return ask_to_retry(request, _show(request, installation, link, opened, refused), refused)
    page = JoinedPage(tuple(codes), SIGN_IN)
    return render_page(request, page, frame=frame_for(request, opened.language))


def _open(request: Request, installation: Installation, link: str, at: datetime) -> OpenLink:
    """Read the link; the page of its refusal leads to the sign-in, also where somebody else is signed in."""
    request.state.frame = replace(frame_for(request), home_url=SIGN_IN)
    return read_link(installation, link, at)


def _show(
    request: Request,
    installation: Installation,
    link: str,
    opened: OpenLink,
    refused: Refused | None = None,
) -> Response:
    asks = not opened.purpose.asks_second_factor and has_passkeys(installation, opened.staff_id)
    frame = frame_for(request, opened.language)
    page = JoinPage(
        action_url=JOIN.format(link=link),
        name=opened.name,
        email=opened.email,
        asks_password=opened.purpose.asks_password,
        asks_second_factor=opened.purpose.asks_second_factor,
        least=LEAST_PASSWORD,
        qr=draw_qr(opened.totp_uri),
        secret=" ".join(opened.totp_secret[at : at + 4] for at in range(0, len(opened.totp_secret), 4)),
        faults=_list_faults(request, refused, frame) if refused else NO_FAULTS,
        passkey_url=JOIN_PASSKEY.format(link=link) if asks else "",
    )
    return render_page(request, page, message_of(refused).status if refused else 200, frame)


def _list_faults(request: Request, refused: Refused, frame: PageFrame) -> FormFaults:
    pages: Pages = request.app.state.pages

    def tell(refused: Refused) -> str:
        label = LABELS.get(str(refused.details.get("field")))
        details = dict(refused.details) | ({"field": pages.translate(label, frame)} if label else {})
        return translate_refusal(request, Refused(refused.code, **details), frame)

    return collect_faults(refused, _find_field, tell)


def _find_field(refused: Refused) -> str:
    if refused.code in ("wrong_code", "wrong_passkey"):
        return "one_time_code"
    named = str(refused.details.get("field"))
    return named if named in ("password_again", "one_time_code") else "password"
