"""`serve` and `health`."""

import argparse
import sys
import urllib.error
import urllib.request
from dataclasses import replace

import uvicorn

from app.cli.commands import Commands, add_command
from app.clock import now
from app.main import create_app, open_installation
from app.services.setup.readiness import find_readiness_faults
from app.services.setup.studies import check_mode
from app.settings import Settings
from app.web.middleware.logs import configure_logging

DRAIN_SECONDS = 30
"""How long a stopping server lets requests end: longer than any page takes."""


def add_to(commands: Commands) -> None:
    """Add these commands."""
    serve = add_command(commands, "serve", "serve participants, staff and the EDC", run_serve)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument(
        "--workers", type=int, help="server processes (default: DAYBOOK_WORKERS); SQLite allows one"
    )
    health = add_command(commands, "health", "ask a running server whether it is ready", run_health)
    health.add_argument("--url", default="http://127.0.0.1:8000/readyz")


def run_serve(arguments: argparse.Namespace) -> int:
    told = Settings.from_environment()
    settings = replace(told, workers=arguments.workers or told.workers)
    settings.check()
    configure_logging()
    installation = open_installation(settings)
    found = find_readiness_faults(installation, now())
    if found:
        print(f"daybook: not ready to serve: {', '.join(found)}; run `daybook migrate`", file=sys.stderr)
        return 1
    check_mode(installation, settings.mode)
    serve(settings, arguments.host, arguments.port)
    return 0


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until a signal; requests under way are finished first."""
    # Several processes each make their own application from the environment.
    several = settings.workers > 1
    uvicorn.run(
        "app.main:from_environment" if several else create_app(settings),
        factory=several,
        workers=settings.workers if several else None,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def run_health(arguments: argparse.Namespace) -> int:
    if not arguments.url.startswith(("http://", "https://")):
        raise OSError(f"--url {arguments.url}: expected http://… or https://…")
    try:
        with urllib.request.urlopen(arguments.url, timeout=5) as answer:  # noqa: S310 - the scheme is checked above
            print(answer.read().decode())
            return 0
    except urllib.error.HTTPError as not_ready:
        print(not_ready.read().decode(), file=sys.stderr)
    except OSError as away:
        print(f"daybook: {arguments.url}: {away}", file=sys.stderr)
    return 1
