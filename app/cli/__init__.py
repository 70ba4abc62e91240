"""The command line: `daybook <command>`."""

import argparse
import sys
from collections.abc import Sequence

from app.cli import checks, clients, databases, demonstration, packs, scoring, screens, serving, setup
from app.domain.refusal import BadDefinition, Refused
from app.web.refusal_messages import fill_message, message_of

GROUPS = (serving, demonstration, databases, checks, scoring, screens, setup, packs, clients)
"""Each adds its commands; a command's `run` takes the parsed arguments and returns the exit code."""


def build_parser() -> argparse.ArgumentParser:
    """Everything that may be typed after `daybook`."""
    whole = argparse.ArgumentParser(
        prog="daybook",
        description="Patient-reported outcomes for trials. Settings come from DAYBOOK_… variables.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="command")
    for group in GROUPS:
        group.add_to(commands)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: 0 done, 1 found a fault, 2 was given something that cannot be used."""
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except BadDefinition as bad:
        return _stop(str(bad))
    except Refused as refused:
        sentence = fill_message(message_of(refused).sentence, refused)
        return _stop(f"{sentence} [{refused.code}]" if sentence else str(refused))
    except OSError as unusable:
        return _stop(_told(unusable))
    return code


def _told(error: OSError) -> str:
    """Which file could not be used, and why, without the number that the system has for it."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _stop(why: str) -> int:
    print(f"daybook: {why}", file=sys.stderr)
    return 2
