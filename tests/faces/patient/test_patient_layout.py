"""How patient pages lie on the screen: wide and narrow, large text, spaced text, mirrored, few colours."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from app.patient.help_page import HelpPage
from tests.faces.gallery import CODES, gallery, one_of_each, show_sample

SPACED = """
* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
p { margin-bottom: 2em !important; }"""
"""What WCAG 1.4.12 lets a reader set."""

# Pixels beyond the edge; text that its own box hides; words that run out of the button or option that
# carries them. A box of one pixel is for screen readers, which nobody sees anyhow.
LOST = """() => {
  const wide = (x) => x.scrollWidth > x.clientWidth, shown = (x) => x.outerHTML.slice(0, 80);
  const cut = Array.from(document.querySelectorAll('body *'))
    .filter(x => x.clientWidth > 1 && (wide(x) || x.scrollHeight > x.clientHeight + 1))
    .filter(x => !['INPUT', 'PROGRESS'].includes(x.tagName) && !x.closest('.vh, .skip'))
    .filter(x => getComputedStyle(x).overflow !== 'visible');
  const out = Array.from(document.querySelectorAll('.btn, .o span, .tag, .lang button, .recall'))
    .filter(x => x.offsetParent !== null && x.scrollWidth > x.clientWidth + 1);
  const beyond = document.documentElement.scrollWidth - window.innerWidth;
  return [Math.max(0, beyond), cut.map(shown), out.map(shown)];
}"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with gallery() as url:
        yield url


def lost(tab: Page) -> list[object]:
    """Pixels beyond the edge, boxes that hide text, words beyond their box."""
    return list(tab.evaluate(LOST))


NOTHING: list[object] = [0, [], []]


@pytest.mark.req("CAP-10")
@pytest.mark.parametrize("code", CODES)
def test_every_width_from_768_to_320_holds_every_page_at_last_in_a_reader_s_own_spacing(
    chromium: Browser, address: str, code: str
) -> None:
    with chromium.new_context(viewport={"width": 320, "height": 640}) as context:
        tab = context.new_page()
        for number, page in enumerate(one_of_each(code)):
            show_sample(tab, f"{address}/one/{code}/{number}", page)
            for width in (768, 412, 360, 320):
                tab.set_viewport_size({"width": width, "height": 640})
                assert lost(tab) == NOTHING, (width, page)
            tab.add_style_tag(content=SPACED)
            assert lost(tab) == NOTHING, page


@pytest.mark.req("CAP-10")
@pytest.mark.parametrize("code", CODES)
def test_text_twice_as_large_loses_nothing(chromium: Browser, address: str, code: str) -> None:
    with chromium.new_context(viewport={"width": 360, "height": 640}) as context:
        tab = context.new_page()
        for number, page in enumerate(one_of_each(code)):
            show_sample(tab, f"{address}/one/{code}/{number}?size=extra_large", page)
            assert lost(tab) == NOTHING, page
            tab.add_style_tag(content="html { font-size: 225% !important; }")
            assert lost(tab) == NOTHING, page


# An element's middle point shows the element itself, not the bar that lies over it.
COVERED = """() => { const x = document.activeElement, seen = x.closest('.o') || x;
  const box = seen.getBoundingClientRect();
  if (x === document.body) { return ''; }
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return there && (seen.contains(there) || there.contains(seen)) ? '' : seen.outerHTML.slice(0, 80); }"""


@pytest.mark.req("CAP-10")
@pytest.mark.parametrize("path", ["form/en/qlq", "form/ar/diary", "one/zh_CN/5", "one/en/6"])
@pytest.mark.parametrize(("width", "height", "size"), [(320, 480, ""), (360, 640, "extra_large")])
def test_the_bar_never_covers_what_has_the_focus(
    chromium: Browser, address: str, path: str, width: int, height: int, size: str
) -> None:
    with chromium.new_context(viewport={"width": width, "height": height}) as context:
        tab = context.new_page()
        tab.goto(f"{address}/{path}?size={size}")
        for _ in range(16):
            tab.keyboard.press("Tab")
            assert tab.evaluate(COVERED) == ""


@pytest.mark.parametrize("code", ["en", "ar"])
def test_the_page_is_mirrored_but_a_scale_and_a_number_are_not(
    chromium: Browser, address: str, code: str
) -> None:
    is_english = code == "en"
    with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
        tab = context.new_page()
        tab.goto(f"{address}/form/{code}/qlq")
        radio, words = (tab.locator(f".q.on .o {part}").first.bounding_box() for part in ("input", "span"))
        assert radio
        assert words
        assert (radio["x"] - words["x"] < 60) is is_english
        back, forth = (tab.locator(f"#{name}").bounding_box() for name in ("back", "next"))
        assert back
        assert forth
        assert (back["x"] < forth["x"]) is is_english
        tab.evaluate("document.documentElement.className = ''")  # the long form shows every question
        cells = [box["x"] for cell in tab.locator("#s-q29 .row .o").all() if (box := cell.bounding_box())]
        assert len(cells) == 7
        assert cells == sorted(cells)
        help_page = [type(page) for page in one_of_each(code)].index(HelpPage)
        tab.goto(f"{address}/one/{code}/{help_page}")
        assert tab.locator("a.tel").first.evaluate("x => getComputedStyle(x).direction") == "ltr"


@pytest.mark.req("CAP-10")
def test_the_chosen_option_is_seen_without_colours(chromium: Browser, address: str) -> None:
    with chromium.new_context(
        viewport={"width": 360, "height": 740}, forced_colors="active", reduced_motion="reduce"
    ) as context:
        tab = context.new_page()
        tab.goto(f"{address}/form/en/qlq")
        first, second = tab.locator(".q.on .o").nth(0), tab.locator(".q.on .o").nth(1)
        first.click()
        outlines = [
            each.locator("span").evaluate("x => getComputedStyle(x).outlineStyle") for each in (first, second)
        ]
        assert outlines == ["solid", "none"]
        for number, page in enumerate(one_of_each("en")):
            show_sample(tab, f"{address}/one/en/{number}", page)
            moving = "() => document.getAnimations().length"
            assert (tab.evaluate(moving), lost(tab)) == (0, NOTHING), page
