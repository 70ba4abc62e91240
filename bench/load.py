"""Clients that keep a server busy: plain sockets, so that they cost little beside what they measure."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.figures import percentile
from bench.serving import Served

CLIENTS = 8
Requests = Callable[[int], Iterator[bytes]]
"""The messages of each client, by its number."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did: requests a second, and its CPU seconds for each."""

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
    """What the clients of one load share."""

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
        self._held = bytearray()

    def ask(self, message: bytes) -> Answer:
        """Send a request and read its whole response; raises ConnectionError when the server goes away."""
        self._socket.sendall(message)
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            self._read()
        first, *lines = self._held[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(first.split(" ", 2)[1])
        del self._held[: end + 4]
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(self._chunks()))
        return Answer(status, headers, self._take(int(headers.get("content-length", "0"))))

    def _chunks(self) -> Iterator[bytes]:
        while True:
            while (end := self._held.find(b"\r\n")) < 0:
                self._read()
            size = int(self._held[:end], 16)
            del self._held[: end + 2]
            chunk = self._take(size + 2)[:-2]
            if not size:
                return
            yield chunk

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            self._read()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _read(self) -> None:
        part = self._socket.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._held += part

    def close(self) -> None:
        self._socket.close()


def fetch(served: Served, message: bytes) -> Answer:
    """One request by itself."""
    connection = Connection(served.port)
    try:
        return connection.ask(message)
    finally:
        connection.close()


def drive(served: Served, requests: Requests, seconds: float, clients: int = CLIENTS) -> Load:
    """Send each client's requests one after another, warm up, then count for so many seconds.

    Raises RuntimeError when any answer is not a success, or when a client runs out of requests.
    """
    tally = _Tally()
    latencies: list[list[float]] = [[] for _ in range(clients)]
    threads = [
        threading.Thread(target=_one, args=(served, requests(number), tally, latencies[number]))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)
    before, began, tally.counted = served.cpu(), time.monotonic(), True
    time.sleep(seconds)
    # A moment may be too short for one answer, or for one tick of the kernel's clock.
    while not (any(latencies) and served.cpu() > before) and not tally.wrong:
        time.sleep(0.01)
    tally.counted = False
    spent, cpu = time.monotonic() - began, served.cpu() - before
    tally.ended = True
    for thread in threads:
        thread.join()
    taken = [latency for each in latencies for latency in each]
    if tally.wrong or not taken:
        raise RuntimeError(f"answers that were not expected: {tally.wrong[:3] or 'none came'}")
    return Load(len(taken), spent, cpu, taken)


def _one(served: Served, requests: Iterator[bytes], tally: _Tally, latencies: list[float]) -> None:
    connection = Connection(served.port)
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
