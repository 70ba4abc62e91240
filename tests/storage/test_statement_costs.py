"""What large statements cost once and not at each execution."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.storage.database import long_statements
from app.storage.database.page_connections import open_page_connection
from app.storage.database.plain_reads import PlainRead
from app.storage.database.write_guard import WriteRefused
from app.storage.tables.participants import Snooze

SETTINGS = PlainRead(
    sa.select(
        *(
            sa.func.current_setting(sa.literal_column(f"'{name}'"))
            for name in ("plan_cache_mode", "jit", "default_transaction_read_only")
        )
    )
)
LONG = sa.text("SELECT :number + 0 " + "+ 0 " * 2000)


def test_a_long_statement_is_taken_apart_once(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        known = long_statements._number_parameters.cache_info()
        assert [connection.execute(LONG, {"number": number}).scalar_one() for number in (1, 2, 3)] == [
            1,
            2,
            3,
        ]
        now = long_statements._number_parameters.cache_info()
        assert now.hits >= known.hits + 2
        assert connection.exec_driver_sql("SELECT 7").scalar_one() == 7


def test_plans_are_reused_by_pages_alone(postgres_engine: Engine) -> None:
    with open_page_connection(postgres_engine) as connection:
        assert SETTINGS.fetch(connection, {}) == [("force_generic_plan", "off", "on")]
        assert not connection.in_transaction()
        with pytest.raises(WriteRefused):
            connection.execute(sa.delete(Snooze))
    with postgres_engine.connect() as connection:
        assert SETTINGS.fetch(connection, {})[0][0] == "auto"
