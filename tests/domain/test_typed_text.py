"""What is typed is read in one way: at full width, composed or not, with whatever mark for decimals."""

import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.windows import start_of_day
from app.domain.refusal import Refused
from app.domain.typed_text import (
    EARLIEST_DAY,
    LATEST_DAY,
    check_day,
    drop_unwritable,
    is_writable,
    narrow_address,
    narrow_number,
    narrow_text,
    parse_day,
    password_spellings,
    trim_words,
)

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
ZONES = ("Asia/Shanghai", "Pacific/Kiritimati", "America/Adak")


@given(VISIBLE)
def test_every_sign_has_its_full_width_twin(text: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in text)
    assert narrow_text(wide) == text
    assert narrow_text(f"\u3000 {text}\n") == text
    assert narrow_address(f" {wide}") == text.lower()


@given(VISIBLE, st.sampled_from("\u200b\u200e\u202a\u2060\ufeff\u00ad"))
def test_what_nobody_sees_is_no_part_of_a_code(text: str, invisible: str) -> None:
    assert narrow_text(invisible.join(("", *text, ""))) == text


@pytest.mark.parametrize(
    "dash", ["\u2014\u2014", "\u2014", "\u2013", "\u2010", "\u2011", "\u2212", "\uff0d", "\u30fc"]
)
def test_every_dash_of_a_code_is_a_hyphen(dash: str) -> None:
    assert narrow_text(f"0571{dash}001") == "0571-001"
    assert narrow_text("a--b") == "a--b"
    assert parse_day(f"2026{dash}03{dash}02", "on") == date(2026, 3, 2)


@pytest.mark.parametrize("typed", ["38.5", "38,5", "３８．５", "３８，５", "38。5", "38｡5", " 38.5\n"])
def test_every_decimal_mark_is_a_point(typed: str) -> None:
    assert narrow_number(typed) == "38.5"


@given(st.text())
def test_a_password_is_composed_and_then_as_typed(typed: str) -> None:
    spellings = password_spellings(typed)
    assert spellings[0] == unicodedata.normalize("NFC", typed)
    assert set(spellings) == {spellings[0], typed}
    assert len(spellings) == len(set(spellings))


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))), st.characters(categories=("Cc", "Cs")))
def test_control_characters_and_lone_surrogates_cannot_be_stored(text: str, sign: str) -> None:
    assert is_writable(text)
    assert is_writable(text, lines=False)
    assert is_writable(text + sign) is (sign in "\t\r\n")
    assert not is_writable(sign + text, lines=False)
    assert drop_unwritable(text + sign) == (text + sign if sign in "\t\r\n" else text)


@given(st.dates())
def test_a_day_of_a_trial_never_overflows(day: date) -> None:
    if EARLIEST_DAY <= day <= LATEST_DAY:
        assert parse_day(f" {day.isoformat()} ", "on") == check_day(day, "on") == day
        for zone in ZONES:
            assert start_of_day(day, zone) < start_of_day(day + timedelta(days=1), zone)
    else:
        with pytest.raises(Refused, match="impossible_date"):
            parse_day(day.isoformat(), "on")


@pytest.mark.parametrize("typed", ["", "today", "2026-02-30", "0000-01-01", "2026-3-2", "٢٠٢٦-٠٣-٠٢"])
def test_what_is_no_day_is_refused_in_words(typed: str) -> None:
    with pytest.raises(Refused, match="bad_date"):
        parse_day(typed, "on")


def test_a_day_at_full_width_is_that_day() -> None:
    assert parse_day("２０２６－０３－０２", "on") == date(2026, 3, 2)


@given(
    st.text("\u200b\u200d\u2060\ufeff\u00ad\u115f\u1160\u2800\u3164\uffa0\ufe0f\u0301\u3000\t\n "), VISIBLE
)
def test_words_that_nobody_sees_are_no_words(unseen: str, words: str) -> None:
    assert trim_words(unseen) == ""
    assert trim_words(f" {unseen}{words}x\u3000").endswith(f"{words}x")
    assert all(trim_words(each) == each for each in ("。", "-", "痛", "☺", "7"))
