"""Studies that confirm people, or dates, in another way than the shipped plan does."""

from dataclasses import replace
from datetime import date

from app.domain.plans.plan import SecondCheck
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.enrolment import enrol_participant
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, enrolment_entry

BORN = date(1950, 2, 3)


def with_second_check(installation: Installation, check: SecondCheck) -> Installation:
    """The same installation, whose plans ask for this second check."""
    plans = {key: replace(plan, second_check=check) for key, plan in installation.library.plans.items()}
    return replace(installation, library=replace(installation.library, plans=plans))


def with_date_order(installation: Installation, kind: str, after: str) -> Installation:
    """The same installation, whose plans have one kind of date after another and let staff confirm."""
    plans = {
        key: replace(
            plan,
            anchors=tuple(
                replace(anchor, after=(after,)) if anchor.kind == kind else anchor for anchor in plan.anchors
            ),
            confirms_contradictions=True,
        )
        for key, plan in installation.library.plans.items()
    }
    return replace(installation, library=replace(installation.library, plans=plans))


def enrol_only(installation: Installation, site: Site, subject: str, born_on: date | None = BORN) -> Person:
    """Somebody enrolled with a birth date, who has no phone yet."""
    person = Person(installation, site, subject)
    enrol_participant(
        StaffContext(installation, person.nurse, START),
        site,
        replace(enrolment_entry(subject), born_on=born_on),
    )
    return person
