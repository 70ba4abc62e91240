"""The statements of the busiest acts that write: compiled once for each database, and run by its driver."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.database.plain_statements import BoundValues, CompiledText, compile_plainly, run_plainly


def _count_rows(cursor: Any) -> int:  # noqa: ANN401 - the driver's own
    return int(cursor.rowcount)


class PlainWrite:
    """A statement that writes, with all of its values under their names, of which none is a list.

    What it writes is compared with what the connection may write, as that of any other statement.
    """

    def __init__(self, statement: sa.UpdateBase) -> None:
        self.statement = statement
        self._texts: dict[str, CompiledText] = {}

    def execute(self, connection: Connection, values: BoundValues) -> int:
        """How many rows it wrote, in the transaction of this connection if one has begun.

        Raises WriteRefused for what may not be written now, and as `run_plainly`.
        """
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = compile_plainly(self.statement, connection.dialect, values)
        return run_plainly(connection, text, values, _count_rows)
