"""A cable between browser and server that a test can pull out: what is offline here is so for everybody.

A browser's own offline mode lets through what a page sends while it is closed.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Port = tuple[str, int]


@dataclass(slots=True)
class Cable:
    """Passes everything on while it is in."""

    loop: asyncio.AbstractEventLoop
    goal: Port
    is_in: bool = True
    ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def out(self) -> None:
        """Pull it out: connections end, and new ones are closed at once."""
        self.is_in = False
        self.loop.call_soon_threadsafe(self._cut)

    def back_in(self) -> None:
        """Connections work again."""
        self.is_in = True

    def _cut(self) -> None:
        for end in self.ends:
            end.transport.abort()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as both sides and the cable hold."""
        if not self.is_in:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self.goal)
        self.ends |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        self.ends -= {writer, back}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        except OSError:
            pass  # an end was cut or closed, which ends the other below
        writer.close()


@contextmanager
def cable(held: socket.socket, goal: str) -> Iterator[Cable]:
    """Lay it from a bound socket to a server's address."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    host, port = goal.removeprefix("http://").split(":")
    laid = Cable(loop, (host, int(port)))

    async def serve() -> None:
        server = await asyncio.start_server(laid.join, sock=held)
        async with server:
            await stop.wait()
        passing = asyncio.all_tasks() - {asyncio.current_task()}
        for each in passing:
            each.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="cable")
    thread.start()
    try:
        yield laid
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
