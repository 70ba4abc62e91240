"""What every table has in common."""

import pytest
from sqlmodel import SQLModel

from app.storage.queries.participant_records import require_value


def _table_classes() -> list[type[SQLModel]]:
    return [mapper.class_ for mapper in SQLModel._sa_registry.mappers]


def test_the_key_of_a_row_is_never_optional() -> None:
    numbered = [kind for kind in _table_classes() if "id" in kind.model_fields]
    assert len(numbered) > 30
    assert [kind.__name__ for kind in numbered if kind.model_fields["id"].annotation is not int] == []


def test_a_column_that_a_line_must_have_is_refused_empty() -> None:
    assert require_value(0) == 0
    with pytest.raises(ValueError, match="is empty"):
        require_value(None)
