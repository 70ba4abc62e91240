"""On which day a role ends: by the clocks of its site, or of the study where it holds at all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.plans.windows import start_of_day
from app.storage.queries.staff import GrantRules
from tests.domain.trial import SHIPPED, ZONES

moments = st.integers(0, 365 * 24 * 60 * 40).map(
    lambda minutes: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from([*ZONES, "Etc/GMT+12", "Etc/GMT-14"])


@pytest.mark.req("INV-06", "TIM-02")
@given(at=moments, zone=zones, study=zones, ahead=st.integers(-2, 2), everywhere=st.booleans())
@example(datetime(2026, 11, 29, 16, tzinfo=UTC), "Asia/Shanghai", "UTC", 0, False)
@example(datetime(2011, 12, 30, 9, 59, tzinfo=UTC), "UTC", "Pacific/Apia", 0, True)
def test_a_last_day_ends_at_midnight_where_it_counts(
    at: datetime, zone: str, study: str, ahead: int, everywhere: bool
) -> None:
    rules = GrantRules(at, lambda _code, _version: replace(SHIPPED, zone=study))
    counts = study if everywhere else zone
    ends_on = at.date() + timedelta(days=ahead)
    over = start_of_day(ends_on + timedelta(days=1), counts)
    ended = rules.has_ended(ends_on, None if everywhere else zone, "study", "1.0")
    assert ended is (at >= over)
    assert ended or ends_on >= rules.earliest_day  # what the statement leaves out is over
    assert rules.find_day(None if everywhere else zone, "study", "1.0") >= rules.earliest_day
    assert not rules.has_ended(None, zone, "study", "1.0")
