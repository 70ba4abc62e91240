"""The processes that serve: one, or several that are forked from a supervisor which has loaded the program.

Uvicorn starts its workers as new interpreters, each of which imports and reads everything anew. A forked
worker shares what was loaded before, and is ready in a fraction of the time and of the memory.
"""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from socket import socket

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.supervisors import multiprocess

from app.cli.loading import load_module
from app.settings import Settings

_YOUNG_OBJECTS = 10_000
"""So many are made before the garbage collector looks at them; its default is less than one form makes."""
_FORKING = get_context("fork")
_HANDLED = frozenset(multiprocess.SIGNALS)
"""The signals that the supervisor has handlers for."""


def load_application(settings: Settings) -> Callable[[], ASGIApp]:
    """Load the program and its files; return what makes the application of one process of them.

    What exists then lives as long as the process: the garbage collector never looks at it again, nor
    touches what workers share. It looks for cycles once in several requests, which leave few of them.
    """
    main = load_module("app.main")
    gc.disable()
    try:
        parts = main.Parts.load(settings)
    finally:
        gc.freeze()
        gc.enable()

    def create() -> ASGIApp:
        app: ASGIApp = main.create_app(settings, parts=parts)
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
        return app

    return create


def supervise_workers(config: Config) -> None:
    """Serve by as many workers as the configuration says, and replace those that die, until a signal."""
    # Uvicorn has no setting for how a worker is started; its supervisor looks up this name for each.
    multiprocess.Process = ForkedProcess  # type: ignore[misc]  # a class that stands in for its base
    multiprocess.Multiprocess(config, [config.bind_socket()]).run()


class ForkedProcess(multiprocess.Process):
    """A worker that begins with what its supervisor has loaded."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.process = _FORKING.Process(target=self.target, args=(sockets,))  # type: ignore[assignment]  # a SpawnProcess there

    def start(self) -> None:
        """Fork; a signal waits until the worker has laid down the handlers of its supervisor."""
        with _blocked_signals():
            super().start()

    def target(self, sockets: list[socket] | None = None) -> None:
        """Run the worker in the forked process."""
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        with suppress(KeyboardInterrupt):  # raised once more by a server that was stopped by it
            super().target(sockets)


@contextmanager
def _blocked_signals() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
