"""A participant asks once, the right nurse sees it, and closing it says what came of it."""

from dataclasses import replace
from functools import partial

import pytest
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Actor, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import TeamRequestKind
from app.services.clinic.open_requests import OpenRequest, close_request, list_open_requests
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.correction_news import CorrectionState, list_correction_news
from app.services.patient.team_requests import (
    pending_call_request,
    pending_corrections,
    request_call,
    request_correction,
    withdraw_call,
    withdraw_correction,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import TeamRequest
from tests.refusals import refused
from tests.scenarios.arms import with_hidden_arms
from tests.scenarios.people import START, Person, days, enrol_person, site_entry, staff_member
from tests.scenarios.reminders import count_entries


def listed(installation: Installation, actor: Actor) -> tuple[OpenRequest, ...]:
    return list_open_requests(StaffContext(installation, actor, START))


@pytest.mark.req("COR-02", "AUD-01")
def test_a_call_is_requested_once_until_it_is_closed(installation: Installation, person: Person) -> None:
    participant, nurse = person.participant(START), person.nurse
    assert pending_call_request(ParticipantContext(installation, participant, participant.seen_at)) is None
    for minute in range(2):
        request_call(ParticipantContext(installation, participant, START + days(minute)))
    assert pending_call_request(ParticipantContext(installation, participant, participant.seen_at)) == START
    assert count_entries(installation, AuditEvent.CALL_REQUESTED) == 1
    (request,) = listed(installation, nurse)
    assert (request.kind, request.subject, request.asked_at, request.instrument) == (
        TeamRequestKind.call,
        "0571-001",
        START,
        None,
    )
    later = StaffContext(installation, nurse, START + days(2))
    log_contact(replace(later, at=START - days(1)), person.row().id, "reached_will_do", "", None)
    log_contact(later, person.row().id, "no_answer", "", None)
    assert not listed(installation, nurse)[0].reached
    for words in ("", "nobody answers"):
        assert refused(partial(close_request, later, request.request_id, words)) == "call_not_logged"
    log_contact(later, person.row().id, "reached_will_do", "", None)
    assert listed(installation, nurse)[0].reached
    close_request(later, request.request_id, " ")
    assert listed(installation, nurse) == ()
    again = START + days(3)
    request_call(ParticipantContext(installation, participant, again))
    assert pending_call_request(ParticipantContext(installation, participant, participant.seen_at)) == again
    closing = lambda: close_request(StaffContext(installation, nurse, again), request.request_id, "called")  # noqa: E731 - one use
    assert refused(closing) == "request_closed"
    (request,) = listed(installation, nurse)
    death = DispositionEntry(DispositionKind.death, f"{again.date()}", Owner.site, "told by the family")
    dead = StaffContext(installation, nurse, again)
    record_disposition(dead, person.site.study_id, person.subject, death)
    assert refused(lambda: close_request(dead, request.request_id, "")) == "outcome_needed"
    close_request(dead, request.request_id, "nobody can be called any more")


@pytest.mark.req("COR-01", "COR-02", "COR-04")
def test_a_correction_request_is_closed_with_its_outcome(installation: Installation, person: Person) -> None:
    participant, nurse, slot = person.participant(START), person.nurse, person.slot("BL").public_id
    person.begin("BL", START)
    assert (
        refused(lambda: request_correction(ParticipantContext(installation, participant, START), slot))
        == "unknown_slot"
    )
    person.submit("BL", START)
    for _ in range(2):
        request_correction(ParticipantContext(installation, participant, START), slot)
    assert count_entries(installation, AuditEvent.CORRECTION_REQUESTED) == 1
    assert pending_corrections(ParticipantContext(installation, participant, participant.seen_at)) == {
        person.slot("BL").id: START
    }
    (request,) = listed(installation, nurse)
    assert (request.slot, request.visit, request.instrument) == (slot, "BL", ("qlq-c30", "3.0"))
    assert (
        refused(lambda: close_request(StaffContext(installation, nurse, START), request.request_id, " "))
        == "outcome_needed"
    )
    close_request(StaffContext(installation, nurse, START), request.request_id, "item 5 should be 2")
    with installation.read() as session:
        row = session.exec(select(TeamRequest)).one()
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.REQUEST_CLOSED)).one()
    assert (row.closed_by, row.outcome, entry.reason) == (
        nurse.id,
        "item 5 should be 2",
        "item 5 should be 2",
    )
    assert "item 5" not in entry.changes
    assert pending_corrections(ParticipantContext(installation, participant, participant.seen_at)) == {}
    assert person.slot("BL").submitted_at == START


