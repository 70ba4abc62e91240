"""The stages that most tests begin with: the study, its site, somebody enrolled."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.schedule.enrolment import enrol_participant, issue_invitation
from app.services.setup.studies import load_study, open_site
from app.settings import DEMO_KEY
from app.storage.engine import open_engine
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, enrol_person, enrolment_entry, library, site_entry
from tests.scenarios.reminders import RANDOMISED, enrol_with_reminders, reach_first_evening, shanghai
from tests.scenarios.staff_desk import open_desk
from tests.stages import Stage

PLAN = ("sbrt-nsclc", "1.0")


@contextmanager
def open_installation_at(url: str) -> Iterator[Installation]:
    """The installation at an address; the key is one for all, so that a copy can be read."""
    engine = open_engine(url)
    yield Installation(engine, library(), SecretBox(DEMO_KEY, HashCost(1, 8, 1)), "https://d.test", "0")
    engine.dispose()


def make_stage(act: Callable[[Installation], Sequence[str]], before: Stage | None = None) -> Stage:
    """The stage that is reached by an act upon the installation."""

    def grow(url: str) -> Sequence[str]:
        with open_installation_at(url) as installation:
            return act(installation)

    return Stage(grow, before)


def site_of(installation: Installation) -> Site:
    """The study's first site."""
    with installation.read() as session:
        return get_site_by_code(session, get_study(session, PLAN[0]).id, "0571")


def _study(installation: Installation) -> Sequence[str]:
    load_study(StaffContext(installation, SYSTEM, START), *PLAN, StudyMode.DEMO)
    return ()


def _site(installation: Installation) -> Sequence[str]:
    open_site(StaffContext(installation, SYSTEM, START), PLAN[0], site_entry("0571"))
    return ()


def _desk(installation: Installation) -> Sequence[str]:
    desk = open_desk(installation, site_of(installation))
    return str(desk.admin_id), str(desk.other_id)


def _person(installation: Installation) -> Sequence[str]:
    return (enrol_person(installation, site_of(installation), "0571-001").cookie,)


def _randomised(installation: Installation) -> Sequence[str]:
    person = enrol_person(installation, site_of(installation), "0571-001")
    person.randomise(START.date(), START)
    return (person.cookie,)


def _reader(installation: Installation) -> Sequence[str]:
    return (enrol_with_reminders(installation, site_of(installation)).cookie,)


def _readers_diary(installation: Installation) -> Sequence[str]:
    person = enrol_with_reminders(installation, site_of(installation))
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    return (person.cookie,)


def _invited(installation: Installation) -> Sequence[str]:
    person = Person(installation, site_of(installation), "0571-001")
    enrol_participant(
        StaffContext(installation, person.nurse, START), person.site, enrolment_entry(person.subject)
    )
    invitation = issue_invitation(
        StaffContext(installation, person.nurse, START), person.site.study_id, person.subject
    )
    return invitation.url.rsplit("/", 1)[1], invitation.code


def _evening(installation: Installation) -> Sequence[str]:
    return (reach_first_evening(installation, site_of(installation)).cookie,)


STUDY = make_stage(_study)
SITE = make_stage(_site, STUDY)
DESK = make_stage(_desk, SITE)
"""The two administrators of the study; its secrets are their numbers."""
PERSON = make_stage(_person, SITE)
PERSON_RANDOMISED = make_stage(_randomised, SITE)
"""That person, randomised on the day of enrolment."""
READER = make_stage(_reader, SITE)
"""Somebody enrolled who wants reminders by e-mail."""
READER_RANDOMISED = make_stage(_readers_diary, SITE)
"""That reader, whose diary begins two days later."""
EVENING_COME = make_stage(_evening, SITE)
"""Somebody whose first diary day has come to its evening, with one reminder queued."""
INVITED = make_stage(_invited, SITE)
"""Somebody enrolled who has not used their link yet; its secrets are the link's and the code."""


def stage_of_fixtures(fixtures: Iterable[str]) -> Stage | None:
    """The stage that a test of the use cases asks for by the names of its fixtures.

    A test file may have a person or a site of its own; only those of this folder rest on its installation.
    """
    names = frozenset(fixtures)
    stages: Sequence[tuple[str, Stage]] = (
        ("randomised", PERSON_RANDOMISED),
        ("lone", PERSON),
        ("lone_site", SITE),
        ("lone_installation", STUDY),
    )
    if "installation" in names:
        stages = (
            ("due_reader", EVENING_COME),
            ("reader", READER_RANDOMISED if "randomised" in names else READER),
            ("randomised", PERSON_RANDOMISED),
            ("person", PERSON),
            ("desk", DESK),
            ("site", SITE),
            ("installation", STUDY),
        )
    return next((stage for name, stage in stages if name in names), None)
