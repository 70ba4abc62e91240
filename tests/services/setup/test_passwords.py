"""New passwords of staff: long ones of any characters pass, what guessers try first does not."""

import gzip
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.refusal import Refused
from app.services.setup.passwords import (
    COMMON_PASSWORDS,
    LEAST_PASSWORD,
    _common_passwords,
    check_new_password,
)

EMAIL = "wang.fang@example.org"


def verdict(password: str) -> str:
    try:
        check_new_password(password, EMAIL)
    except Refused as refused:
        return refused.code
    return "good"


def test_common_passwords_are_loaded_lazily() -> None:
    _common_passwords.cache_clear()
    assert verdict("justinbieber") == "common_password"


@pytest.mark.req("SEC-06")
@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "abababababab",
        "passwordpassword",
        "123456789012",
        "abcdefghijkl",
        "lkjhgfdsaqwe",
        "1qaz2wsx3edc",
        "Password1234!",
        "2026-sunflower",
        "WANG.FANG2026wang.fang",
        "Daybook123456",
        "justinbieber",
    ],
)
def test_an_easy_password_is_refused(password: str) -> None:
    assert verdict(password) == "common_password"


@pytest.mark.req("SEC-06")
@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "839201748392",
        "小雨下在西湖的桥上我撑伞",
        "Ward 7, bed by the window",
        "k7#vPq!2mZ&x",
    ],
)
def test_any_characters_make_a_good_password(password: str) -> None:
    assert verdict(password) == "good"


@pytest.mark.req("SEC-06")
@given(part=st.text(min_size=1, max_size=8), times=st.integers(2, 30), end=st.integers(0, 7))
def test_a_repetition_is_refused_whatever_is_repeated(part: str, times: int, end: int) -> None:
    password = part * times + part[:end]
    assert verdict(password) == ("common_password" if len(password) >= LEAST_PASSWORD else "weak_password")


@pytest.mark.req("SEC-06")
@given(
    start=st.integers(0, 12),
    back=st.booleans(),
    line=st.sampled_from(["abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"]),
    more=st.text("xK#7", max_size=3),
)
def test_a_sequence_is_refused_wherever_it_begins(start: int, back: bool, line: str, more: str) -> None:
    part = line[start : start + 12]
    assert verdict((part[::-1] if back else part).upper() + more) == "common_password"


@pytest.mark.req("SEC-06")
@given(chosen=st.integers(0, 29_999), year=st.sampled_from(["1985", "2026!", "-0571-0571"]))
def test_a_common_word_with_digits_around_it_is_refused(chosen: int, year: str) -> None:
    word = gzip.decompress(COMMON_PASSWORDS.read_bytes()).decode().split()[chosen]
    password = f"{year}{word.title()}{year}"
    has_letter = any(character.isalpha() for character in word)
    if len(password) >= LEAST_PASSWORD and has_letter and word[0].isalpha() and word[-1].isalpha():
        assert verdict(password) == "common_password"


def test_the_list_is_the_one_that_its_source_note_names() -> None:
    note = (COMMON_PASSWORDS.parent / "SOURCE.md").read_text("utf-8")
    content = COMMON_PASSWORDS.read_bytes()
    named = re.search(r"sha256: `([0-9a-f]+)`", note)
    assert named is not None
    assert hashlib.sha256(content).hexdigest() == named[1]
    assert len(gzip.decompress(content).decode().split()) == 30_000
    assert "30,000 lines" in note
    assert f"{len(content):,} bytes" in note
    assert (COMMON_PASSWORDS.parent / "LICENSE").is_file()