@pytest.mark.req("COR-02", "AUD-01")
def test_an_open_request_is_withdrawn_and_never_a_closed_one(
    installation: Installation, person: Person
) -> None:
    participant, nurse, slot = person.participant(START), person.nurse, person.slot("BL").public_id
    person.begin("BL", START)
    person.submit("BL", START)
    context = ParticipantContext(installation, participant, START)
    request_call(context)
    request_correction(context, slot)
    withdraw_call(context)
    assert [each.kind for each in listed(installation, nurse)] == [TeamRequestKind.correction]
    assert refused(lambda: withdraw_call(context)) == "request_closed"
    withdraw_correction(context, slot)
    assert listed(installation, nurse) == ()
    assert list_correction_news(context) == {}
    with installation.read() as session:
        rows = session.exec(select(TeamRequest)).all()
    assert {(row.closed_by, row.outcome) for row in rows} == {(participant.actor.id, None)}
    for event in (AuditEvent.CALL_WITHDRAWN, AuditEvent.CORRECTION_WITHDRAWN):
        assert count_entries(installation, event) == 1
    request_correction(context, slot)
    close_request(
        StaffContext(installation, nurse, START), listed(installation, nurse)[0].request_id, "as it was"
    )
    assert refused(lambda: withdraw_correction(context, slot)) == "request_closed"
    assert [news.state for news in list_correction_news(context).values()] == [CorrectionState.answered]


@pytest.mark.req("IAM-03", "COR-02")
def test_another_sites_requests_are_not_there(installation: Installation, person: Person) -> None:
    there = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0021"))
    other = enrol_person(installation, there, "0021-001")
    request_call(ParticipantContext(installation, other.participant(START), START + days(1)))
    request_call(ParticipantContext(installation, person.participant(START), START))
    assert [request.subject for request in listed(installation, person.nurse)] == ["0571-001"]
    assert [request.subject for request in listed(installation, other.nurse)] == ["0021-001"]
    everywhere = staff_member(Role.NURSE, there, everywhere=True)
    assert [request.subject for request in listed(installation, everywhere)] == ["0571-001", "0021-001"]
    theirs = listed(installation, other.nurse)[0].request_id
    for who, which in (
        (person.nurse, theirs),
        (person.nurse, 999),
        (staff_member(Role.MONITOR, there), theirs),
    ):
        closing = partial(close_request, StaffContext(installation, who, START), which, "x")
        assert refused(closing) == "unknown_request"
    assert listed(installation, staff_member(Role.MONITOR, there)) == ()
    assert listed(installation, staff_member(Role.DATA_MANAGER, there, everywhere=True)) == ()


def test_a_blinded_plan_hides_a_form_that_tells_the_arm(installation: Installation, person: Person) -> None:
    slot = person.slot("BL")
    with installation.open_work(person.nurse, START) as work:
        work.session.get_one(type(slot), slot.id).arm_revealing = True
        work.record(AuditEvent.VISIT_REQUESTED, participant_chain(slot.participant_id))
    person.begin("BL", START)
    person.submit("BL", START)
    request_correction(ParticipantContext(installation, person.participant(START), START), slot.public_id)
    veiled = with_hidden_arms(installation)
    assert [request.visit for request in listed(veiled, person.nurse)] == [""]
    assert [request.visit for request in listed(veiled, staff_member(Role.INVESTIGATOR, person.site))] == [
        "BL"
    ]
