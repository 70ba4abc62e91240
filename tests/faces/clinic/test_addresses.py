"""The place in a list that an address names is the very place at which the page before it ended."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.clinic.frame.addresses import build_address, format_cursor_moment, parse_cursor_moment

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone


@given(MOMENTS)
def test_a_list_position_is_exact_to_the_microsecond(at: datetime) -> None:
    assert parse_cursor_moment(format_cursor_moment(at)) == at


def test_an_invalid_list_position_is_none() -> None:
    assert [parse_cursor_moment(text) for text in ("", "-1", "1.5", "٣", "9" * 18, "9" * 19)] == [None] * 6


def test_an_empty_choice_does_not_stand_in_an_address() -> None:
    assert build_address("/x", {"site": "", "q": "a b"}) == "/x?q=a+b"
    assert build_address("/x", {"site": ""}) == "/x"
