"""`check-questionnaires` and `verify-audit`."""

import argparse
import sys
from pathlib import Path

from app.cli.commands import Commands, add_command
from app.definitions.golden import check_golden
from app.definitions.library import load_library
from app.definitions.publishing import publish_definitions
from app.domain.refusal import BadDefinition
from app.main import open_installation
from app.services.audit.audit_verification import verify_trail
from app.settings import Settings


def add_to(commands: Commands) -> None:
    """Add these commands."""
    told = "read every instrument, text and plan, and run the golden rows"
    check = add_command(commands, "check-questionnaires", told, run_check)
    check.add_argument(
        "--publish", action="store_true", help="lock the digests of new files; locked ones never change"
    )
    add_command(commands, "verify-audit", "check every link of the audit trail and the feed", run_verify)


def run_verify(_arguments: argparse.Namespace) -> int:
    found = verify_trail(open_installation(Settings.from_environment()))
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
    library = load_library(root)
    agreed = check_golden(library)
    print(f"{len(library.instruments)} instruments, {len(library.texts)} texts, {len(library.plans)} plans")
    for each in agreed:
        print(f"{each.instrument}: {each.rows} golden rows, {each.values} scores agree.")
    for name in publish_definitions(root) if publishing else ():
        print(f"published {name}")
