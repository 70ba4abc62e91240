"""Dates against their order: asked of staff, stored beside the others when the EDC says them."""

from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM
from app.domain.records.anchors import AnchorStanding
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.anchors import AnchorEntry, preview_anchor, record_anchor
from app.services.schedule.schedule_check import check_schedules
from app.services.setup.studies import load_study, open_site
from app.storage.tables.schedule import Anchor
from tests.scenarios.beginnings import make_stage, open_installation_at, site_of
from tests.scenarios.people import START, Person, days, enrol_person, site_entry
from tests.stages import Stage

LATER = START + days(20)


def _ordered(installation: Installation) -> Sequence[str]:
    system = StaffContext(installation, SYSTEM, START)
    load_study(system, "sbrt-nsclc", "1.1", StudyMode.DEMO)
    person = enrol_person(installation, open_site(system, "sbrt-nsclc", site_entry("0571")), "0571-001")
    person.anchor("randomisation", date(2026, 3, 5), LATER, source=Owner.edc)
    return (person.cookie,)


ORDERED = make_stage(_ordered)


@pytest.fixture
def stage() -> Stage:
    return ORDERED


@pytest.fixture
def ordered(migrated_url: str, secrets: dict[str, tuple[str, ...]]) -> Iterator[Person]:
    """Somebody of a study whose plan states the order of its dates and lets staff confirm."""
    with open_installation_at(migrated_url) as installation:
        yield Person(installation, site_of(installation), "0571-001", secrets[migrated_url][0])


def record(person: Person, entry: AnchorEntry) -> None:
    nurse = StaffContext(person.installation, person.nurse, LATER)
    record_anchor(nurse, person.site.study_id, person.subject, entry, confirmed=True)


def standings(person: Person, kind: str) -> list[AnchorStanding]:
    with person.installation.read() as session:
        rows = session.exec(select(Anchor).where(Anchor.kind == kind).order_by(col(Anchor.id)))
        return [row.standing for row in rows]


def test_staff_confirm_a_contradiction_with_a_reason_and_it_is_listed(ordered: Person) -> None:
    record(ordered, AnchorEntry("sbrt_start", date(2026, 3, 10), Owner.site))
    early = AnchorEntry("sbrt_end", date(2026, 3, 9), Owner.site)
    with pytest.raises(Refused) as refused:
        record(ordered, early)
    assert refused.value.code == "dates_contradict"
    assert refused.value.details["kind"] == "sbrt_start"
    meant = AnchorEntry("sbrt_end", date(2026, 3, 9), Owner.site, against_order=True)
    with pytest.raises(Refused, match="reason_needed"):
        record(ordered, meant)
    assert standings(ordered, "sbrt_end") == []
    record(ordered, AnchorEntry("sbrt_end", date(2026, 3, 9), Owner.site, "as filed", against_order=True))
    assert standings(ordered, "sbrt_end") == [AnchorStanding.CURRENT]
    context = StaffContext(ordered.installation, ordered.nurse, LATER)
    (faults,) = check_schedules(context)
    assert [(fault.one, fault.other) for fault in faults.faults] == [("sbrt_end", "sbrt_start")]


def test_a_date_that_moves_behind_what_follows_it_is_a_contradiction_too(ordered: Person) -> None:
    with pytest.raises(Refused) as refused:
        record(ordered, AnchorEntry("enrolment", date(2026, 3, 6), Owner.site, "typed wrongly"))
    assert (refused.value.code, refused.value.details["kind"]) == ("dates_contradict", "randomisation")


def test_the_edc_s_contradiction_is_stored_and_not_in_force_unless_confirmed(ordered: Person) -> None:
    early = AnchorEntry("progression", date(2026, 3, 4), Owner.edc)
    with pytest.raises(Refused, match="dates_contradict"):
        record(ordered, AnchorEntry("progression", date(2026, 3, 4), Owner.site))
    record(ordered, early)
    assert standings(ordered, "progression") == [AnchorStanding.DIFFERING]
    with ordered.installation.read() as session:
        nothing = preview_anchor(ordered.installation, session, ordered.row(), early, LATER)
    assert nothing.changes == ()
    record(ordered, AnchorEntry("progression", date(2026, 3, 4), Owner.edc, against_order=True))
    assert standings(ordered, "progression") == [AnchorStanding.DIFFERING, AnchorStanding.CURRENT]
