"""axe finds nothing on any patient page, in each language and in a right-to-left one, light and dark."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from app.i18n.languages import ENGLISH, find_language, negotiate_language
from tests.axe import COLOURS, find_violations
from tests.faces.gallery import CODES, every_page, gallery, one_of_each, show_sample
from tests.pseudo_languages import ARABIC


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with gallery() as url:
        yield url


def faults(tab: Page) -> list[tuple[str, str]]:
    """Every finding of axe, best practices with them, and scrolling sideways."""
    width = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return find_violations(tab) + ([("scrolls sideways", f"{width} px")] if width > 0 else [])


@pytest.mark.parametrize("code", CODES)
@pytest.mark.req("CAP-10")
def test_axe_finds_nothing_light_or_dark(chromium: Browser, address: str, code: str) -> None:
    """The dark page is the same document in other colours: only the rules of colour can differ."""
    with chromium.new_context(viewport={"width": 320, "height": 640}, color_scheme="light") as context:
        tab = context.new_page()
        for number, page in enumerate(one_of_each(code)):
            show_sample(tab, f"{address}/one/{code}/{number}", page)
            assert faults(tab) == [], page
            tab.emulate_media(color_scheme="dark")
            assert find_violations(tab, COLOURS) == [], page
            tab.emulate_media(color_scheme="light")


@pytest.mark.req("CAP-10")
def test_axe_finds_nothing_in_any_state_of_a_page(chromium: Browser, address: str) -> None:
    with chromium.new_context(viewport={"width": 360, "height": 640}) as context:
        tab = context.new_page()
        seen = one_of_each("en")
        others = [(number, page) for number, page in enumerate(every_page("en")) if page not in seen]
        assert others
        for number, page in others:
            show_sample(tab, f"{address}/all/en/{number}", page)
            assert faults(tab) == [], page


@pytest.mark.parametrize("code", CODES)
@pytest.mark.req("CAP-10")
def test_what_is_tapped_is_large_enough(chromium: Browser, address: str, code: str) -> None:
    with chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True) as context:
        tab = context.new_page()
        for number, page in enumerate(one_of_each(code)):
            show_sample(tab, f"{address}/one/{code}/{number}", page)
            assert tab.evaluate(SMALL, ".btn, .o, .top a, .lang button, .links a, .field input") == [], page


# A control's own box, or the label's where the label is what is tapped; links within a sentence may be
# as high as their line (WCAG 2.5.8, exception "inline").
SMALL = """(primary) => Array.from(document.querySelectorAll('a, button, input, select, textarea, summary'))
  .map(x => x.closest('.o') || x)
  .filter(x => x.type !== 'hidden' && x.offsetParent !== null && !x.closest('.vh') && !x.matches('.skip'))
  .map(x => [x, x.getBoundingClientRect(), x.matches(primary) ? 44 : 24])
  .filter(([x, box, least]) => box.height < least || box.width < 24)
  .filter(([x]) => !(getComputedStyle(x).display === 'inline' && x.closest('p, li')))
  .map(([x, box]) => x.outerHTML.slice(0, 80) + ' ' + box.width + 'x' + box.height)"""


def test_the_pseudo_language_is_offered_to_nobody() -> None:
    assert find_language(ARABIC.code) is None
    assert negotiate_language("ar-EG,ar;q=0.9") is ENGLISH
