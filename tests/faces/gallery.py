"""Every sample of a patient page behind a real address, in each language and in the right-to-left one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache

from playwright.sync_api import Page as Tab
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.i18n.catalogues import Catalogues
from app.patient.forms.pages import FormPage
from app.patient.forms.questions import Answer
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Page, Pages
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples
from tests.pseudo_languages import ARABIC, PseudoArabic
from tests.servers import serve_application

CODES = ("en", "zh_CN", "ar")
INSTRUMENTS = {"qlq": samples.QLQ, "diary": samples.DIARY}
_WRITE = """async (address) => {
  const html = await (await fetch(address)).text();
  history.replaceState(null, '', address);
  await new Promise((loaded) => {
    document.open();
    window.addEventListener('load', loaded);
    document.write(html);
    document.close();
  });
}"""


def answers_before(named: tuple[str, str], code: str) -> dict[str, Answer]:
    """Answers to every item before this one, so that the form opens at it."""
    items = samples.instrument(named, "en")[0].items
    known = {item.code: 380 if item.code == "temperature" else 1 for item in items}
    codes = [item.code for item in items]
    return {name: known[name] for name in codes[: codes.index(code)]} if code else {}


@cache
def pages_in_three_languages() -> Pages:
    shipped = shipped_pages()
    words = Catalogues({**shipped.catalogues.by_code, ARABIC.code: PseudoArabic()})
    arabic = Pages.load(words, languages=(ARABIC,))
    return Pages({**shipped.environments, **arabic.environments}, words)


@lru_cache
def every_page(code: str) -> tuple[Page, ...]:
    """Built once: most of the time of a visit would go into it."""
    return samples.every_page(code)


def one_of_each(code: str = "en") -> tuple[Page, ...]:
    """The last sample of every kind: the one with the most on it."""
    return tuple({type(page): page for page in every_page(code)}.values())


def translate_for_reader(page: Page, frame: PageFrame) -> Page:
    """The page with what a form carries for the reader of this frame."""
    if not isinstance(page, FormPage):
        return page
    return replace(page, parts=samples.assets().for_reader(frame).build_parts(page.questions, dark=False))


@contextmanager
def gallery() -> Iterator[str]:
    """Serve every sample at `/all/<code>/<n>`, one of each kind at `/one/<code>/<n>`; `?size=large`."""
    pages = pages_in_three_languages()
    shelves: dict[str, Callable[[str], tuple[Page, ...]]] = {"all": every_page, "one": one_of_each}

    @cache
    def text(shelf: str, code: str, number: int, size: str) -> str:
        frame = replace(samples.frame(code), size=size)
        return pages.render_document(translate_for_reader(shelves[shelf](code)[number], frame), frame)

    def show(request: Request) -> Response:
        return HTMLResponse(text(**request.path_params, size=request.query_params.get("size", "")))

    def form(request: Request) -> Response:
        """One instrument's form: `/form/<code>/<qlq|diary>`; `?at=<item>` answers everything before it."""
        code, named = request.path_params["code"], INSTRUMENTS[request.path_params["named"]]
        answers = answers_before(named, request.query_params.get("at", ""))
        page = replace(samples.form(named, code, answers), day=samples.DAY if named == samples.DIARY else "")
        frame = replace(samples.frame(code), size=request.query_params.get("size", ""))
        return HTMLResponse(pages.render_document(translate_for_reader(page, frame), frame))

    static = Mount("/static/1", StaticFiles(directory=samples.STATIC))
    routes = [Route("/form/{code}/{named}", form), Route("/{shelf}/{code}/{number:int}", show), static]
    with serve_application(Starlette(routes=routes)) as url:
        yield url


def show_sample(tab: Tab, address: str, page: Page) -> None:
    """Open this sample, which stands at this address, in the window that is there: axe stays in it.

    A document that is written into a window is parsed and laid out, and its scripts run, like any other.
    A form comes into a window of its own: where its runner begins depends on the window's history.
    """
    if isinstance(page, FormPage) or tab.url == "about:blank":
        tab.goto(address)
    else:
        tab.evaluate(_WRITE, address)
