"""A bulkhead for each caller: a few requests at once, the others wait in line without a thread.

What one browser asks for may have to wait for a locked row. Each waiting request holds one of the threads and
connections that all callers share, so that without this one busy phone could make everybody wait.
"""

import asyncio
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.errors import is_api_path

AT_ONCE = 4
"""Requests of one caller that are worked on at the same time; as many as a page ever needs."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class _Line:
    """The requests of one caller: those that are in work, and those that wait for one to end."""

    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    requests: int = 0


class CallerQueue:
    """Lets the requests of one caller in one after the other once there are many. Nobody is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.lines: dict[tuple[int, bytes], _Line] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = _caller(scope) if scope["type"] == "http" else b""
        if not caller:
            await self.app(scope, receive, send)
            return
        # A semaphore belongs to one event loop; a server process has one.
        key = id(asyncio.get_running_loop()), caller
        line = self.lines.setdefault(key, _Line())
        line.requests += 1
        try:
            async with line.turns:
                await self.app(scope, receive, send)
        finally:
            line.requests -= 1
            if not line.requests:
                del self.lines[key]


def _caller(scope: Scope) -> bytes:
    """What tells callers apart: a browser's cookies; an EDC's token, for each address that it writes.

    Empty for whom nothing is known, and for what an EDC reads, which waits for news but for no row.
    """
    headers = dict(scope["headers"])
    if not is_api_path(scope["path"]):
        return bytes(headers.get(b"cookie", b""))
    if scope["method"] in _SAFE or b"authorization" not in headers:
        return b""
    return bytes(headers[b"authorization"] + b" " + scope["path"].encode())
