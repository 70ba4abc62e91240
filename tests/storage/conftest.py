"""An engine on a migrated database, and the least of a trial that the tables demand."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy.engine import Engine

from app.domain.records.access import SYSTEM
from app.storage.engine import open_engine
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import AT, Trial, set_up_trial


@pytest.fixture
def at() -> datetime:
    """The moment at which a test acts."""
    return AT


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """The program's own engine on an empty, migrated database of either kind."""
    opened = open_engine(migrated_url)
    yield opened
    opened.dispose()


@pytest.fixture
def trial(engine: Engine, at: datetime) -> Trial:
    """One study, site, participant and slot."""
    with UnitOfWork(engine, SYSTEM, at) as work:
        return set_up_trial(work)


@pytest.fixture
def migrated_sqlite_engine(migrated_sqlite_url: str) -> Iterator[Engine]:
    """For what only the embedded database can do: its program is its owner, too."""
    opened = open_engine(migrated_sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_trial(migrated_sqlite_engine: Engine, at: datetime) -> Trial:
    """One of each on SQLite."""
    with UnitOfWork(migrated_sqlite_engine, SYSTEM, at) as work:
        return set_up_trial(work)


@pytest.fixture
def postgres_engine(migrated_postgres_url: str) -> Iterator[Engine]:
    """For what only PostgreSQL can do: many writers at once, and roles."""
    opened = open_engine(migrated_postgres_url, pool_size=16)
    yield opened
    opened.dispose()


@pytest.fixture
def postgres_trial(postgres_engine: Engine, at: datetime) -> Trial:
    """One of each on PostgreSQL."""
    with UnitOfWork(postgres_engine, SYSTEM, at) as work:
        return set_up_trial(work)
