"""No word of a patient's page stays behind in English, in any state of the page."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from app.web.pages.rendering import Page, Pages
from tests.faces import page_samples as samples
from tests.faces.gallery import every_page, pages_in_three_languages
from tests.markup import Element, parse_page
from tests.pseudo_languages import ARABIC

READ_OUT = ("aria-label", "alt", "title", "placeholder", "content")
"""Attributes whose words people meet; `data-…` of the form too, which its script shows."""
NAMES = ("Daybook", "English", "width=device-width, initial-scale=1", "YYYY-MM-DD", "#00615b")
UNSEEN = frozenset({"script", "style"})
KINDS = sorted({type(page).__name__ for page in every_page(ARABIC.code)})


@pytest.fixture(scope="module")
def pages() -> Pages:
    return pages_in_three_languages()


def list_values(value: object) -> Iterator[str]:
    """Every text in a page's values: what is put in is not the template's to translate."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from list_values(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from list_values(getattr(value, field.name))


def list_texts(element: Element) -> Iterator[str]:
    """Every text that somebody may see or hear."""
    if element.tag in UNSEEN:
        return
    for name, value in element.attributes.items():
        shown = name in READ_OUT or (element.attributes.get("id") == "f" and name.startswith("data-"))
        if shown:
            yield value
    for child in element.children:
        if isinstance(child, str):
            yield child
        else:
            yield from list_texts(child)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_of_a_patient_page_can_be_translated(pages: Pages, kind: str) -> None:
    for page in every_page(ARABIC.code):
        if type(page).__name__ == kind:
            assert find_untranslated(pages, page) == []


def find_untranslated(pages: Pages, page: Page) -> list[str]:
    known = sorted({*list_values(page), *NAMES}, key=len, reverse=True)
    untranslated = []
    for text in list_texts(parse_page(pages.render_document(page, samples.frame(ARABIC.code)))):
        rest = text
        for one in filter(None, known):
            rest = rest.replace(one, "")
        if re.search("[A-Za-z]", rest):
            untranslated.append(text)
    return untranslated
