"""A form is excused by the plan's exemptions alone, and the EDC is told."""

from collections.abc import Callable

import pytest
from sqlmodel import col, select

from app.domain.plans.status import Status
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.clinic.corrections.submitted_form import FormAct, list_form_events
from app.services.core.context import StaffContext
from app.services.schedule.exemptions import excuse_form, excuse_visit, is_excusable
from app.storage.queries.slots import slot_status
from app.storage.tables.audit import AuditEntry
from app.storage.tables.feed import FeedEvent
from tests.scenarios.people import START, Person, days


def excuse(person: Person, visit: str, exemption: str = "no_translation") -> None:
    excuse_visit(
        StaffContext(person.installation, person.nurse, START),
        person.site.study_id,
        person.subject,
        visit,
        exemption,
    )


def excuse_one(person: Person, slot: str, exemption: str = "no_translation") -> None:
    excuse_form(StaffContext(person.installation, person.nurse, START), person.row().id, slot, exemption)


def test_an_excused_form_is_published_as_not_expected(person: Person) -> None:
    excuse(person, "BL")
    slot = person.slot("BL")
    assert slot_status(slot, START) is Status.excused
    assert slot.wake_at is None
    reading = StaffContext(person.installation, person.nurse, START)
    (event,) = list_form_events(reading, person.row().id, slot.public_id)
    assert (event.act, event.reason, event.at) == (FormAct.excused, "no_translation", START)
    with person.installation.read() as session:
        newest = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq).desc())).first()
    assert newest is not None
    assert newest.type == "assessment.excused"


def test_only_exemptions_of_the_plan_are_taken(person: Person) -> None:
    with pytest.raises(Refused, match="unknown_exemption") as refused:
        excuse(person, "BL", "busy")
    assert refused.value.details["allowed"] == ("no_translation",)
    assert slot_status(person.slot("BL"), START) is not Status.excused


def test_a_visit_that_nobody_expects_cannot_be_excused(person: Person) -> None:
    with pytest.raises(Refused, match="unknown_visit") as refused:
        excuse(person, "W7")
    allowed = refused.value.details["allowed"]
    assert isinstance(allowed, tuple)
    assert "BL" in allowed


def test_a_submitted_form_cannot_be_excused(person: Person) -> None:
    person.begin("BL", START)
    person.submit("BL", START)
    with pytest.raises(Refused, match="already_submitted"):
        excuse(person, "BL")
    assert slot_status(person.slot("BL"), START) is Status.submitted


def test_staff_excuse_one_form_and_the_others_are_still_expected(person: Person) -> None:
    assert is_excusable(person.slot("BL"), START, frozenset())
    excuse_one(person, person.slot("BL").public_id)
    baseline = person.slot("BL")
    assert (slot_status(baseline, START), baseline.excused) == (Status.excused, "no_translation")
    assert slot_status(person.slot("W6"), START) is Status.waiting
    with person.installation.read() as session:
        event = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq).desc())).first()
        noted = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.SLOT_EXCUSED)).one()
    assert event is not None
    assert event.type == "assessment.excused"
    assert (noted.actor_id, noted.reason) == (person.nurse.id, "no_translation")


def test_a_missed_form_without_an_answer_may_still_be_excused(person: Person) -> None:
    assert slot_status(person.slot("BL"), START + days(40)) is Status.missed
    assert is_excusable(person.slot("BL"), START + days(40), frozenset())


def test_a_form_with_answers_or_already_excused_is_not_excused(person: Person) -> None:
    slot = person.slot("BL").public_id
    with pytest.raises(Refused, match="unknown_exemption") as refused:
        excuse_one(person, slot, "busy")
    assert refused.value.details["allowed"] == ("no_translation",)
    waiting = person.slot("W6").public_id
    excuse_one(person, waiting)
    with pytest.raises(Refused, match="not_excusable"):
        excuse_one(person, waiting)
    person.begin("BL", START)
    with pytest.raises(Refused, match="not_excusable"):
        excuse_one(person, slot)
    assert person.slot("BL").excused is None


def test_a_form_of_another_participant_is_not_excused(
    person: Person, people: Callable[[int], Person]
) -> None:
    other = people(2)
    with pytest.raises(Refused, match="unknown_slot"):
        excuse_one(person, other.slot("BL").public_id)
    assert other.slot("BL").excused is None
