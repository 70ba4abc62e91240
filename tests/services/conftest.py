"""A study with one site and people in it, on both databases, made by the real use cases."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet

from app.domain.access import SYSTEM
from app.services.installation import Installation
from app.services.sealing import HashCost, Sealer
from app.services.studies import load_study, open_site
from app.storage.engine import open_engine
from app.storage.study import Mode, Site
from tests.services.people import START, Person, enrolled, library, site_entry


@pytest.fixture
def installation(migrated_url: str) -> Iterator[Installation]:
    """An installation with the study loaded, once on each database."""
    yield from _installation(migrated_url)


def _installation(url: str) -> Iterator[Installation]:
    engine = open_engine(url)
    made = Installation(
        engine, library(), Sealer(Fernet.generate_key(), HashCost(1, 8, 1)), "https://d.test", "0"
    )
    load_study(made, SYSTEM, "sbrt-nsclc", "1.0", Mode.DEMO, START)
    yield made
    engine.dispose()


@pytest.fixture
def site(installation: Installation) -> Site:
    return open_site(installation, SYSTEM, "sbrt-nsclc", site_entry("0571"), START)


@pytest.fixture
def person(installation: Installation, site: Site) -> Person:
    """Somebody enrolled on 2 March 2026, with an activated phone."""
    return enrolled(installation, site, "0571-001")


@pytest.fixture
def people(installation: Installation, site: Site) -> Callable[[int], Person]:
    """The person of any number at the site."""
    return lambda number: enrolled(installation, site, f"0571-{number:03d}")


@pytest.fixture
def lone_installation(migrated_sqlite_url: str) -> Iterator[Installation]:
    """The same on SQLite alone, for what does not depend on the database."""
    yield from _installation(migrated_sqlite_url)


@pytest.fixture
def lone_site(lone_installation: Installation) -> Site:
    return open_site(lone_installation, SYSTEM, "sbrt-nsclc", site_entry("0571"), START)
