"""The prebuilt statements of saving and sending: what keeps them cheap for the driver."""

from typing import cast

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Engine
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.database import long_statements
from app.storage.database.long_statements import LongStatementCursor
from app.storage.database.write_guard import WriteRefused
from app.storage.queries import form_rows, upcoming_forms
from app.storage.statements import submit_form
from app.storage.statements.save_answers import require_written

DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # it declares no types
HOT: dict[str, sa.ClauseElement] = {
    "read a form": form_rows._BY_TOKEN.statement,
    "read a session": form_rows._SESSION.statement,
    "submit": submit_form._ALL_IN_ONE[0].statement,
    "submit and keep alive": submit_form._ALL_IN_ONE[1].statement,
    "look ahead": upcoming_forms._READ.statement,
}


def test_a_statement_of_any_length_is_taken_apart_once(postgres_engine: Engine) -> None:
    text = f"SELECT %(a)s::int + %(b)s::int, %(a)s::int, '100%%' /* {'long ' * 2000} */"
    with postgres_engine.connect() as connection:
        cursor = cast(LongStatementCursor, connection.connection.cursor())
        before = long_statements._number_parameters.cache_info()
        for a in (2, 3):
            assert cursor.execute(text, {"a": a, "b": 3}).fetchone() == (a + 3, a, "100%")
        cursor.executemany(text, [{"a": 1, "b": 1}, {"a": 2, "b": 2}])
        after = long_statements._number_parameters.cache_info()
        assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)
        assert cursor.execute("SELECT '100%'").fetchone() == ("100%",)


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_is_not_written_anew_for_its_values(name: str) -> None:
    compiled = cast(SQLCompiler, HOT[name].compile(dialect=DIALECT))
    assert not compiled.literal_execute_params
    assert not compiled.post_compile_params


def test_a_write_that_stored_nothing_is_not_reported_as_stored() -> None:
    assert require_written(0) == 0
    with pytest.raises(WriteRefused, match="a locked head has moved"):
        require_written(None)
