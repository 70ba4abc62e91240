"""A cable between browser and server that a test can pull out: what is offline here is so for everybody.

A browser's own offline mode lets through what a page sends while it is closed.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Port = tuple[str, int]


@dataclass(slots=True)
class Cable:
    """Passes everything on while it is in."""

    held: socket.socket
    goal: Port
    is_in: bool = True
    is_laid: bool = True
    ends: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def out(self) -> None:
        """Pull it out: connections end, and new ones end at once."""
        self.is_in = False
        for end in self.ends:
            _end(end)

    def back_in(self) -> None:
        """Connections work again."""
        self.is_in = True

    def take(self) -> None:
        """Join whoever comes with the server, until the cable is taken away."""
        self.held.settimeout(0.05)
        self.held.listen()
        while self.is_laid:
            with suppress(TimeoutError):
                here, _ = self.held.accept()
                self._start(self._join, here)

    def _join(self, here: socket.socket) -> None:
        with here, socket.create_connection(self.goal) as there:
            self.ends += [here, there]
            if not self.is_in:
                return
            here.settimeout(None)
            back = self._start(_pass_on, there, here)
            _pass_on(here, there)
            back.join()

    def _start(self, what: Callable[..., None], *told: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=what, args=told, name="cable")
        self.threads.append(thread)
        thread.start()
        return thread


def _pass_on(source: socket.socket, goal: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            goal.sendall(part)
    _end(source)
    _end(goal)


def _end(side: socket.socket) -> None:
    with suppress(OSError):  # ended already
        side.shutdown(socket.SHUT_RDWR)


@contextmanager
def cable(held: socket.socket, goal: str) -> Iterator[Cable]:
    """Lay it from a bound socket to a server's address."""
    host, port = goal.removeprefix("http://").split(":")
    laid = Cable(held, (host, int(port)))
    taking = threading.Thread(target=laid.take, name="cable")
    taking.start()
    try:
        yield laid
    finally:
        laid.is_laid = False
        taking.join()
        laid.out()
        for thread in laid.threads:
            thread.join()
        held.close()
