"""Requests byte by byte, as a server hands them to the application; nothing is put right on the way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import orjson
from fastapi import FastAPI

from tests.coroutines import LoopThread

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as bytes: `path` and `query` are percent-encoded already."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        shown = [f"{name.decode()}: {value[:60]!r}" for name, value in self.headers]
        return f"{self.method} {self.path[:120]}?{self.query[:200]} {shown} {self.body[:400]!r}"


@dataclass(frozen=True, slots=True)
class RawResponse:
    """The answer; `failure` is what escaped from the application, if anything did."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    failure: BaseException | None = None


@dataclass(slots=True)
class RawClient:
    """Calls an application without a server; `runner` is the loop that all requests share."""

    app: FastAPI
    runner: LoopThread
    calls: int = field(default=0)

    def ask(self, request: RawRequest) -> RawResponse:
        """Send one request, each from an address of its own, and wait for the whole answer."""
        self.calls += 1
        return self.runner.run(
            _exchange(self.app, request, f"198.51.{self.calls >> 8 & 255}.{self.calls & 255}")
        )


async def _exchange(app: FastAPI, request: RawRequest, source: str) -> RawResponse:
    messages: list[Any] = []
    incoming = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 - an ASGI message
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        messages.append(message)

    failure: BaseException | None = None
    try:
        await app(_scope(request, source), receive, send)
    except Exception as escaped:  # noqa: BLE001 - whatever it is, it is a finding
        failure = escaped
    start = next((each for each in messages if each["type"] == "http.response.start"), None)
    body = b"".join(each.get("body", b"") for each in messages if each["type"] == "http.response.body")
    return RawResponse(
        start["status"] if start else 0, dict(start["headers"]) if start else {}, body, failure
    )


def _scope(request: RawRequest, source: str) -> dict[str, Any]:
    usual = [(b"host", b"testserver"), (b"content-length", str(len(request.body)).encode())]
    named = {name for name, _value in request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [*(pair for pair in usual if pair[0] not in named), *request.headers],
        "client": (source, 40_000),
        "server": ("testserver", 443),
    }


def percent(text: str | bytes, safe: str = "") -> str:
    """Percent-encoded, lone surrogates too, as hostile clients do."""
    return quote(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"), safe=safe)


def form_body(pairs: Pairs) -> bytes:
    """Fields as a browser sends a form."""
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in pairs).encode()


def multipart_body(pairs: Pairs, boundary: str = "frontier") -> bytes:
    """Fields as a browser sends a form with files."""
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (boundary.encode(), percent(name).encode(), value.encode("utf-8", "surrogatepass"))
        for name, value in pairs
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def header_bytes(text: str) -> bytes:
    """A header's value without what no server lets through."""
    return text.encode("utf-8", "surrogatepass").translate(None, b"\x00\r\n")


def json_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON there is
    """JSON as hostile clients write it: lone surrogates and numbers of any size."""
    if isinstance(value, dict):
        return b"{" + b",".join(json_bytes(str(k)) + b":" + json_bytes(v) for k, v in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(json_bytes, value)) + b"]"
    if isinstance(value, str):
        return b'"' + b"".join(_escaped(character) for character in value) + b'"'
    if isinstance(value, bytes):
        return value  # written as it is
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    return orjson.dumps(value)


def _escaped(character: str) -> bytes:
    plain = " " <= character <= "~" and character not in '"\\'
    return character.encode() if plain else b"".join(b"\\u%04x" % unit for unit in _units(character))


def _units(character: str) -> list[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]
