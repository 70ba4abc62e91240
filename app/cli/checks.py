"""`check-questionnaires` and `verify-audit`."""

import argparse
import sys
from pathlib import Path

from app.cli.commands import Commands, command
from app.domain.refusal import BadDefinition
from app.main import open_installation
from app.services.golden import check_golden
from app.services.publishing import publish
from app.services.trail import verify
from app.settings import Settings
from app.storage.library import load


def add_to(commands: Commands) -> None:
    """Add these commands."""
    told = "read every instrument, text and plan, and run the golden rows"
    check = command(commands, "check-questionnaires", told, run_check)
    check.add_argument(
        "--publish", action="store_true", help="lock the digests of new files; locked ones never change"
    )
    command(commands, "verify-audit", "check every link of the audit trail and the feed", run_verify)


def run_verify(_arguments: argparse.Namespace) -> int:
    found = verify(open_installation(Settings.from_environment()))
    for fault in found:
        print(f"{fault.chain} {fault.seq}: {fault.what}", file=sys.stderr)
    print(f"{len(found)} faults in the trail." if found else "The trail is whole.")
    return 1 if found else 0


def run_check(arguments: argparse.Namespace) -> int:
    root = Settings.from_environment().questionnaires
    try:
        _check(root, arguments.publish)
    except BadDefinition as bad:
        print(f"daybook: {bad}", file=sys.stderr)
        return 1
    return 0


def _check(root: Path, publishing: bool) -> None:
    library = load(root)
    agreed = check_golden(library)
    print(f"{len(library.instruments)} instruments, {len(library.texts)} texts, {len(library.plans)} plans")
    for each in agreed:
        print(f"{each.instrument}: {each.rows} golden rows, {each.values} scores agree.")
    for name in publish(root) if publishing else ():
        print(f"published {name}")
