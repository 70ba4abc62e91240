"""What every test may ask for: a real PostgreSQL, and an empty database of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests import postgres, servers

# Shared machines stall: a slow example is no finding, a wrong one is.
settings.register_profile("daybook", deadline=None)
settings.load_profile("daybook")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """One server per test process, started when the first test asks for it."""
    cluster = postgres.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'daybook.sqlite3'}"


@pytest.fixture
def postgres_url(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """The owner's address of a fresh, empty PostgreSQL database."""
    name = postgres_cluster.create()
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database: the test runs once on each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser per test process; each test opens a context of its own."""
    with servers.chromium() as browser:
        yield browser


@pytest.fixture
def mailbox() -> Iterator[servers.Mailbox]:
    """A real mail server of this test's own."""
    with servers.mailbox() as box:
        yield box
