"""`health`: asks over HTTP, so that it needs nothing of the server's own code."""

import argparse
import sys
import urllib.error
import urllib.request

from app.cli import ExitCode
from app.domain.refusal import BadDefinition

TIMEOUT_SECONDS = 5


def declare_health(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `health`."""
    parser.add_argument("--url", default="http://127.0.0.1:8000/readyz")
    parser.set_defaults(run=run_health)


def run_health(arguments: argparse.Namespace) -> int:
    """Print what the server answers; 1 when it is not ready, 3 when it does not answer."""
    if not arguments.url.startswith(("http://", "https://")):
        raise BadDefinition("command line", "--url", arguments.url, "expected http://… or https://…")
    try:
        with urllib.request.urlopen(arguments.url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            print(answer.read().decode())
            return ExitCode.WELL
    except urllib.error.HTTPError as not_ready:
        print(not_ready.read().decode(), file=sys.stderr)
    except OSError as away:
        raise OSError(f"{arguments.url}: {away}") from away
    return ExitCode.FAULT_FOUND
