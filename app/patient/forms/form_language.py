"""Changing the language in the middle of a form: asked first, because answers were given in the other."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGES, Language, find_language
from app.i18n.marking import N_
from app.patient.forms.page_builders import name_form, url_of_form
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.capture.form_languages import switch_form_language
from app.services.capture.forms import get_form_definition
from app.web.cookies import set_cookie
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages
from app.web.routes import YEAR


@dataclass(frozen=True, slots=True)
class LanguagePage:
    """Asked once answers are given: whether the questions shall go on in another language."""

    template: ClassVar[str] = "patient/language.html"
    name: str
    language: str
    lang: str
    sentence_here: str
    sentence_there: str
    action_url: str
    form_url: str


STAYS = N_("Your answers are kept. The questions will be shown in %(language)s.")
NAMES = {"en": N_("English"), "zh_CN": N_("Chinese")}
"""Of languages, for readers of any; the button has a language's own name for itself."""

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/f/{slot}/language/{code}")
def show_language_form(current: UnlockedRequest, slot: str, code: str) -> Response:
    """What will happen, before the language changes; the form itself where it is in that one already."""
    form = get_form_definition(current.context, slot)
    language, url = _known(code), url_of_form(slot)
    if language == current.language:
        return RedirectResponse(url, 303)
    pages: Pages = current.request.app.state.pages
    page = LanguagePage(
        name=name_form(current, form.name, form.occasion),
        language=language.name,
        lang=language.tag,
        sentence_here=_sentence(pages, language, current.frame),
        sentence_there=_sentence(pages, language, current.frame.in_language(language)),
        action_url=f"{url}/language/{language.code}",
        form_url=url,
    )
    return current.show(page)


def _sentence(pages: Pages, language: Language, frame: PageFrame) -> str:
    name = NAMES.get(language.code)
    return pages.translate(STAYS, frame) % {
        "language": pages.translate(name, frame) if name else language.name
    }


@router.post("/f/{slot}/language/{code}")
def change_form_language(post: ParticipantPost, slot: str, code: str) -> Response:
    return _switch(post.current, slot, code, post.current.finish())


def change_or_ask(current: ParticipantRequest, slot: str, code: str, *, answered: bool) -> Response:
    """Change the language of a form whose fields are saved; where something is answered it is asked first."""
    url, language = url_of_form(slot), _known(code)
    if answered:
        return RedirectResponse(f"{url}/language/{language.code}", 303)
    return _switch(current, slot, code, RedirectResponse(url, 303))


def _switch(current: ParticipantRequest, slot: str, code: str, response: Response) -> Response:
    switch_form_language(current.context, slot, code)
    set_cookie(response, LANGUAGE_COOKIE, _known(code).code, YEAR)
    return response


def _known(code: str) -> Language:
    language = find_language(code)
    if language is None:
        raise Refused("unknown_language", allowed=tuple(known.code for known in LANGUAGES))
    return language
