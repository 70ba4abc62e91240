"""Routes that belong to no face: start, about, health, language."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGES, find_language
from app.services.accounts.participant_session import remember_language
from app.services.capture.form_languages import needs_language_confirmation
from app.services.setup.readiness import find_readiness_faults, find_readiness_warnings
from app.web.cookies import get_cookie, set_cookie
from app.web.dependencies import LANGUAGE_COOKIE, At, CurrentInstallation, get_device_context
from app.web.form_fields import Narrowed
from app.web.pages.rendering import frame_for, render_page
from app.web.pages.system_pages import AboutPage, StartPage
from app.web.urls import CODE, DESK, DEVICE_COOKIE, PATIENT_HOME, SETTINGS, SETTINGS_SAVED, WAY_IN

YEAR = 400 * 86_400
"""The longest that browsers keep a cookie, in seconds."""

_FORM = re.compile(r"/f/([A-Za-z0-9]{1,24})(?:/(?:begin|submit|review))?")

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_start(request: Request) -> Response:
    if get_cookie(request, DEVICE_COOKIE):
        return RedirectResponse(PATIENT_HOME, 303)
    return render_page(request, StartPage(CODE, DESK))


@router.get("/about")
def show_about(request: Request, installation: CurrentInstallation) -> Response:
    frame = frame_for(request)
    names = installation.library.list_names(frame.code)
    shown = frame.demo  # a trial never shows words of our own for a licensed questionnaire
    demonstrated = installation.library.list_demonstrated() if shown else ()
    return render_page(request, AboutPage(request.app.state.commit, names, demonstrated), frame=frame)


@router.get("/healthz")
async def get_health() -> Response:
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def get_readiness(installation: CurrentInstallation, at: At) -> Response:
    if faults := find_readiness_faults(installation, at):
        return JSONResponse({"status": "not ready", "faults": faults}, 503)
    return JSONResponse(
        {"status": "ready", "faults": [], "warnings": find_readiness_warnings(installation, at)}
    )


@router.post("/language")
def choose_language(
    request: Request,
    lang: Annotated[str, Form(max_length=20), Narrowed],
) -> Response:
    chosen = find_language(lang)
    if chosen is None:
        raise Refused("unknown_language", allowed=tuple(known.code for known in LANGUAGES))
    back, device = _came_from(request), get_device_context(request)
    form = _FORM.fullmatch(back)
    if form and needs_language_confirmation(device, form[1], chosen.code):
        return RedirectResponse(f"/f/{form[1]}/language/{chosen.code}", 303)
    if back != CODE and not back.startswith(WAY_IN):
        # On the way in the choice is the newcomer's, who may not be the one that is bound here.
        remember_language(device, chosen.code)
    response = RedirectResponse(_answering(back), 303)
    set_cookie(response, LANGUAGE_COOKIE, chosen.code, YEAR)
    return response


def _answering(back: str) -> str:
    """The settings say what was saved; every other page shows it by its words."""
    return f"{SETTINGS_SAVED}/language" if back == SETTINGS or back.startswith(SETTINGS_SAVED) else back


def _came_from(request: Request) -> str:
    """The page that the switch stood on, when it is one of ours; only its path is taken."""
    try:
        referer = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    ours = referer.netloc == request.headers.get("host") and referer.path.startswith("/")
    return referer.path if ours and not referer.path.startswith("//") else "/"
