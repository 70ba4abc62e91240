"""A form is excused by the plan's exemptions alone, and the EDC is told."""

import pytest
from sqlmodel import col, select

from app.domain.refusal import Refused
from app.domain.status import Status
from app.services.exemptions import excuse_visit
from app.storage.exchange import FeedEvent
from app.storage.slots import status_of
from tests.services.people import START, Person


def excuse(person: Person, visit: str, exemption: str = "no_translation") -> None:
    excuse_visit(
        person.installation, person.nurse, person.site.study_id, person.subject, visit, exemption, START
    )


def test_an_excused_form_is_expected_no_more_and_told(person: Person) -> None:
    excuse(person, "BL")
    slot = person.slot("BL")
    assert status_of(slot, START) is Status.excused
    assert slot.wake_at is None
    with person.installation.read() as session:
        told = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq).desc())).first()
    assert told is not None
    assert told.type == "assessment.excused"


def test_only_exemptions_of_the_plan_are_taken(person: Person) -> None:
    with pytest.raises(Refused, match="unknown_exemption") as refused:
        excuse(person, "BL", "busy")
    assert refused.value.details["allowed"] == ("no_translation",)
    assert status_of(person.slot("BL"), START) is not Status.excused


def test_a_visit_that_nobody_expects_cannot_be_excused(person: Person) -> None:
    with pytest.raises(Refused, match="unknown_visit") as refused:
        excuse(person, "W7")
    allowed = refused.value.details["allowed"]
    assert isinstance(allowed, tuple)
    assert "BL" in allowed


def test_a_form_that_was_sent_stays_sent(person: Person) -> None:
    person.begin("BL", START)
    person.submit("BL", START)
    with pytest.raises(Refused, match="already_submitted"):
        excuse(person, "BL")
    assert status_of(person.slot("BL"), START) is Status.submitted
