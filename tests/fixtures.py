"""What every test may ask for: a real PostgreSQL, and an empty database of either kind."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, expect

from app.storage.migrations import migrate_database
from tests import (
    coverage_measure,
    definitions_parsed,
    demonstrations,
    postgres,
    servers,
    stages,
    statements,
)
from tests.event_loop import close_portal

# Shared machines stall: a slow example is no finding, a wrong one is. The gates draw the same examples each
# time, so that one tree is judged alike wherever it is run; the long profile draws new ones.
settings.register_profile("daybook", deadline=None, derandomize=True)
settings.register_profile(
    "long", settings.get_profile("daybook"), derandomize=False, max_examples=300, stateful_step_count=60
)
settings.load_profile("daybook")
# The same of a page: its own five seconds are a verdict on the machine.
expect.set_options(timeout=60_000)
statements.share_compiled()
statements.share_learned()
definitions_parsed.share_parsed()
# Thousands of modules, tests and tables that stay: looking for garbage among them took a tenth of all time.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    close_portal()
    coverage_measure.write()


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
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, made once per test process; tests work on copies."""
    path = tmp_path_factory.mktemp("template") / "daybook.sqlite3"
    migrate_database(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """The name of a migrated PostgreSQL database, made once per test process; tests work on copies."""
    name = postgres_cluster.create()
    migrate_database(postgres_cluster.url(name))
    yield name
    postgres_cluster.drop(name)


@pytest.fixture(scope="session")
def sqlite_shelf(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> stages.Shelf:
    """SQLite files in which a trial has begun."""
    return stages.Shelf(stages.Files(tmp_path_factory.mktemp("stages")), str(sqlite_template))


@pytest.fixture(scope="session")
def program_demonstration(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> demonstrations.ProgramsDemonstration:
    """The demonstration as the program makes it in a SQLite file, at this moment."""
    return demonstrations.make_by_program(sqlite_template, tmp_path_factory.mktemp("demonstration"))


@pytest.fixture(scope="session")
def postgres_shelf(postgres_cluster: postgres.Cluster, postgres_template: str) -> Iterator[stages.Shelf]:
    """PostgreSQL databases in which a trial has begun."""
    shelf = stages.Shelf(stages.Databases(postgres_cluster), postgres_template)
    yield shelf
    for database in shelf.places():
        postgres_cluster.drop(database)


@pytest.fixture
def stage() -> stages.Stage | None:
    """How far the trial has come in the migrated databases of this test; None: they have no rows."""
    return None


@pytest.fixture(scope="session")
def secrets() -> dict[str, tuple[str, ...]]:
    """By the address of a test's database: the secrets of its stage that no table holds."""
    return {}


@pytest.fixture
def migrated_sqlite_url(
    sqlite_shelf: stages.Shelf,
    stage: stages.Stage | None,
    tmp_path: Path,
    secrets: dict[str, tuple[str, ...]],
) -> str:
    """The address of a SQLite database in the current shape, at this test's stage."""
    path, grown = tmp_path / "migrated.sqlite3", sqlite_shelf.grown(stage)
    shutil.copyfile(grown.path, path)
    secrets[f"sqlite:///{path}"] = grown.secrets
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres(
    postgres_cluster: postgres.Cluster,
    postgres_shelf: stages.Shelf,
    stage: stages.Stage | None,
    secrets: dict[str, tuple[str, ...]],
) -> Iterator[str]:
    """The name of a PostgreSQL database in the current shape, at this test's stage, as it was grown."""
    grown = postgres_shelf.grown(stage)
    name = postgres_cluster.borrow(grown.path)
    secrets[postgres_cluster.url(name, postgres.APP)] = grown.secrets
    yield name
    postgres_cluster.give_back(name)


@pytest.fixture
def migrated_postgres_url(postgres_cluster: postgres.Cluster, migrated_postgres: str) -> str:
    """Its address for the program's own role, so that every test also proves the grants (SEC-04)."""
    return postgres_cluster.url(migrated_postgres, postgres.APP)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A database in the current shape, at this test's stage: the test runs once on each kind."""
    return str(
        request.getfixturevalue(f"migrated_{'sqlite' if request.param == 'sqlite' else 'postgres'}_url")
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser per test process; each test opens a context of its own."""
    with servers.launch_chromium() as browser:
        yield browser


@pytest.fixture
def mailbox() -> Iterator[servers.Mailbox]:
    """A real mail server of this test's own."""
    with servers.serve_mailbox() as box:
        yield box
