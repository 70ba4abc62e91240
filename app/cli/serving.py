"""`serve`."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

import uvicorn

from app.clock import now, read_boot_id, read_clocks
from app.domain.refusal import Refused
from app.installation import open_installation
from app.services.audit.clock_confirmation import check_clock
from app.services.core.installation import Installation
from app.services.setup.readiness import find_readiness_faults
from app.services.setup.studies import check_mode
from app.settings import Settings
from app.web.middleware.logs import configure_logging

WORKER_APP = "app.cli.worker:create_worker_app"
DRAIN_SECONDS = 30
"""How long a stopping server lets requests end: longer than any page takes."""
PATIENCE_SECONDS = 30
"""How long a worker may leave the supervisor's ping unanswered before it is killed and started anew.

Uvicorn's own 5 seconds are shorter than a start beside busy neighbours: the workers that were killed
while they still imported started again and made the rest slower. A worker that really hangs is rare, the
others serve meanwhile, and the supervisor, which waits for the answer, still stops within the time that a
stopping server is given anyway.
"""


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
    installation = open_installation(settings)
    try:
        faults = find_readiness_faults(installation, now())
        if faults:
            print(f"daybook: not ready to serve: {', '.join(faults)}; run `daybook migrate`", file=sys.stderr)
            return 1
        check_mode(installation, settings.mode)
        _check_clock_not_behind(installation, settings)
    finally:
        installation.engine.dispose()
    for warning in settings.warnings:
        print(f"daybook: {warning}", file=sys.stderr)
    # Named, not made: the process that watches several workers needs no application of its own.
    serve(WORKER_APP, arguments.host, arguments.port, settings.workers)
    return 0


def _check_clock_not_behind(installation: Installation, settings: Settings) -> None:
    """Refuse to start behind the trail; ahead of it the server takes answers, and waits with all else."""
    try:
        check_clock(installation, read_clocks(), read_boot_id(), settings.clock_gap)
    except Refused as refused:
        if refused.code != "clock_ahead":
            raise


def serve(application: str | Callable[..., object], host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal; requests under way are finished first.

    `application` may be the name of a factory, which every worker calls for itself.
    """
    uvicorn.run(
        application,
        factory=isinstance(application, str),
        workers=workers if workers > 1 else None,
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
