"""A typed code finds its participant whatever its capitals and width, in every place that takes one."""

import re

from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.participant_list import PeopleFilter, find_by_code, list_participants
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today
from app.services.clinic.trail.scope import TrailFilter, get_trail_scope
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.settings import ROOT
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.confirmation_rules import enrol_only
from tests.scenarios.people import START, Person, days, staff_member

CODE, TWIN = "0571-Sh_1%/", "0571-SH_1%/"
SPELLINGS = (CODE, CODE.lower(), TWIN, "0571\u2013SH_1%/", "\uff10571-\uff33h_1%/")
AT = START + days(30)


def renamed(person: Person, subject: str) -> int:
    """The person under a code that the plan's pattern would not give, as other plans' do."""
    with person.installation.open_work(person.nurse, START) as work:
        row = work.session.merge(person.row())
        row.subject = subject
        work.record(AuditEvent.PARTICIPANT_UPDATED, f"participant:{row.id}")
    return row.id


def test_every_place_that_takes_a_code_reads_it_alike(
    installation: Installation, person: Person, site: Site
) -> None:
    """The twin differs in its capitals alone: of the two the exact spelling is meant."""
    enrol_only(installation, site, "0571-002")
    enrol_only(installation, site, "0571-003")
    named = renamed(person, CODE)
    desk = StaffContext(installation, person.nurse, AT)
    managing = StaffContext(installation, staff_member(Role.DATA_MANAGER, site), AT)
    reading = StaffContext(installation, staff_member(Role.MONITOR, site), AT)
    assert get_open_matters(managing, MatterFilter()).every == 3
    for typed in SPELLINGS:
        assert [hit.study_id for hit in find_by_code(desk, typed)] == [site.study_id], typed
        for part in (typed, typed[5:]):
            assert [each.subject for each in list_participants(desk, PeopleFilter(part)).rows] == [CODE], part
            assert {row.subject for row in get_today(desk, TodayFilter(search=part)).rows} == {CODE}, part
            assert get_open_matters(managing, MatterFilter(search=part)).every == 1, part
        chosen = TrailFilter("sbrt-nsclc", participant=typed)
        assert get_trail_scope(reading, chosen).participant_id == named, typed
    assert get_open_matters(managing, MatterFilter(search="x")).every == 0
    twin = renamed(Person(installation, site, "0571-002"), TWIN)
    chosen = TrailFilter("sbrt-nsclc", participant=TWIN)
    assert get_trail_scope(reading, chosen).participant_id == twin
    assert [hit.public_id for hit in find_by_code(desk, CODE)] == [
        Person(installation, site, CODE).row().public_id
    ]
    assert find_by_code(desk, "0571-Sh_1%") == ()
    assert refused(lambda: get_trail_scope(reading, TrailFilter("sbrt-nsclc", participant="0571-S"))) == (
        "no_such_participant"
    )


OWN = {
    "app/storage/queries/participants.py",  # where the comparison stands
    "app/services/edc/requests.py",  # programs spell a code as it is
    "app/services/schedule/enrolment.py",  # a code to be stored is the one of the pattern
}


def test_no_other_module_compares_a_code_with_what_was_typed() -> None:
    compares = re.compile(r"Participant\.subject\)?( == |\.contains|\.like|\.ilike|\.startswith|\.in_)")
    readers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        if compares.search(path.read_text())
    }
    assert readers <= OWN
