"""One event loop for all clients of a test process; a client alone starts one for each of its requests."""

from contextlib import ExitStack
from functools import lru_cache

from anyio.from_thread import BlockingPortal, start_blocking_portal

_OPEN = ExitStack()


@lru_cache(maxsize=1)
def shared_portal() -> BlockingPortal:
    """The way into the loop, which starts when the first client asks for it."""
    return _OPEN.enter_context(start_blocking_portal())


def close_portal() -> None:
    """End the loop, when the last test has ended; the process would wait for its thread."""
    _OPEN.close()
