"""What large statements cost once and not at each execution."""

import sqlalchemy as sa
from psycopg import _queries
from sqlalchemy.engine import Engine

LONG = sa.text("SELECT :number + 0 " + "+ 0 " * 2000)


def test_a_long_statement_is_taken_apart_once(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        known = _queries._query2pg.cache_info()
        assert [connection.execute(LONG, {"number": number}).scalar_one() for number in (1, 2, 3)] == [
            1,
            2,
            3,
        ]
        now = _queries._query2pg.cache_info()
        assert now.hits >= known.hits + 2
        assert connection.exec_driver_sql("SELECT 7").scalar_one() == 7
