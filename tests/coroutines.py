"""Running coroutines apart from the test's own thread, in which a browser's driver keeps an event loop."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """A thread with an event loop of its own; use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Wait for this coroutine and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run one coroutine in a loop of its own."""
    with LoopThread() as loop:
        return loop.run(work)
