"""`restore`: a backup takes the database's place, and every feed begins anew in the same step."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.cli import ExitCode
from app.cli.operator import OPERATOR
from app.clock import now
from app.installation import open_installation
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.restoring import announce_restore, collect_heads, confirm_heads, mark_restored
from app.settings import Settings
from app.storage.backups import restore_postgresql, restore_sqlite
from app.storage.head_file import KnownHeads


def declare_restore(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `restore`."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "backup",
        nargs="?",
        type=Path,
        help="a copy of the SQLite file, or an archive of pg_dump --format=custom",
    )
    which.add_argument(
        "--mark", action="store_true", help="the database was restored by its own tools; begin its feeds anew"
    )
    parser.add_argument("--reason", default="restored from a backup", help="what the trail says of it")
    parser.set_defaults(run=run_restore)


def run_restore(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    installation = open_installation(settings)
    lost = collect_heads(installation)
    installation.engine.dispose()
    try:
        if arguments.mark:
            _mark(settings, lost, arguments.reason)
        elif settings.on_sqlite:
            finish = partial(_mark_copy, settings, lost, arguments.reason)
            restore_sqlite(arguments.backup, Path(settings.database_url.removeprefix("sqlite:///")), finish)
            confirm_heads(installation)
        else:
            with announce_restore(installation, lost):
                restore_postgresql(arguments.backup, settings.migration_url)
            _mark(settings, lost, arguments.reason)
    finally:
        installation.engine.dispose()
    return ExitCode.WELL


def _mark_copy(settings: Settings, lost: KnownHeads, reason: str, url: str) -> None:
    _mark(replace(settings, database_url=url, head_file=None), lost, reason)


def _mark(settings: Settings, lost: KnownHeads, reason: str) -> None:
    installation: Installation = open_installation(settings)
    try:
        feeds = mark_restored(StaffContext(installation, OPERATOR, now()), lost, reason)
        confirm_heads(installation)
    finally:
        installation.engine.dispose()
    for study, feed in feeds.items():
        print(f"{study}: the feed begins anew as {feed}; clients take a snapshot.")
