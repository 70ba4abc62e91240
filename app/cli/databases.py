"""`migrate`."""

import argparse
from pathlib import Path

from app.cli.commands import Commands, add_command
from app.settings import Settings
from app.storage.migrations import head_revision, migrate


def add_to(commands: Commands) -> None:
    """Add these commands."""
    add_command(commands, "migrate", "bring the database to this version's shape", run_migrate)


def run_migrate(_arguments: argparse.Namespace) -> int:
    prepare_database(Settings.from_environment())
    print(f"The database is at revision {head_revision()}.")
    return 0


def prepare_database(settings: Settings) -> None:
    """Migrate; a SQLite file's folder is made first."""
    if settings.on_sqlite:
        file = settings.database_url.removeprefix("sqlite:///")
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    migrate(settings.migration_url)
