"""`serve`."""

import argparse
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from app.cli import ExitCode
from app.cli.worker import load_application, supervise_workers
from app.clock import now, read_boot_id, read_clocks
from app.domain.refusal import Refused
from app.installation import open_installation
from app.services.audit.clock_confirmation import check_clock
from app.services.core.installation import Installation
from app.services.setup.feed_heads import save_heads
from app.services.setup.key_canary import lay_canary
from app.services.setup.readiness import find_readiness_faults, require_connections
from app.services.setup.studies import check_mode
from app.settings import Settings
from app.storage.database.sqlite_file import serving_lock
from app.web.middleware.logs import configure_logging

DRAIN_SECONDS = 30
"""How long a stopping server lets requests end: longer than any page takes."""
PATIENCE_SECONDS = 30
"""How long a worker may leave the supervisor's ping unanswered before it is killed and started anew.

Uvicorn's own 5 seconds are shorter than what busy neighbours may cost a worker. One that really hangs is
rare, the others serve meanwhile, and the supervisor, which waits for the answer, still stops within the time
that a stopping server is given anyway.
"""

_WAYS_OUT = {
    "revision": "run `daybook migrate`",
    "feed_rewound": "the database is older than what clients have read: run `daybook restore --mark`",
    "head_file": "look at the file in DAYBOOK_HEAD_FILE",
    "plan": "a study follows a version of its plan that is not in DAYBOOK_QUESTIONNAIRES",
}


def declare_serve(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `serve`."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--workers", type=int, help="server processes (default: DAYBOOK_WORKERS); SQLite allows one"
    )
    parser.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> int:
    configured = Settings.from_environment()
    settings = replace(configured, workers=arguments.workers or configured.workers)
    settings.check()
    configure_logging()
    with serving_lock(settings.database_url):
        faults = _check_start(settings)
        if faults:
            ways = dict.fromkeys(_WAYS_OUT[fault] for fault in faults if fault in _WAYS_OUT)
            reason = "; ".join([f"not ready to serve: {', '.join(faults)}", *ways])
            print(f"daybook: {reason}", file=sys.stderr)
            return ExitCode.COULD_NOT_LOOK
        for warning in settings.warnings:
            print(f"daybook: {warning}", file=sys.stderr)
        serve_application(load_application(settings), arguments.host, arguments.port, settings.workers)
    return ExitCode.WELL


def _check_start(settings: Settings) -> list[str]:
    """What keeps the installation from serving; raises what an operator can mend."""
    installation = open_installation(settings)
    try:
        require_connections(installation, settings.workers)
        faults = find_readiness_faults(installation, now())
        if not faults:
            check_mode(installation, settings.mode)
            _check_clock_not_behind(installation, settings)
            lay_canary(installation, now())
            save_heads(installation)
        return faults
    finally:
        installation.engine.dispose()


def _check_clock_not_behind(installation: Installation, settings: Settings) -> None:
    """Refuse to start behind the trail; ahead of it the server takes answers, and waits with all else."""
    try:
        check_clock(installation, read_clocks(), read_boot_id(), settings.clock_gap)
    except Refused as refused:
        if refused.code != "clock_ahead":
            raise


def require_free_port(host: str, port: int) -> None:
    """Raise OSError, naming the address, where another program listens: uvicorn would only log it."""
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as taken:
                raise OSError(taken.errno, taken.strerror, f"{host}:{port}") from taken


def serve_application(create: Callable[[], ASGIApp], host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal; requests under way are finished first. Raises OSError for a port that is taken.

    Every worker creates an application for itself.
    """
    require_free_port(host, port)
    config = uvicorn.Config(
        create,
        factory=True,
        workers=workers,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # whose header is believed is a setting, and read by the application
        ws="none",
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=PATIENCE_SECONDS,
    )
    if workers > 1:
        supervise_workers(config)
    else:
        _serve_alone(config)


def _serve_alone(config: uvicorn.Config) -> None:
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # raised once more by a server that was stopped by it
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
