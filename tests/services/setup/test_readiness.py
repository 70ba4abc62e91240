"""An installation says what keeps it from serving."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.refusal import BadDefinition, DatabaseUnavailable
from app.services.core.installation import Installation
from app.services.setup.readiness import (
    CLOCK_TOLERANCE,
    find_readiness_faults,
    require_connections,
    require_current_revision,
)
from app.storage.database.sqlite_file import prepare_sqlite_file, sqlite_file
from app.storage.engine import open_engine
from tests.scenarios.machines import database_now


def test_a_migrated_database_and_a_true_clock_are_ready(installation: Installation) -> None:
    assert find_readiness_faults(installation, database_now(installation)) == []


def test_a_missing_plan_version_is_not_ready(installation: Installation) -> None:
    """Somebody amended a study while this process had read the definitions of before."""
    library = installation.library
    plans = {key: plan for key, plan in library.plans.items() if key != ("sbrt-nsclc", "1.0")}
    older = replace(installation, library=replace(library, plans=plans))
    assert find_readiness_faults(older, database_now(installation)) == ["plan"]


def test_an_untrusted_clock_is_not_ready(installation: Installation) -> None:
    off = CLOCK_TOLERANCE + timedelta(seconds=30)
    assert find_readiness_faults(installation, database_now(installation) + off) == ["clock"]
    assert find_readiness_faults(installation, database_now(installation) - off) == ["clock"]


def test_an_empty_database_needs_its_migrations(installation: Installation, database_url: str) -> None:
    if file := sqlite_file(database_url):
        prepare_sqlite_file(file)
    empty = replace(installation, engine=open_engine(database_url))
    assert find_readiness_faults(empty, database_now(installation)) == ["revision"]
    empty.engine.dispose()


def test_an_unreachable_database_is_not_ready(installation: Installation) -> None:
    away = replace(installation, engine=open_engine("sqlite:////nowhere/at/all.sqlite3"))
    assert find_readiness_faults(away, database_now(installation)) == ["database"]


def test_a_command_needs_the_revision_of_its_program(installation: Installation, database_url: str) -> None:
    require_current_revision(installation)
    if file := sqlite_file(database_url):
        prepare_sqlite_file(file)
    empty = replace(installation, engine=open_engine(database_url))
    with pytest.raises(DatabaseUnavailable) as unready:
        require_current_revision(empty)
    assert "daybook migrate" in unready.value.reason
    empty.engine.dispose()


def test_more_processes_than_the_database_has_connections_are_refused(installation: Installation) -> None:
    require_connections(installation, 1)
    if installation.engine.dialect.name == "postgresql":
        with pytest.raises(BadDefinition) as bad:
            require_connections(installation, 64)
        assert "at most" in str(bad.value)
