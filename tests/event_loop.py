"""One event loop for all clients of a test process; a client alone starts one for each of its requests."""

from contextlib import ExitStack
from functools import lru_cache

from anyio.from_thread import BlockingPortal, start_blocking_portal

_OPEN = ExitStack()


@lru_cache(maxsize=1)
def shared_portal() -> BlockingPortal:
    """The way into the loop, which starts when a client first asks for it."""
    return _OPEN.enter_context(start_blocking_portal())


def close_portal() -> None:
    """End the loop and its threads, which keep the tracer that they began with; another can be started."""
    _OPEN.close()
    shared_portal.cache_clear()
