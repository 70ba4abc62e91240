"""`migrate`."""

import argparse

from app.cli import ExitCode
from app.settings import Settings
from app.storage.migrations import migrate_database
from app.storage.revisions import head_revision


def declare_migrate(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `migrate`: there are none."""
    parser.set_defaults(run=run_migrate)


def run_migrate(_arguments: argparse.Namespace) -> int:
    prepare_database(Settings.from_environment())
    print(f"The database is at the newest revision, {head_revision()}.")
    return ExitCode.WELL


def prepare_database(settings: Settings) -> None:
    """Migrate the database; a SQLite file and its folder are made first, for their owner alone."""
    migrate_database(settings.migration_url, encrypted=not settings.demo)
