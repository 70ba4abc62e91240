"""Clients that put a load on a server: plain sockets, so that they use little CPU themselves."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.figures import percentile
from bench.serving import RunningServer

CLIENTS = 8
Requests = Callable[[int], Iterator[bytes]]
"""The messages of each client, by its number."""


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a load: requests a second, and the server's CPU seconds for each."""

    requests: int
    seconds: float
    cpu: float
    latencies: Sequence[float] = ()
    """Seconds from a request's last byte out to its answer's last byte in, in no order."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.requests

    @property
    def p99(self) -> float:
        """Milliseconds that 99 in 100 requests do not exceed."""
        return percentile(self.latencies, 99) * 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Tally:
    """State shared by the clients of one load."""

    counted: bool = False
    ended: bool = False
    wrong: list[str] = field(default_factory=list)


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """The bytes of one request on a connection that stays open."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def repeating(message: bytes) -> Requests:
    """The same request from every client, for ever."""
    return lambda _client: itertools.repeat(message)


class Connection:
    """One connection of one client."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def ask(self, message: bytes) -> Answer:
        """Send a request and read its whole response; raises ConnectionError when the server goes away."""
        self._socket.sendall(message)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._read()
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(first.split(" ", 2)[1])
        del self._buffer[: end + 4]
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(self._chunks()))
        return Answer(status, headers, self._take(int(headers.get("content-length", "0"))))

    def _chunks(self) -> Iterator[bytes]:
        while True:
            while (end := self._buffer.find(b"\r\n")) < 0:
                self._read()
            size = int(self._buffer[:end], 16)
            del self._buffer[: end + 2]
            chunk = self._take(size + 2)[:-2]
            if not size:
                return
            yield chunk

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._read()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _read(self) -> None:
        part = self._socket.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._buffer += part

    def close(self) -> None:
        self._socket.close()


def fetch(server: RunningServer, message: bytes) -> Answer:
    """Send one request on a connection of its own."""
    connection = Connection(server.port)
    try:
        return connection.ask(message)
    finally:
        connection.close()


def drive(server: RunningServer, requests: Requests, seconds: float, clients: int = CLIENTS) -> Load:
    """Send each client's requests one after another, warm up, then count for so many seconds.

    Raises RuntimeError when any answer is not a success, or when a client runs out of requests.
    """
    tally = _Tally()
    latencies: list[list[float]] = [[] for _ in range(clients)]
    threads = [
        threading.Thread(target=_run_client, args=(server, requests(number), tally, latencies[number]))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)
    before, began, tally.counted = server.cpu(), time.monotonic(), True
    time.sleep(seconds)
    # A moment may be too short for one answer, or for one tick of the kernel's clock.
    while not (any(latencies) and server.cpu() > before) and not tally.wrong:
        time.sleep(0.01)
    tally.counted = False
    spent, cpu = time.monotonic() - began, server.cpu() - before
    tally.ended = True
    for thread in threads:
        thread.join()
    all_latencies = [latency for each in latencies for latency in each]
    if tally.wrong or not all_latencies:
        raise RuntimeError(f"answers that were not expected: {tally.wrong[:3] or 'none came'}")
    return Load(len(all_latencies), spent, cpu, all_latencies)


def _run_client(
    server: RunningServer, requests: Iterator[bytes], tally: _Tally, latencies: list[float]
) -> None:
    connection = Connection(server.port)
    try:
        for message in requests:
            if tally.ended:
                return
            began = time.perf_counter()
            answer = connection.ask(message)
            if tally.counted:
                latencies.append(time.perf_counter() - began)
            if not 200 <= answer.status < 300:
                tally.wrong.append(f"{answer.status} {answer.body[:300]!r}")
                return
        tally.wrong.append("a client had no more requests")
    except OSError as gone:
        tally.wrong.append(str(gone))
    finally:
        connection.close()
