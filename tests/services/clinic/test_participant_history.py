"""A participant's history: what the trail tells of them, without answers and without the arm."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from app.domain.desk.history import HistoryKind
from app.domain.records.access import Role
from app.services.clinic.participants.history import HistoryEntry, get_participant_history
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.tables.studies import Site
from tests.scenarios.arms import assign_arm, with_hidden_arms
from tests.scenarios.beginnings import site_of
from tests.scenarios.full_course import LATER
from tests.scenarios.people import START, Person, enrol_person, staff_member


def seen(
    person: Person, role: Role = Role.NURSE, kind: HistoryKind | None = None, limit: int = 100
) -> Sequence[HistoryEntry]:
    """All pages one after the other."""
    context = StaffContext(person.installation, staff_member(role, person.site), LATER)
    entries: list[HistoryEntry] = []
    before: int | None = None
    while True:
        page = get_participant_history(context, person.row().id, "en", kind, before, limit)
        entries += page.entries
        if page.older is None:
            return entries
        before = page.older


def test_every_event_is_listed_with_its_subject(course: Installation) -> None:
    person = Person(course, site_of(course), "0571-001")
    every = seen(person)
    assert [each.seq for each in every] == sorted((each.seq for each in every), reverse=True)
    assert seen(person, limit=3) == every
    by_kind = {kind: seen(person, kind=kind) for kind in HistoryKind}
    assert sum(map(len, by_kind.values())) == len(every)
    forms = [(each.event, each.subject.visit) for each in by_kind[HistoryKind.forms]]
    assert ("participant:form:submitted", "BL") in forms
    delivered = next(each for each in by_kind[HistoryKind.reminders] if each.event == "clock:reminder:sent")
    assert delivered.subject.visit  # of the form that the message is about
    contact = next(each for each in by_kind[HistoryKind.contacts] if each.event == "site:contact:logged")
    assert contact.subject.kind in ("reached_will_do", "no_answer", "other", "reached_needs_help")
    assert "Randomisation" in {each.label for each in by_kind[HistoryKind.dates]}
    text = " ".join(f"{each.event} {each.label} {each.reason} {each.subject}" for each in every)
    assert "a sore shoulder" not in text
    assert "arm" not in {each.event.split(":")[1] for each in every}


@pytest.mark.req("AUD-10")
def test_the_history_of_a_blinded_study_keeps_what_reveals_the_arm(
    lone_installation: Installation, lone_site: Site
) -> None:
    person = enrol_person(lone_installation, lone_site, "0571-001")
    person.randomise(START.date(), START)
    assign_arm(person, "SBRT", 0)
    person.anchor("sbrt_end", START.date(), START + timedelta(hours=1))
    labels = {each.subject.kind for each in seen(person, kind=HistoryKind.dates)}
    assert labels == {"enrolment", "randomisation", "sbrt_end"}
    with_words = StaffContext(person.installation, person.nurse, LATER)
    for note in ("after SBRT he coughs", "he coughs"):
        log_contact(with_words, person.row().id, "other", note, None)
    assert {"after SBRT he coughs", "he coughs"} == {
        each.reason for each in seen(person, kind=HistoryKind.contacts)
    }
    person.installation = with_hidden_arms(person.installation)
    assert {"", "he coughs"} == {each.reason for each in seen(person, kind=HistoryKind.contacts)}
    hidden = {each.subject.kind for each in seen(person, kind=HistoryKind.dates)}
    assert hidden == {"enrolment", "randomisation"}
    assert "sbrt_end" in {each.subject.kind for each in seen(person, Role.INVESTIGATOR)}
