"""Every sample of a patient page behind a real address, in each language and in the right-to-left one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.i18n.catalogues import Catalogues
from app.i18n.languages import LANGUAGES
from app.patient.pages import FormPage
from app.web.pages import Page, Pages
from tests.faces import page_samples as samples
from tests.pseudo import ARABIC, PseudoArabic
from tests.servers import serving

CODES = ("en", "zh_CN", "ar")


def pages_in_three_languages() -> Pages:
    words = Catalogues.load(samples.ROOT / "locales").by_code
    return Pages.load(Catalogues({**words, ARABIC.code: PseudoArabic()}), languages=(*LANGUAGES, ARABIC))


@lru_cache
def every_page(code: str) -> tuple[Page, ...]:
    """Built once: most of the time of a visit would go into it."""
    return samples.every_page(code)


def one_of_each(code: str = "en") -> tuple[Page, ...]:
    """The last sample of every kind: the one with the most on it."""
    return tuple({type(page): page for page in every_page(code)}.values())


@contextmanager
def gallery() -> Iterator[str]:
    """Serve every sample at `/all/<code>/<n>`, one of each kind at `/one/<code>/<n>`; `?size=large`."""
    pages = pages_in_three_languages()
    shelves: dict[str, Callable[[str], tuple[Page, ...]]] = {"all": every_page, "one": one_of_each}

    def show(request: Request) -> Response:
        code = request.path_params["code"]
        page = shelves[request.path_params["shelf"]](code)[request.path_params["number"]]
        shell = replace(samples.shell(code), size=request.query_params.get("size", ""))
        return HTMLResponse(pages.text(page, shell))

    def form(request: Request) -> Response:
        """One instrument's form with nothing answered: `/form/<code>/<instrument>`."""
        code, named = request.path_params["code"], request.path_params["named"]
        page: FormPage = samples.form(samples.QLQ if named == "qlq" else samples.DIARY, code)
        shell = replace(samples.shell(code), size=request.query_params.get("size", ""))
        return HTMLResponse(pages.text(page, shell))

    static = Mount("/static/1", StaticFiles(directory=samples.STATIC))
    routes = [Route("/form/{code}/{named}", form), Route("/{shelf}/{code}/{number:int}", show), static]
    with serving(Starlette(routes=routes)) as url:
        yield url
