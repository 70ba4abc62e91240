"""A cursor of the driver that takes a statement apart once, and not at each execution.

The driver remembers how it turned a statement's placeholders into the server's only up to 4,096 characters,
because longer ones are seldom the same twice. Ours are few and the same all day: to take the work list's
apart anew cost more than to run it. So they are numbered here, for the driver's cursor that takes the
server's own placeholders.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NoReturn, Self, cast

from psycopg import RawCursor
from psycopg.abc import Params, Query

from app.storage.database.guarded_connections import PostgresqlConnection
from app.storage.database.write_guard import WriteRefused

_CACHE_SIZE = 1024
"""Statements that are remembered: more than the program has, each in the few forms that it is asked in."""
_PARAMETER = re.compile(r"%(?:%|\((\w+)\)s)")


class LongStatementCursor(RawCursor[Any]):
    """The driver's cursor with a memory for statements of any length; values are given by their names.

    It executes what the guard of its connection lets it.
    """

    def execute(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Execute a statement with values by name, or one without values as it stands."""
        self._check(query)
        if isinstance(query, str) and isinstance(params, Mapping):
            numbered, names = _number_parameters(query)
            return super().execute(numbered, [params[name] for name in names], prepare=prepare, binary=binary)
        return super().execute(query, params, prepare=prepare, binary=binary)  # type: ignore[arg-type, misc]  # as it came

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """Execute a statement once for each of these values by name."""
        self._check(query)
        numbered, names = _number_parameters(cast(str, query))
        every = cast(Iterable[Mapping[str, Any]], params_seq)
        super().executemany(
            numbered, [[values[name] for name in names] for values in every], returning=returning
        )

    def _refuse(self, *_arguments: object, **_settings: object) -> NoReturn:
        raise WriteRefused("not on a connection that is guarded")

    stream = copy = _refuse

    def _check(self, statement: object) -> None:
        cast(PostgresqlConnection, self.connection).write_guard.check_statement(statement)


@lru_cache(maxsize=_CACHE_SIZE)
def _number_parameters(query: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1` for `%(name)s`, and the names by their numbers; `%%` is a percent sign.

    As bytes, by which the driver finds what it prepared, so that they are hashed once.
    """
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return "%" if match[1] is None else f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    return _PARAMETER.sub(number, query).encode(), tuple(numbers)
