"""The statements that reach a database while a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Engine


@contextmanager
def heard(*engines: Engine) -> Iterator[list[str]]:
    """The statements that these engines run inside, but for the beginnings of transactions."""
    statements = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for engine in set(engines):
        sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in set(engines):
        sa.event.remove(engine, "before_cursor_execute", note)


def verbs(statements: list[str]) -> list[str]:
    """The first word of each."""
    return [statement.split(maxsplit=1)[0].upper() for statement in statements]
