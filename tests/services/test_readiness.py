"""An installation says what keeps it from serving."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.services.core.installation import Installation
from app.services.setup.readiness import CLOCK_TOLERANCE, find_readiness_faults
from app.storage.database.sqlite_file import prepare_sqlite_file, sqlite_file
from app.storage.engine import open_engine


def database_now(installation: Installation) -> datetime:
    with installation.read() as session:
        told: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def test_a_migrated_database_and_a_true_clock_are_ready(installation: Installation) -> None:
    assert find_readiness_faults(installation, database_now(installation)) == []


def test_a_clock_that_is_off_is_told(installation: Installation) -> None:
    off = CLOCK_TOLERANCE + timedelta(seconds=30)
    assert find_readiness_faults(installation, database_now(installation) + off) == ["clock"]
    assert find_readiness_faults(installation, database_now(installation) - off) == ["clock"]


def test_an_empty_database_needs_its_migrations(installation: Installation, database_url: str) -> None:
    if file := sqlite_file(database_url):
        prepare_sqlite_file(file)
    empty = replace(installation, engine=open_engine(database_url))
    assert find_readiness_faults(empty, database_now(installation)) == ["revision"]
    empty.engine.dispose()


def test_no_database_is_told(installation: Installation) -> None:
    away = replace(installation, engine=open_engine("sqlite:////nowhere/at/all.sqlite3"))
    assert find_readiness_faults(away, database_now(installation)) == ["database"]
