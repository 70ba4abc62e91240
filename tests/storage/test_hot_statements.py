"""The prebuilt statements of saving and sending: what keeps them cheap for the driver."""

from typing import cast

import pytest
import sqlalchemy as sa
from psycopg import _queries
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.queries import form_rows, upcoming_forms
from app.storage.statements import save_answers, submit_form

DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # it declares no types
HOT: dict[str, sa.ClauseElement] = {
    "read before saving": save_answers._READ,
    "save": save_answers._ALL_IN_ONE[0],
    "save and keep alive": save_answers._ALL_IN_ONE[1],
    "read a form": form_rows._BY_TOKEN,
    "read a session": form_rows._SESSION,
    "submit": submit_form._ALL_IN_ONE[0],
    "submit and keep alive": submit_form._ALL_IN_ONE[1],
    "look ahead": upcoming_forms._READ,
}


@pytest.mark.parametrize("name", HOT)
def test_the_driver_takes_a_hot_statement_apart_only_once(name: str) -> None:
    """It forgets how a longer one was taken apart, and does so again for every request."""
    told = HOT[name].compile(dialect=DIALECT)
    assert len(str(told)) < _queries.MAX_CACHED_STATEMENT_LENGTH
    assert len(told.params) < _queries.MAX_CACHED_STATEMENT_PARAMS


@pytest.mark.parametrize(
    "name", ["read a form", "read a session", "submit", "submit and keep alive", "look ahead"]
)
def test_a_hot_statement_is_not_written_anew_for_its_values(name: str) -> None:
    told = cast(SQLCompiler, HOT[name].compile(dialect=DIALECT))
    assert not told.literal_execute_params
    assert not told.post_compile_params
