"""Every item of every shipped instrument on a small phone: all of it on one screen, or with a cue."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.faces import page_samples as samples
from tests.faces.gallery import INSTRUMENTS, every_page, gallery, one_of_each

SCROLL_POSITIONS = Path(__file__).with_name("scroll_positions.txt")
"""Reviewed: items that need scrolling at 360 x 640 and Standard size, as `instrument language item`."""

# Shows one question after the other as the runner would, and tells whether all of it lies above the bar.
FITS = """() => { const bar = document.querySelector('.bar').getBoundingClientRect().top;
  const told = {};
  document.querySelectorAll('.q').forEach(x => x.classList.remove('on'));
  document.querySelectorAll('.q[id^=s-]').forEach(x => {
    x.classList.add('on');
    const parts = Array.from(x.querySelectorAll('h1, .recall, .o:not(.no-js), input:not([type])'));
    const boxes = parts.map(part => part.getBoundingClientRect());
    const cells = Array.from(x.querySelectorAll('.o:not(.no-js) span'), cell => cell.getBoundingClientRect());
    told[x.id.slice(2)] = {
      fits: boxes.every(box => box.top >= 0 && box.bottom <= bar && box.left >= 0 && box.right <= innerWidth),
      heights: Array.from(new Set(cells.map(box => Math.round(box.height)))),
      widths: Array.from(new Set(cells.map(box => Math.round(box.width))))};
    x.classList.remove('on'); });
  return told; }"""


Measured = dict[str, dict[str, list[int]]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with gallery() as url:
        yield url


@pytest.fixture(scope="module")
def measured(chromium: Browser, address: str) -> Measured:
    """What each item measures at 360 x 640, by `instrument language item`."""
    by_item: Measured = {}
    with chromium.new_context(viewport={"width": 360, "height": 640}, has_touch=True) as context:
        tab = context.new_page()
        for named in INSTRUMENTS:
            for code in ("en", "zh_CN"):
                tab.goto(f"{address}/form/{code}/{named}")
                measure = tab.evaluate(FITS)
                by_item.update({f"{named} {code} {item}": measures for item, measures in measure.items()})
    return by_item


def reviewed(file: Path = SCROLL_POSITIONS) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line}


@pytest.mark.req("CAP-09")
def test_every_item_fits_on_a_small_phone_or_is_known_to_scroll(measured: Measured) -> None:
    assert len(measured) == 2 * (30 + 22)
    assert {item for item, measure in measured.items() if not measure["fits"]} == reviewed()


@pytest.mark.req("CAP-09")
def test_the_options_of_an_item_are_equal_in_size(measured: Measured) -> None:
    unequal = [
        item
        for item, measure in measured.items()
        if len(measure["heights"]) > 1 or len(measure["widths"]) > 1
    ]
    assert unequal == []
    assert min(height for measure in measured.values() for height in measure["heights"]) >= 44
    assert min(width for measure in measured.values() for width in measure["widths"]) >= 24


@pytest.mark.req("CAP-09", "CAP-11")
@pytest.mark.parametrize(("width", "size"), [(320, ""), (360, "large"), (360, "extra_large")])
def test_options_stay_equal_on_narrow_screens_and_in_large_text(
    chromium: Browser, address: str, width: int, size: str
) -> None:
    with chromium.new_context(viewport={"width": width, "height": 640}) as context:
        tab = context.new_page()
        for code in ("en", "zh_CN"):
            tab.goto(f"{address}/form/{code}/diary?size={size}")
            measures = tab.evaluate(FITS).values()
            assert [each for each in measures if len(each["heights"]) > 1 or len(each["widths"]) > 1] == []
            assert min(height for each in measures for height in each["heights"]) >= 44


LARGE = Path(__file__).with_name("large_text.txt")
"""Reviewed: items of which not all fits at 320 x 568 with text twice as large, as `instrument item`."""

# Goes to every question as the review does, and tells what the runner shows before anything is scrolled.
STARTS = """() => { const told = {}, seen = (x) => x.getBoundingClientRect();
  const byId = (id) => document.getElementById(id);
  const bar = document.querySelector('.bar');
  const link = byId('f').appendChild(document.createElement('a'));
  document.querySelectorAll('.q[id^=s-]').forEach(x => {
    const given = Array.from(x.querySelectorAll(':checked'));
    given.forEach(y => { y.checked = false; });
    x.querySelectorAll('input:not([type])').forEach(y => { y.value = ''; });
    link.href = '#' + x.id;
    link.click();
    given.forEach(y => { y.checked = true; });
    const heading = x.querySelector('h1'), first = seen(x.querySelector('.recall') || heading).top;
    const parts = Array.from(x.querySelectorAll('.o:not(.no-js), input:not([type])'), y => seen(y).bottom);
    const numbers = Array.from(x.querySelectorAll('.long .o span')), cells = numbers.map(seen);
    const next = seen(byId('next')), beyond = document.documentElement.scrollWidth - innerWidth;
    told[x.id.slice(2)] = {
      on: x.matches('.on'), first, heading: seen(heading).bottom, last: Math.max(...parts), beyond,
      next: next.bottom, width: next.width, cue: byId('more').offsetHeight,
      bar: seen(bar).height, floor: seen(bar).top,
      row: numbers.length && [
        Math.min(...cells.map(cell => Math.min(cell.width, cell.height))) >= 44,
        cells.every((cell, at) => cell.top >= seen(at ? numbers[at - 1] : x.querySelector('.ends')).bottom),
        x.querySelector('.ends').textContent.replace(/\\D+/g, ' ').trim(),
        numbers.map(number => { number.scrollIntoView({ block: 'nearest' }); const box = seen(number);
          const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
          return hit === number && box.bottom <= seen(bar).top ? parseInt(number.textContent) : 'covered';
        }) ] }; });
  link.remove();
  return told; }"""


# In how many lines each of these stands.
LINES = """(what) => Array.from(document.querySelectorAll(what), x => {
  const words = document.createRange();
  words.selectNodeContents(x);
  return new Set(Array.from(words.getClientRects(), box => box.top)).size; })"""


@pytest.mark.req("CAP-09", "CAP-10")
def test_with_text_twice_as_large_each_question_starts_in_sight(chromium: Browser, address: str) -> None:
    unfit = set()
    with chromium.new_context(viewport={"width": 320, "height": 568}, has_touch=True) as context:
        tab = context.new_page()
        sizes = {"fontSizes": {"standard": 32, "fixed": 26}}
        context.new_cdp_session(tab).send("Page.setFontSizes", sizes)
        for named, code in itertools.product(INSTRUMENTS, ("en", "zh_CN")):
            last = samples.instrument(INSTRUMENTS[named], "en")[0].items[-1].code
            tab.goto(f"{address}/form/{code}/{named}?at={last}")
            assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
            measure = tab.evaluate(STARTS)
            assert len(measure) == {"qlq": 30, "diary": 22}[named]
            for item, seen in measure.items():
                about = (named, code, item, seen)
                assert seen["on"], about
                assert 0 <= seen["first"] < seen["heading"] <= seen["floor"] - seen["cue"], about
                assert seen["bar"] <= 568 / 4, about
                assert seen["next"] <= 568, about
                assert seen["width"] >= 100, about
                assert seen["beyond"] <= 0, about
                assert (seen["last"] <= seen["floor"]) is not bool(seen["cue"]), about
                if seen[
                    "row"
                ]:  # one below the other, in their order, below what the ends mean; each can be tapped
                    assert seen["row"] == [True, True, "0 10", list(range(11))], about
                unfit |= {f"{named} {item}"} if seen["cue"] else set()
        names = [type(page).__name__ for page in one_of_each()]
        for kind in ("HelpPage", "CallPage", "LogOutPage"):
            tab.goto(f"{address}/one/en/{names.index(kind)}")
            assert set(tab.evaluate(LINES, "[href^='tel:'], .bar .sec")) == {1}, kind
            bar = tab.locator(".bar").evaluate(
                "bar => [bar.offsetHeight, bar.getBoundingClientRect().bottom]"
            )
            assert (bar[0] <= 568 / 4, bar[1] <= 568) == (True, True), (kind, bar)
        calling = every_page("en").index(samples.thanks()[0])
        for code in ("en", "zh_CN"):
            tab.goto(f"{address}/all/{code}/{calling}")
            assert tab.evaluate(LINES, "[href^='tel:'] bdi, .tel")[:2] == [1, 1], code
    assert unfit == reviewed(LARGE)


def cued(tab: Page) -> None:
    """The cue stands until the last option was on the screen, and does not come back."""
    cue = tab.locator("#more")
    expect(cue).to_be_visible()
    tab.evaluate("window.scrollTo(0, 5)")
    expect(cue).to_be_visible()
    tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(cue).to_be_hidden()
    tab.evaluate("window.scrollTo(0, 0)")
    expect(cue).to_be_hidden()


@pytest.mark.req("CAP-09")
@pytest.mark.parametrize("path", ["en/qlq?at=q7&", "zh_CN/diary?at=pain&"])
def test_the_smallest_screens_scroll_with_the_cue_and_next_stays_in_sight(
    chromium: Browser, address: str, path: str
) -> None:
    with chromium.new_context(viewport={"width": 320, "height": 454}) as context:
        tab = context.new_page()
        tab.goto(f"{address}/form/{path}size=extra_large")
        expect(tab.locator("#next")).to_be_in_viewport()
        cued(tab)
        expect(tab.locator("#next")).to_be_in_viewport()
