"""What every table has in common."""

import pytest

from app.storage.queries.participant_records import require_value
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from tests.services.people import START


def test_a_stored_row_has_a_key_and_an_unsaved_one_is_refused() -> None:
    row = Participant(
        public_id="p",
        study_id=1,
        site_id=1,
        subject="0571-001",
        plan_version="1.0",
        zone="Asia/Shanghai",
        language="en",
        enrolled_at=START,
    )
    with pytest.raises(ValueError, match="not saved"):
        key_of(row)
    row.id = 7
    assert key_of(row) == 7


def test_a_column_that_a_line_must_have_is_refused_empty() -> None:
    assert require_value(0) == 0
    with pytest.raises(ValueError, match="is empty"):
        require_value(None)
