"""What a phone keeps of an answer: signs that tell nothing, checksums, gaps and clocks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.outbox import (
    TOKENS,
    capture_instant,
    checksum_matches,
    clock_skew,
    is_gapless,
    item_of_token,
    item_tokens,
    record_checksum,
)
from app.domain.refusal import Refused

CODES = ["q1", "q2", "q3"]
AT = datetime(2026, 3, 2, 10, 0, 0, 123000, timezone(timedelta(hours=8)))


@pytest.mark.req("OFF-03")
@given(st.integers(0, len(TOKENS)), st.binary(min_size=32, max_size=32))
def test_every_item_has_a_sign_of_its_own(items: int, key: bytes) -> None:
    of_form = item_tokens(items, key)
    assert len(of_form) == len(set(of_form)) == items
    assert item_tokens(items, key) == of_form


@pytest.mark.req("OFF-03")
def test_another_form_has_other_signs() -> None:
    drawn = {item_tokens(30, bytes([number])) for number in range(200)}
    assert len(drawn) == 200
    assert len({of_form[0] for of_form in drawn}) > 30


def test_more_items_than_signs_have_none() -> None:
    assert item_tokens(len(TOKENS) + 1, b"x") == ""


def test_a_sign_is_read_back_and_a_strange_one_is_refused() -> None:
    of_form = item_tokens(3, b"x")
    assert [item_of_token(sign, of_form, CODES) for sign in of_form] == CODES
    assert item_of_token("q2", "", CODES) == "q2"
    for strange in ("", of_form[:2], "!"):
        with pytest.raises(Refused, match="unknown_item"):
            item_of_token(strange, of_form, CODES)


@pytest.mark.req("OFF-02")
def test_a_checksum_stands_for_every_part_of_the_record() -> None:
    answer = SubmittedAnswer(1, 0, "q1", 3, AT, offline=True)
    checksum = record_checksum("abc", "c", "a", answer)
    others = [
        record_checksum("abd", "c", "a", answer),
        record_checksum("abc", "d", "a", answer),
        record_checksum("abc", "c", "b", answer),
        record_checksum("abc", "c", "a", SubmittedAnswer(2, 0, "q1", 3, AT)),
        record_checksum("abc", "c", "a", SubmittedAnswer(1, 1, "q1", 3, AT)),
        record_checksum("abc", "c", "a", SubmittedAnswer(1, 0, "q1", None, AT)),
        record_checksum("abc", "c", "a", SubmittedAnswer(1, 0, "q1", 3, AT + timedelta(seconds=1))),
        record_checksum("abc", "c", "a", SubmittedAnswer(1, 0, "q1", 3)),
    ]
    assert checksum not in others
    assert checksum_matches(
        "abc", "c", "a", SubmittedAnswer(1, 0, "q1", 3, AT, offline=True, checksum=checksum)
    )
    assert not checksum_matches(
        "abc", "c", "a", SubmittedAnswer(1, 0, "q1", 4, AT, offline=True, checksum=checksum)
    )
    assert not checksum_matches("abc", "c", "a", answer)
    assert checksum_matches("abc", "c", "a", SubmittedAnswer(1, 0, "q1", 4, AT))


@pytest.mark.req("TIM-02", "TIM-05", "OFF-04")
def test_a_wrong_clock_is_set_right_by_what_it_showed_when_sending() -> None:
    received = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    assert clock_skew(None, received) is None
    ahead = clock_skew(AT, received)
    assert ahead == 86_400
    assert capture_instant(AT - timedelta(hours=1), ahead) == datetime(2026, 3, 3, 1, 0, 0, 123000, UTC)
    assert capture_instant(AT, None) == AT
    assert capture_instant(None, 5) is None
    assert clock_skew(datetime(2999, 1, 1, tzinfo=UTC), received) == -(2**31 - 1)


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
    assert is_gapless(numbers, frozenset(known)) is whole
