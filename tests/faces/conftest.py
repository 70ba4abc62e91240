"""The application as its clients meet it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.domain.records.access import Role
from app.services.core.installation import Installation
from app.storage.tables.studies import Site
from tests.applications import Clock, application, open_browser
from tests.faces.callers import SiteFixture
from tests.faces.clinics import CLINIC, ClinicFixture, restore_clinic
from tests.faces.edc_caller import Edc
from tests.faces.edc_stages import EDC_CLIENT, HOSPITALS, both_sites, restore_edc
from tests.faces.participant_browsers import Phone
from tests.faces.site_fixtures import SITES_STAGE, restore_site_fixture
from tests.scenarios.beginnings import INVITED, SITE, site_of
from tests.scenarios.people import START, Person
from tests.stages import Stage

_BEGUN = {
    "here": SITES_STAGE,
    "hospitals": SITES_STAGE,
    "guest": INVITED,
    "founder": SITE,
    "clinic": CLINIC,
    "edc": EDC_CLIENT,
    "sites": HOSPITALS,
}


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    """As far as the fixtures of the test say."""
    return next((each for name, each in _BEGUN.items() if name in request.fixturenames), None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(migrated_sqlite_url: str, clock: Clock) -> FastAPI:
    return application(migrated_sqlite_url, clock)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return open_browser(app)


@pytest.fixture
def sites(app: FastAPI) -> tuple[Site, Site]:
    """The study with two hospitals."""
    return both_sites(app)


@pytest.fixture
def edc(app: FastAPI, secrets: dict[str, tuple[str, ...]], request: pytest.FixtureRequest) -> Edc:
    """An EDC client of the whole study with every scope."""
    either = "migrated_url" in request.fixturenames
    url = request.getfixturevalue("migrated_url" if either else "migrated_sqlite_url")
    return restore_edc(app, secrets[url])


@pytest.fixture
def founder(app: FastAPI, clock: Clock) -> Person:
    """Somebody of site 0571, not yet enrolled, in the application's own study."""
    clock.at = START
    installation: Installation = app.state.installation
    return Person(installation, site_of(installation), "0571-001")


@pytest.fixture
def guest(
    app: FastAPI, founder: Person, migrated_sqlite_url: str, secrets: dict[str, tuple[str, ...]]
) -> Phone:
    """Somebody who holds a link and has not used it."""
    link, code = secrets[migrated_sqlite_url]
    return Phone(founder, open_browser(app), link, code)


@pytest.fixture
def phone(guest: Phone) -> Phone:
    """Somebody whose browser is bound."""
    guest.activate()
    return guest


@pytest.fixture
def here(
    app: FastAPI, clock: Clock, migrated_sqlite_url: str, secrets: dict[str, tuple[str, ...]]
) -> SiteFixture:
    """A study with two sites, and everybody who may come."""
    return restore_site_fixture(app, clock, secrets[migrated_sqlite_url])


@pytest.fixture
def hospitals(migrated_url: str, clock: Clock, secrets: dict[str, tuple[str, ...]]) -> Iterator[SiteFixture]:
    """The same, once on each database."""
    app = application(migrated_url, clock)
    yield restore_site_fixture(app, clock, secrets[migrated_url])
    app.state.installation.engine.dispose()


@pytest.fixture
def clinic(
    app: FastAPI, clock: Clock, migrated_sqlite_url: str, secrets: dict[str, tuple[str, ...]]
) -> ClinicFixture:
    """A site with one participant whose browser is bound."""
    return restore_clinic(app, clock, secrets[migrated_sqlite_url][0])


@pytest.fixture
def nurse(clinic: ClinicFixture) -> TestClient:
    """A signed-in nurse of that site."""
    return clinic.browser(Role.NURSE)
