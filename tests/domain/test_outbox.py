"""What a phone keeps of an answer: signs that tell nothing, checksums, gaps and clocks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capture import Given
from app.domain.outbox import SIGNS, captured_at, checksum, gapless, item_of, signs, skew, unaltered
from app.domain.refusal import Refused

CODES = ["q1", "q2", "q3"]
AT = datetime(2026, 3, 2, 10, 0, 0, 123000, timezone(timedelta(hours=8)))


@pytest.mark.req("OFF-03")
@given(st.integers(0, len(SIGNS)), st.binary(min_size=32, max_size=32))
def test_every_item_has_a_sign_of_its_own(items: int, key: bytes) -> None:
    of_form = signs(items, key)
    assert len(of_form) == len(set(of_form)) == items
    assert signs(items, key) == of_form


@pytest.mark.req("OFF-03")
def test_another_form_has_other_signs() -> None:
    drawn = {signs(30, bytes([number])) for number in range(200)}
    assert len(drawn) == 200
    assert len({of_form[0] for of_form in drawn}) > 30


def test_more_items_than_signs_have_none() -> None:
    assert signs(len(SIGNS) + 1, b"x") == ""


def test_a_sign_is_read_back_and_a_strange_one_is_refused() -> None:
    of_form = signs(3, b"x")
    assert [item_of(sign, of_form, CODES) for sign in of_form] == CODES
    assert item_of("q2", "", CODES) == "q2"
    for strange in ("", of_form[:2], "!"):
        with pytest.raises(Refused, match="unknown_item"):
            item_of(strange, of_form, CODES)


@pytest.mark.req("OFF-02")
def test_a_checksum_stands_for_every_part_of_the_record() -> None:
    answer = Given(1, 0, "q1", 3, AT, offline=True)
    kept = checksum("abc", "c", "a", answer)
    others = [
        checksum("abd", "c", "a", answer),
        checksum("abc", "d", "a", answer),
        checksum("abc", "c", "b", answer),
        checksum("abc", "c", "a", Given(2, 0, "q1", 3, AT)),
        checksum("abc", "c", "a", Given(1, 1, "q1", 3, AT)),
        checksum("abc", "c", "a", Given(1, 0, "q1", None, AT)),
        checksum("abc", "c", "a", Given(1, 0, "q1", 3, AT + timedelta(seconds=1))),
        checksum("abc", "c", "a", Given(1, 0, "q1", 3)),
    ]
    assert kept not in others
    assert unaltered("abc", "c", "a", Given(1, 0, "q1", 3, AT, offline=True, checksum=kept))
    assert not unaltered("abc", "c", "a", Given(1, 0, "q1", 4, AT, offline=True, checksum=kept))
    assert not unaltered("abc", "c", "a", answer)
    assert unaltered("abc", "c", "a", Given(1, 0, "q1", 4, AT))


@pytest.mark.req("TIM-02", "TIM-05", "OFF-04")
def test_a_wrong_clock_is_set_right_by_what_it_showed_when_sending() -> None:
    received = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    assert skew(None, received) is None
    ahead = skew(AT, received)
    assert ahead == 86_400
    assert captured_at(AT - timedelta(hours=1), ahead) == datetime(2026, 3, 3, 1, 0, 0, 123000, UTC)
    assert captured_at(AT, None) == AT
    assert captured_at(None, 5) is None
    assert skew(datetime(2999, 1, 1, tzinfo=UTC), received) == -(2**31 - 1)


@pytest.mark.req("OFF-02")
@pytest.mark.parametrize(
    ("numbers", "known", "whole"),
    [
        ([1], [], True),
        ([2, 3], [1], True),
        ([1, 2, 3], [], True),
        ([3], [1], False),
        ([1, 3], [], False),
        ([2], [], False),
        ([2], [1, 2], True),
    ],
)
def test_a_gap_in_the_numbers_is_seen(numbers: list[int], known: list[int], whole: bool) -> None:
    assert gapless(numbers, frozenset(known)) is whole
