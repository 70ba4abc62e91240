"""The statements that reach a database while a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.storage.engine import page_engine


@contextmanager
def record_statements(*engines: Engine) -> Iterator[list[str]]:
    """The statements that these engines and their pools of pages run inside, but for BEGIN."""
    statements = list[str]()
    every = {*engines, *map(page_engine, engines)}

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for engine in every:
        sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in every:
        sa.event.remove(engine, "before_cursor_execute", note)


def statement_verbs(statements: list[str]) -> list[str]:
    """The first word of each."""
    return [statement.split(maxsplit=1)[0].upper() for statement in statements]
