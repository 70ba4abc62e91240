"""`migrate`."""

import argparse
from pathlib import Path

from app.settings import Settings
from app.storage.migrations import migrate
from app.storage.revisions import head_revision


def declare_migrate(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `migrate`: there are none."""
    parser.set_defaults(run=run_migrate)


def run_migrate(_arguments: argparse.Namespace) -> int:
    prepare_database(Settings.from_environment())
    print(f"The database is at revision {head_revision()}.")
    return 0


def prepare_database(settings: Settings) -> None:
    """Migrate the database; the folder of a SQLite file is created first."""
    if settings.on_sqlite:
        file = settings.database_url.removeprefix("sqlite:///")
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    migrate(settings.migration_url)
