"""No word of our own pages stays behind in English."""

import re
from functools import cache

import pytest

from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, LANGUAGES
from app.web.pages.error_page import ErrorPage
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Page, Pages
from app.web.pages.system_pages import AboutPage, StartPage
from tests.markup import Element, parse_page
from tests.pseudo_languages import Pseudo

FRAME = PageFrame(ENGLISH.tag, ENGLISH.dir, ENGLISH.code, demo=True, version="1.2.3", static_root="/static/0")
NAMES = {
    "",
    "Daybook",
    "中文",
    "English",
    "·",
    "qlq-c30 3.0",
    "QLQ-C30",
    "1.2.3",
    "c0ffee",
    "ref",
    "told",
    "-",
}
PAGES = [
    StartPage("/code", "/desk"),
    AboutPage("c0ffee", ("qlq-c30 3.0",), demonstrated=("QLQ-C30",)),
    *(ErrorPage(status, "told", "ref") for status in (404, 409, 429, 500)),
]


def words(element: Element) -> list[str]:
    own = [each.strip() for each in element.children if isinstance(each, str)]
    return own + [word for each in element.children if isinstance(each, Element) for word in words(each)]


@cache
def marked_pages() -> Pages:
    """The pages, each sentence of which is marked."""
    return Pages.load(Catalogues({known.code: Pseudo() for known in LANGUAGES}))


@pytest.mark.parametrize("page", PAGES, ids=repr)
def test_every_sentence_can_be_translated(page: Page) -> None:
    shown = re.sub(r"⟦[^⟧]*⟧", "", marked_pages().render_document(page, FRAME))
    untranslated = [word for word in words(parse_page(shown)) if word.strip("- ") not in NAMES]
    assert untranslated == []
