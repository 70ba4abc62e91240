"""Somebody who comes between reading and writing, on PostgreSQL: SQLite takes one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.storage.engine import autocommit_engine


@contextmanager
def move_heads_once(engine: Engine) -> Iterator[None]:
    """Move the head of every audit chain just before the next statement that would move one."""
    stranger, pools = sa.create_engine(engine.url), (engine, autocommit_engine(engine))
    overtakings = 0

    def overtake(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal overtakings
        if "UPDATE audit_chain" in statement and not overtakings:
            overtakings += 1
            with stranger.begin() as other:
                other.execute(sa.text("UPDATE audit_chain SET hash = md5(hash)"))

    for pool in pools:
        sa.event.listen(pool, "before_cursor_execute", overtake)
    yield
    for pool in pools:
        sa.event.remove(pool, "before_cursor_execute", overtake)
    stranger.dispose()
    assert overtakings, "nobody came between"
