"""A study with one site and people in it, on both databases, made by the real use cases."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from app.services.core.context import ClockContext, EdcClientSession
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import ClaimedMessage, claim_messages
from app.storage.tables.studies import Site
from tests import postgres
from tests.scenarios.beginnings import DESK, open_installation_at, site_of, stage_of_fixtures
from tests.scenarios.database_owner import DatabaseOwner, open_without_guards
from tests.scenarios.edc_session import caller_of
from tests.scenarios.full_course import COURSE
from tests.scenarios.matter_stage import TwoSites, open_two_sites
from tests.scenarios.people import Person, enrol_person, with_short_diary
from tests.scenarios.reminders import EVENING
from tests.scenarios.staff_desk import Desk, open_desk
from tests.stages import Stage


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    """As far as the fixtures of the test say."""
    return COURSE if "course" in request.fixturenames else stage_of_fixtures(request.fixturenames)


@pytest.fixture
def installation(migrated_url: str) -> Iterator[Installation]:
    """An installation with the study loaded, once on each database."""
    with open_installation_at(migrated_url) as running:
        yield running


@pytest.fixture
def site(installation: Installation) -> Site:
    return site_of(installation)


@pytest.fixture
def person(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Person:
    """Somebody enrolled on 2 March 2026, with an activated phone."""
    return Person(installation, site, "0571-001", secrets[migrated_url][0])


@pytest.fixture
def randomised() -> None:
    """Asked for beside `person` or `lone`: they are randomised on the day of enrolment; a reader later."""


@pytest.fixture
def reader(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Person:
    """Somebody enrolled who wants reminders by e-mail; their baseline is open."""
    return Person(installation, site, "0571-001", secrets[migrated_url][0])


@pytest.fixture
def people(installation: Installation, site: Site) -> Callable[[int], Person]:
    """The person of any number at the site, beside whom it matters little how long their diary is."""
    short = with_short_diary(installation)
    return lambda number: enrol_person(short, site, f"0571-{number:03d}")


@pytest.fixture
def lone_installation(migrated_sqlite_url: str) -> Iterator[Installation]:
    """The same on SQLite alone, for what does not depend on the database."""
    with open_installation_at(migrated_sqlite_url) as running:
        yield running


@pytest.fixture
def lone_site(lone_installation: Installation) -> Site:
    return site_of(lone_installation)


@pytest.fixture
def course(migrated_url: str) -> Iterator[Installation]:
    """A trial in which every kind of act has happened, once on each database."""
    with open_installation_at(migrated_url) as installation:
        yield installation


@pytest.fixture
def owner(course: Installation, request: pytest.FixtureRequest) -> Iterator[DatabaseOwner]:
    """Whoever owns the database of that trial, every guard of it being down."""
    url = course.engine.url
    if course.engine.dialect.name == "postgresql":
        cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
        url = sa.make_url(cluster.url(str(url.database)))
    with open_without_guards(url) as owner:
        yield owner


@pytest.fixture
def desk(
    installation: Installation,
    site: Site,
    stage: Stage | None,
    migrated_url: str,
    secrets: dict[str, tuple[str, ...]],
) -> Desk:
    """The two administrators of the study."""
    if stage is not DESK:
        return open_desk(installation, site)
    admin, other = map(int, secrets[migrated_url])
    return Desk(installation, site, admin, other)


@pytest.fixture
def due_reader(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Person:
    """Somebody whose first diary day has come to its evening, with one reminder queued."""
    return Person(installation, site, "0571-001", secrets[migrated_url][0])


@pytest.fixture
def claimed(installation: Installation, due_reader: Person) -> ClaimedMessage:
    """That reminder, claimed."""
    (mine,) = claim_messages(ClockContext(installation, EVENING))
    assert mine.participant_id == due_reader.row().id
    return mine


@pytest.fixture
def caller(installation: Installation, site: Site) -> EdcClientSession:
    """The EDC, signed in, beside the first site."""
    assert site.code == "0571"
    return caller_of(installation)


@pytest.fixture
def two_sites(migrated_url: str) -> Iterator[TwoSites]:
    """Two sites at which everything may be open, once on each database."""
    with open_installation_at(migrated_url) as installation:
        yield open_two_sites(installation)


@pytest.fixture
def lone_sites(migrated_sqlite_url: str) -> Iterator[TwoSites]:
    """The same on SQLite alone."""
    with open_installation_at(migrated_sqlite_url) as installation:
        yield open_two_sites(installation)


@pytest.fixture
def lone(
    lone_installation: Installation,
    lone_site: Site,
    migrated_sqlite_url: str,
    secrets: dict[str, tuple[str, ...]],
) -> Person:
    """Somebody enrolled, on SQLite alone."""
    return Person(lone_installation, lone_site, "0571-001", secrets[migrated_sqlite_url][0])
