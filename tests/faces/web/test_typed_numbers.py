"""Phone and server read a typed number alike: one table of texts, and drawn ones, tried on both."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, expect

from app.domain.instruments.responses import format_answer
from tests.faces.phones import Phone, phone_with
from tests.faces.typed_numbers import (
    BLANK,
    REFUSED,
    TABLE,
    build_instrument,
    build_page,
    read_on_phone,
    read_on_server,
)
from tests.page_time import forward_clock, take_turns

INSTRUMENT = build_instrument()
STORED = [(code, typed, value) for code, row in TABLE.items() for typed, value in row["stored"]]
UNREAD = [
    (code, typed, outcome)
    for code, row in TABLE.items()
    for outcome in (BLANK, REFUSED)
    for typed in row[outcome]
]
PROMPTS = {
    BLANK: "You have not answered this question.",
    REFUSED: "Enter a number in the range above the box.",
}

MARKS = ".,．，。｡"
WIDE = dict(zip("0123456789-", "０１２３４５６７８９－", strict=True))
BLANKS = st.text(st.sampled_from(" \u3000\ufeff\u00a0\t"), max_size=2)
NOISE = st.text(st.sampled_from("0９.，、+-−eEx \x1c\x85\u200b"), max_size=1)
ANYTHING = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=6)
"""Any sign that Python knows; a browser that knows more of them makes the same of these."""


@st.composite
def near_numbers(draw: st.DrawFn) -> str:
    """A number of some decimals as keyboards write it, and sometimes with a sign too many."""
    steps, decimals = draw(st.integers(0, 10_000)), draw(st.integers(0, 4))
    number = f"{steps / 10**decimals:.{decimals}f}" + draw(st.sampled_from(["", "", "0", "0000", "000000"]))
    signs = [draw(st.sampled_from(MARKS if sign == "." else [sign, WIDE[sign]])) for sign in number]
    index = draw(st.integers(0, len(signs)))
    signs[index:index] = draw(NOISE) if draw(st.booleans()) else ""
    return draw(BLANKS) + "".join(signs) + draw(BLANKS)


TEXTS = st.lists(st.tuples(st.sampled_from(list(TABLE)), near_numbers() | ANYTHING), min_size=1, max_size=40)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    yield from phone_with(chromium, build_page(INSTRUMENT))


def fill_in(phone: Phone, texts: Iterable[str]) -> None:
    """Answer every question, up to the review."""
    for text in texts:
        phone.page.fill(".q.on input:not([type])", text)
        phone.next()
    expect(phone.page.locator("#review")).to_be_visible()


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(("code", "typed", "value"), [*STORED, *UNREAD])
def test_the_server_reads_a_text_as_the_table_says(code: str, typed: str, value: object) -> None:
    assert read_on_server(INSTRUMENT, code, typed) == value


@pytest.mark.req("CAP-12")
def test_the_phone_reads_every_text_as_the_table_says(phone: Phone) -> None:
    stored = read_on_phone(phone, [(code, typed) for code, typed, _value in STORED])
    assert [(each.entered, each.value) for each in stored] == [(typed, value) for _, typed, value in STORED]
    unread = read_on_phone(phone, [(code, typed) for code, typed, _outcome in UNREAD])
    assert [each for each in unread if each.value is not None] == []


def test_the_phone_says_whether_there_is_no_answer_or_no_number(phone: Phone) -> None:
    forward_clock(phone.page)
    for code, typed, outcome in UNREAD:
        if code == next(iter(TABLE)):
            field = phone.page.locator(".q.on input:not([type])")
            field.evaluate("(field, text) => { field.value = text; }", typed)
            phone.page.click("#next")
            assert phone.page.inner_text("#why") == PROMPTS[outcome], ascii(typed)


@pytest.mark.req("CAP-12")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS)
def test_any_text_is_read_alike(phone: Phone, texts: list[tuple[str, str]]) -> None:
    """The server reads alike what was typed, what the field then says, and what is written of the value."""
    for (code, _typed), reading in zip(texts, read_on_phone(phone, texts), strict=True):
        read = read_on_server(INSTRUMENT, code, reading.entered)
        assert reading.value == (None if read in (BLANK, REFUSED) else read), ascii((code, reading.entered))
        assert read_on_server(INSTRUMENT, code, reading.field) == read
        if reading.value is not None:
            assert (
                read_on_server(INSTRUMENT, code, format_answer(INSTRUMENT.get_item(code), reading.value))
                == read
            )


def test_the_review_shows_the_stored_number(phone: Phone) -> None:
    typed = {"temperature": "３８，５", "share": "8。4", "distance": " 1.00500", "count": "007.0"}
    stored = {"temperature": 385, "share": 840, "distance": 1005, "count": 7}
    fill_in(phone, typed.values())
    shown = phone.page.locator("#rows dd:nth-of-type(1)").all_inner_texts()
    assert shown == ["38.5", "8.4", "1.005", "7"]
    spelled = [format_answer(INSTRUMENT.get_item(code), value) for code, value in stored.items()]
    assert [Decimal(each) for each in shown] == [Decimal(each) for each in spelled]
    phone.next()
    phone.page.wait_for_url("**/done")
    phone.expect_values(*stored.values())
    (submission,) = phone.desk.submissions
    assert [submission[code] for code in typed] == ["38.5", "8.4", "1.005", "7"]


def test_an_impossible_number_is_neither_reviewed_nor_submitted(phone: Phone) -> None:
    """A question opened from the review, made impossible, and left by the browser's own Back."""
    fill_in(phone, ["38.5", "1", "1", "1"])
    phone.page.click("#rows a >> nth=0")
    phone.page.fill(".q.on input:not([type])", "38.55")
    phone.page.go_back()
    expect(phone.page.locator("#s-temperature")).to_be_visible()
    assert not phone.page.is_visible("#review")
    phone.next()
    assert phone.page.inner_text("#why") == PROMPTS[REFUSED]
    assert phone.desk.submissions == []


def test_a_refused_form_is_not_resubmitted_automatically(phone: Phone) -> None:
    phone.desk.submit = 422
    fill_in(phone, ["38.5", "1", "1", "1"])
    phone.next()
    expect(phone.page.get_by_role("heading", name="Thanks")).to_be_visible()
    # The script's, then the browser's own: that page would say what is wrong.
    assert len(phone.desk.submissions) == 2
    phone.desk.page = build_page(INSTRUMENT, {"temperature": 385, "share": 100, "distance": 1000, "count": 1})
    phone.page.goto(f"{phone.url}/f/x")
    expect(phone.page.locator("#review")).to_be_visible()
    take_turns(phone.page, 10)
    assert len(phone.desk.submissions) == 2
