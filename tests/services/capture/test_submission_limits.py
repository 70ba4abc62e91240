"""Which forms may be sent, whole and until when; what comes at the wrong time is marked or kept apart."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from app.domain.plans.plan import Owner
from app.domain.records.dispositions import DispositionKind
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext, StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.capture import Quarantine, Response
from tests.refusals import refusal_of, refused
from tests.scenarios.people import START, Person, days, qlq
from tests.scenarios.submissions import only_response, stored_rows, submit_visit


@pytest.mark.parametrize(
    ("answers", "reviewed", "code"),
    [
        ({"q1": 2}, True, "unanswered"),
        (qlq(2), False, "not_reviewed"),
        (qlq(2) | {"q1": 9}, True, "out_of_range"),
        (qlq(2) | {"q1": "2"}, True, "wrong_kind"),
        (qlq(2) | {"q31": 2}, True, "unknown_item"),
    ],
)
def test_what_is_not_a_finished_form_is_refused(
    person: Person, answers: dict[str, int | str | None], reviewed: bool, code: str
) -> None:
    person.begin("BL", START)
    assert refused(lambda: submit_visit(person, "BL", SubmittedForm(answers, "s1", reviewed), START)) == code
    assert stored_rows(person, Response) == []


def test_a_form_must_be_there_open_and_begun(person: Person, people: Callable[[int], Person]) -> None:
    theirs = people(2).slot("BL").public_id
    finished = SubmittedForm(qlq(2), "s1", True)
    participant = person.participant(START)
    assert (
        refused(
            lambda: submit_form(ParticipantContext(person.installation, participant, START), theirs, finished)
        )
        == "unknown_slot"
    )
    assert refused(lambda: submit_visit(person, "W6", finished, START)) == "not_yet_open"
    assert refused(lambda: submit_visit(person, "BL", finished, START)) == "not_begun"
    assert refused(lambda: submit_visit(person, "BL", finished, START + days(40))) == "window_closed"
    person.randomise(date(2026, 3, 2), START)
    assert refused(lambda: submit_visit(person, "W6", finished, START)) == "not_yet_open"


@pytest.mark.req("CAP-14")
def test_late_submissions_are_marked_or_quarantined(person: Person) -> None:
    person.begin("BL", START)
    closes = person.slot("BL").closes_at
    assert closes is not None
    before = closes - timedelta(hours=1)
    late = closes + timedelta(hours=71)
    refusal = refusal_of(lambda: submit_visit(person, "BL", SubmittedForm(qlq(2), "s1", True), late))
    assert (refusal.code, refusal.details["day"]) == ("arrived_too_late", date(2026, 3, 30))
    (quarantine,) = stored_rows(person, Quarantine)
    assert (quarantine.reason, quarantine.received_at) == ("arrived_too_late", late)
    captured = SubmittedForm(qlq(2), "s1", True, before, offline=True)
    receipt = submit_visit(person, "BL", captured, late)
    assert (receipt.out_of_window, receipt.in_grace) == (True, False)
    assert (person.slot("BL").out_of_window, only_response(person).out_of_window) == (True, True)


@pytest.mark.req("TIM-05", "OFF-04")
def test_a_devices_time_alone_brings_no_form_into_its_window(person: Person) -> None:
    """Begun in its window, nothing saved; sent 60 hours after closing with the time of an hour before it."""
    person.begin("BL", START)
    closes = person.slot("BL").closes_at
    assert closes is not None
    alone = SubmittedForm(qlq(2), "s1", True, device_at=closes - timedelta(hours=1), skew=0)
    late = closes + timedelta(hours=60)
    assert refused(lambda: submit_visit(person, "BL", alone, late)) == "arrived_too_late"
    (apart,) = stored_rows(person, Quarantine)
    assert (apart.answers, apart.device_at, apart.received_at) == (qlq(2), alone.device_at, late)
    assert stored_rows(person, Response) == []


def test_a_begun_form_may_be_finished_in_its_grace(person: Person) -> None:
    person.begin("BL", START)
    closes = person.slot("BL").closes_at
    assert closes is not None
    receipt = submit_visit(person, "BL", SubmittedForm(qlq(2), "s1", True), closes + timedelta(hours=47))
    assert (receipt.out_of_window, receipt.in_grace) == (False, True)


def test_submissions_after_an_exit_are_quarantined(person: Person) -> None:
    person.begin("BL", START)
    at = START + days(3)
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-04", Owner.site, "moved away")
    record_disposition(
        StaffContext(person.installation, person.nurse, at), person.site.study_id, person.subject, withdrawal
    )
    refusal = refusal_of(lambda: submit_visit(person, "BL", SubmittedForm(qlq(2), "s1", True), at))
    assert refusal.code == "arrived_too_late"
    assert len(stored_rows(person, Quarantine)) == 1
