"""Changing the language in the middle of a form: asked first, because answers were given in the other."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGES, Language, language
from app.i18n.marking import N_
from app.patient.person_pages import LanguagePage
from app.patient.refusals import PatientRoute
from app.patient.views import form_url, named
from app.patient.visits import Awake, FormPost
from app.services.capture import definition
from app.services.form_languages import switch
from app.web.cookies import keep
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.pages import Pages
from app.web.routes import YEAR

STAYS = N_("Your answers stay. The questions will be shown in %(language)s.")

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/f/{slot}/language/{code}")
def ask_language(visit: Awake, slot: str, code: str) -> Response:
    form = definition(visit.daybook, visit.visitor, slot)
    wanted, url = _known(code), form_url(slot)
    pages: Pages = visit.request.app.state.pages
    page = LanguagePage(
        name=named(form.text.name, form.slot.for_day, visit.language),
        language=wanted.name,
        lang=wanted.tag,
        told_there=pages.word(STAYS, visit.shell.speaking(wanted)) % {"language": wanted.name},
        action_url=f"{url}/language/{wanted.code}",
        form_url=url,
    )
    return visit.show(page)


@router.post("/f/{slot}/language/{code}")
def change_language(sent: FormPost, slot: str, code: str) -> Response:
    switch(sent.visit.daybook, sent.visit.visitor, slot, code, sent.visit.at)
    response = RedirectResponse(form_url(slot), 303)
    keep(response, LANGUAGE_COOKIE, _known(code).code, YEAR)
    return response


def _known(code: str) -> Language:
    wanted = language(code)
    if wanted is None:
        raise Refused("unknown_language", allowed=tuple(known.code for known in LANGUAGES))
    return wanted
