"""Real servers for tests: the program behind a socket, a mail server with its letters, a browser."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp

_PATIENCE_SECONDS = 300.0
"""Only against hanging."""
# No sandbox: tests may run as root, and they open our own pages only. A page of a test is gone before its
# scripts have repaid what it costs to optimise them; axe began anew on every page, and filled a young
# generation of the usual size, which is collected then, dozens of times.
_SCRIPTS = "--no-turbofan --no-maglev --single-threaded-gc --min-semi-space-size=16"
_LAUNCH = ("--no-sandbox", f"--js-flags={_SCRIPTS}")


@contextmanager
def serve_application(app: ASGIApp, listener: socket.socket | None = None) -> Iterator[str]:
    """Serve an application on a free port of this machine; yields its address.

    Give `listener` (from `free_socket`) when the application must know its address beforehand.
    """
    bound = listener or free_socket()
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", log_config=None, lifespan="on", ws="none", proxy_headers=False
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="serving")
    thread.start()
    try:
        _wait_until(lambda: server.started or not thread.is_alive())
        if not server.started:
            raise RuntimeError("the application did not start; its log says why")
        yield socket_address(bound)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)
        bound.close()


def free_socket() -> socket.socket:
    """A bound socket on a port that nobody else can get before it is served."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def free_port() -> int:
    """A port that nobody has at this moment, for a program that opens it itself."""
    with free_socket() as listener:
        return int(listener.getsockname()[1])


def socket_address(listener: socket.socket) -> str:
    """The web address of a bound socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class Mailbox:
    """A mail server's address and the letters that it took, in order.

    Without slots: on Python 3.11.2 aiosmtpd, which looks at every attribute, stumbles over theirs.
    """

    url: str = ""
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name in aiosmtpd
        """Keep one letter."""
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        self.letters.append(message_from_bytes(raw, policy=policy.default))
        return "250 kept"


@contextmanager
def serve_mailbox(box: Mailbox | None = None) -> Iterator[Mailbox]:
    """A real SMTP server on a free port; yields its address and what arrives."""
    box = box or Mailbox()
    # A loop of its own thread: the browser's driver already runs one in the main thread.
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=_run, args=(loop, _take_letters(box, stop)), name="mailbox")
    thread.start()
    try:
        _wait_until(lambda: bool(box.url))
        yield box
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_PATIENCE_SECONDS)


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, None]) -> None:
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


async def _take_letters(box: Mailbox, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await stop.wait()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """The system's Chromium without a window: its shell that has none, where there is one."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        raise RuntimeError("no chromium on this machine: on Debian, as root, `sh .ci/setup dev` installs it")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_LAUNCH)
        yield browser
        browser.close()


def _wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"nothing happened in {_PATIENCE_SECONDS:.0f} seconds")
        time.sleep(0.01)
