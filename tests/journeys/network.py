"""The network between browser and server, which a test can cut: what is offline here is so for everybody.

A browser's own offline mode lets through what a page sends while it is closed.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Port = tuple[str, int]


@dataclass(slots=True)
class Network:
    """A proxy that passes everything on while it is connected."""

    listener: socket.socket
    goal: Port
    is_connected: bool = True
    is_open: bool = True
    ends: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def disconnect(self) -> None:
        """End every connection, and each new one at once."""
        self.is_connected = False
        for end in self.ends:
            _end(end)

    def reconnect(self) -> None:
        """Connections work again."""
        self.is_connected = True

    def accept_connections(self) -> None:
        """Join whoever comes with the server, until the proxy is closed."""
        self.listener.settimeout(0.05)
        self.listener.listen()
        while self.is_open:
            with suppress(TimeoutError):
                here, _ = self.listener.accept()
                self._start(self._join, here)

    def _join(self, here: socket.socket) -> None:
        with here, socket.create_connection(self.goal) as there:
            self.ends += [here, there]
            if not self.is_connected:
                return
            here.settimeout(None)
            back = self._start(_pass_on, there, here)
            _pass_on(here, there)
            back.join()

    def _start(self, what: Callable[..., None], *ends: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=what, args=ends, name="network")
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
def network(listener: socket.socket, goal: str) -> Iterator[Network]:
    """Open it from a bound socket to a server's address."""
    host, port = goal.removeprefix("http://").split(":")
    proxy = Network(listener, (host, int(port)))
    accepting = threading.Thread(target=proxy.accept_connections, name="network")
    accepting.start()
    try:
        yield proxy
    finally:
        proxy.is_open = False
        accepting.join()
        proxy.disconnect()
        for thread in proxy.threads:
            thread.join()
        listener.close()
