"""What large statements cost once and not at each execution."""

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.storage.database import long_statements
from app.storage.database.query_plans import reuse_query_plans

SETTINGS = sa.text("SELECT current_setting('plan_cache_mode'), current_setting('jit')")
LONG = sa.text("SELECT :number + 0 " + "+ 0 " * 2000)


def test_a_long_statement_is_taken_apart_once(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        known = long_statements._number_places.cache_info()
        assert [connection.execute(LONG, {"number": number}).scalar_one() for number in (1, 2, 3)] == [
            1,
            2,
            3,
        ]
        now = long_statements._number_places.cache_info()
        assert now.hits >= known.hits + 2
        assert connection.exec_driver_sql("SELECT 7").scalar_one() == 7


def test_plans_are_reused_in_the_transaction_alone(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        before = connection.execute(SETTINGS).one()
        reuse_query_plans(connection)
        assert tuple(connection.execute(SETTINGS).one()) == ("force_generic_plan", "off")
        connection.commit()
        assert connection.execute(SETTINGS).one() == before
