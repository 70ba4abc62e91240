"""axe finds nothing on any patient page, light and dark, at 320 px, and nothing scrolls sideways."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.i18n.catalogues import Catalogues
from app.web.pages import Page, Pages
from tests.faces import page_samples as samples
from tests.servers import serving

Scheme = Literal["light", "dark"]


def one_of_each() -> tuple[Page, ...]:
    """The last sample of every kind: the one with the most on it."""
    return tuple({type(page): page for page in samples.every_page("en")}.values())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pages = Pages.load(Catalogues.load(samples.ROOT / "locales"))

    def show(request: Request) -> Response:
        page = one_of_each()[request.path_params["number"]]
        return HTMLResponse(pages.text(page, samples.shell("en")))

    static = Mount("/static/1", StaticFiles(directory=samples.STATIC))
    with serving(Starlette(routes=[Route("/{number:int}", show), static])) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.req("CAP-10")
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    chromium: Browser, address: str, scheme: Scheme
) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    tab = context.new_page()
    for number, page in enumerate(one_of_each()):
        tab.goto(f"{address}/{number}")
        found = Axe().run(tab).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == [], page
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, page
    context.close()


@pytest.mark.req("CAP-10")
def test_what_is_tapped_is_large_enough(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    tab = context.new_page()
    for number, page in enumerate(one_of_each()):
        tab.goto(f"{address}/{number}")
        for control in tab.locator(".btn:visible, .o:visible, .top a, .lang button:visible").all():
            box = control.bounding_box()
            assert box is not None
            assert box["height"] >= 44, (page, control.inner_text())
            assert box["width"] >= 24, (page, control.inner_text())
    context.close()
