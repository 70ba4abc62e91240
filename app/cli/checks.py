"""`check-questionnaires`."""

import argparse
import sys
from pathlib import Path

from app.definitions.golden import check_golden
from app.definitions.library import load_library
from app.definitions.publishing import list_drafts, publish_definitions
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES
from app.settings import Settings


def declare_check(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check-questionnaires`."""
    parser.add_argument(
        "--publish", action="store_true", help="lock the digests of new files; locked ones never change"
    )
    parser.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    root = Settings.from_environment().questionnaires
    try:
        _check(root, arguments.publish)
    except BadDefinition as bad:
        print(f"daybook: {bad}", file=sys.stderr)
        return 1
    return 0


def _check(root: Path, publishing: bool) -> None:
    library = load_library(root, LANGUAGE_CODES)
    agreed = check_golden(library)
    print(f"{len(library.instruments)} instruments, {len(library.texts)} texts, {len(library.plans)} plans")
    for each in agreed:
        print(f"{each.instrument}: {each.rows} golden rows, {each.values} scores agree.")
    for name in list_drafts(library):
        print(f"draft, for the demonstration alone: {name}")
    for name in publish_definitions(library) if publishing else ():
        print(f"published {name}")
