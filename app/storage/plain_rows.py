"""Rows of the hot paths: the attributes of a table's class, without what the ORM needs to watch them.

To build objects of five classes for one sending, none of which is ever flushed, cost more than reading
their rows did.
"""

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import TypeVar, cast

from sqlmodel import SQLModel

_Kind = TypeVar("_Kind", bound=SQLModel)


def plain_row(kind: type[_Kind], values: Mapping[str, object]) -> _Kind:
    """A row as prebuilt statements read or write it: these attributes and no others."""
    return cast(_Kind, _plain(kind)(**values))


@cache
def _plain(kind: type[SQLModel]) -> type[SimpleNamespace]:
    return type(kind.__name__, (SimpleNamespace,), {"__tablename__": kind.__tablename__})
