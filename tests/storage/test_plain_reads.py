"""Reads that bypass SQLAlchemy's execution say what it says, are heard, and fail under the same names."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.domain.refusal import DatabaseUnavailable
from app.domain.today.reasons import Reason
from app.storage.database.plain_reads import PlainRead
from app.storage.tables.columns import Moment, enum_type, json_type
from tests.heard import heard

NOW = datetime(2026, 11, 30, 5, 6, 7, 89, UTC)
_VALUES = sa.select(
    sa.cast(sa.bindparam("at", type_=Moment()), Moment()).label("at"),
    sa.bindparam("on", type_=sa.Date()).label("on"),
    sa.bindparam("reason", type_=enum_type(Reason)).label("reason"),
    sa.cast(sa.bindparam("document", type_=json_type()), json_type()).label("document"),
    sa.literal("100%").label("share"),
    sa.literal(Reason.call, enum_type(Reason)).label("other"),
    sa.bindparam("number", type_=sa.Integer).in_(sa.bindparam("some", expanding=True)).label("among"),
    sa.bindparam("number", type_=sa.Integer).in_([7, 8]).label("fixed"),
)


_VALUE = {"at": NOW, "on": date(2026, 2, 28), "reason": Reason.diary, "document": {"a": [1]}, "number": 4}
_ABSENT: sa.Select[tuple[object]] = sa.select(sa.column("x")).select_from(sa.table("nowhere"))


def test_values_of_every_type_come_as_they_do_by_sqlalchemy(engine: Engine) -> None:
    read = PlainRead(_VALUES)
    with engine.connect() as connection:
        for some in ([], [1], [3, 4], [4]):
            values = _VALUE | {"some": some}
            with heard(engine) as statements:
                row = connection.execute(_VALUES, values).one()
                assert [read.fetch(connection, values) for _again in range(2)] == [[tuple(row)]] * 2
            assert len(statements) == 3
            assert (row.at, row.reason, row.share, bool(row.among)) == (NOW, Reason.diary, "100%", 4 in some)


def test_what_fails_is_named_and_a_lost_connection_is_never_used_again(engine: Engine) -> None:
    driver = engine.dialect.loaded_dbapi.Error
    with engine.connect() as connection:
        connection.begin()
        with pytest.raises(driver, match="nowhere"):
            PlainRead(_ABSENT).fetch(connection, {})
        assert not connection.invalidated
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.close()
        with pytest.raises((DatabaseUnavailable, driver)):
            PlainRead(_ABSENT).fetch(connection, {})
        assert connection.invalidated
