"""Assigning participants: to one colleague who works the list there, or to nobody; and the list by it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role, staff_actor
from app.domain.records.acts import KeyedAct
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.staff_links import LinkPurpose
from app.domain.refusal import Refused
from app.domain.today.assignment import Assigned, parse_assignee, parse_shown_assignee
from app.services.clinic.participants.history import get_participant_history
from app.services.clinic.today.assigning import (
    assign_participant,
    assign_participants,
    get_assignment_choice,
)
from app.services.clinic.today.bulk_acts import MOST
from app.services.clinic.today.participant_work import get_participant_work
from app.services.clinic.today.rows import Colleague
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today, get_whole_list
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call
from app.services.people.role_grants import revoke_grant
from app.services.people.staff_links import reset_person
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import create_staff, disable_staff, enable_staff, grant_role, open_site
from app.storage.queries.staff import list_grants
from app.storage.tables.participants import Assignment
from app.storage.tables.staff import RoleGrant
from tests.refusals import refused
from tests.scenarios.people import START, Person, days, enrol_person, site_entry
from tests.scenarios.reminders import count_entries
from tests.scenarios.trail_entries import verify_trail

LATER = START + timedelta(hours=2)
STUDY = "sbrt-nsclc"


def somebody(installation: Installation, name: str, role: Role, site: str | None = "0571") -> int:
    """The number of a colleague in this role."""
    operator = StaffContext(installation, SYSTEM, START)
    account = create_staff(operator, f"{name}@example.org", name, "a long enough password", "en")
    grant_role(operator, account.staff_id, role, STUDY, site)
    return account.staff_id


def context_of(person: Person, at: datetime = LATER) -> StaffContext:
    return StaffContext(person.installation, person.nurse, at)


def context_as(person: Person, staff_id: int, at: datetime = LATER) -> StaffContext:
    """The desk of a colleague with the grants that are in force."""
    with person.installation.read() as session:
        grants = list_grants(session, staff_id, person.installation.grant_rules(at))
    return StaffContext(person.installation, staff_actor(staff_id, grants), at)


def key(person: Person) -> int:
    return person.row().id


@pytest.fixture
def zhao(person: Person) -> int:
    return somebody(person.installation, "Zhao", Role.NURSE)


@pytest.fixture
def calling(person: Person) -> Person:
    """The participant asks for a call, so that they stand on the list."""
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    return person


def listed(context: StaffContext, assigned: Assigned | None) -> Sequence[tuple[str, str]]:
    """Who stands on the list, and the name of whom they are assigned to."""
    today = get_today(context, TodayFilter(assigned=assigned))
    assert today.counts.every == len(today.rows)
    return [(row.subject, row.assignee.name if row.assignee else "") for row in today.rows]


def test_an_assigned_participant_is_found_by_their_colleague_and_by_everybody(
    calling: Person, zhao: int
) -> None:
    nurse, own, code = context_of(calling), context_as(calling, zhao), calling.subject
    assert listed(nurse, Assigned.nobody) == listed(nurse, None) == [(code, "")]
    assert listed(own, Assigned.me) == []
    assign_participant(nurse, key(calling), zhao, None)
    for context in (nurse, own):
        assert listed(context, None) == [(code, "Zhao")]
        assert listed(context, Assigned.nobody) == []
    assert listed(own, Assigned.me) == [(code, "Zhao")]
    assert listed(nurse, Assigned.me) == []
    assert len(get_whole_list(own, TodayFilter(assigned=Assigned.me)).rows) == 1
    assert get_participant_work(nurse, key(calling)).assignee == Colleague(zhao, "Zhao")
    assign_participant(nurse, key(calling), None, zhao)
    assert listed(nurse, Assigned.nobody) == [(code, "")]
    assert get_participant_work(nurse, key(calling)).assignee is None
    entries = get_participant_history(nurse, key(calling), "en").entries[:2]
    assert [(each.event, each.label) for each in entries] == [
        (AuditEvent.WORK_UNASSIGNED, ""),
        (AuditEvent.WORK_ASSIGNED, "Zhao"),
    ]
    assert verify_trail(calling.installation) == []


def test_the_same_choice_again_changes_nothing_and_an_old_page_is_refused(person: Person, zhao: int) -> None:
    qian, nurse = somebody(person.installation, "Qian", Role.INVESTIGATOR, None), context_of(person)
    assign_participant(nurse, key(person), None, None)
    assert count_entries(person.installation, AuditEvent.WORK_UNASSIGNED) == 0
    assign_participant(nurse, key(person), zhao, None)
    assign_participant(nurse, key(person), zhao, None)  # on a page that is older than the first
    assert count_entries(person.installation, AuditEvent.WORK_ASSIGNED) == 1
    for choice in (qian, None):
        assert refused(partial(assign_participant, nurse, key(person), choice, None)) == (
            "assigned_meanwhile"
        )
    assert get_assignment_choice(nurse, key(person)).assignee == Colleague(zhao, "Zhao")
    assign_participant(nurse, key(person), qian, zhao)
    assert get_assignment_choice(nurse, key(person)).assignee == Colleague(qian, "Qian")


def test_whoever_may_no_longer_work_the_list_has_nobody(calling: Person, zhao: int) -> None:
    installation, nurse = calling.installation, context_of(calling)
    operator = StaffContext(installation, SYSTEM, LATER)
    assign_participant(nurse, key(calling), zhao, None)
    disable_staff(operator, "zhao@example.org", "left")
    assert listed(nurse, Assigned.nobody) == [(calling.subject, "")]
    enable_staff(operator, "zhao@example.org", "is back")
    assert listed(nurse, None) == [(calling.subject, "Zhao")]
    with installation.read() as session:
        grant = session.exec(select(RoleGrant.id).where(RoleGrant.staff_id == zhao)).one()
    revoke_grant(operator, zhao, grant, "moves to monitoring")
    grant_role(operator, zhao, Role.MONITOR, STUDY, "0571")
    assert listed(nurse, Assigned.nobody) == listed(nurse, None) == [(calling.subject, "")]
    monitor = context_as(calling, zhao)
    assert listed(monitor, Assigned.me) == []
    assert listed(monitor, None) == [(calling.subject, "")]
    assert get_today(monitor, None).colleagues == ()
    assert get_participant_work(nurse, key(calling)).assignee is None
    assert refused(lambda: assign_participant(nurse, key(calling), zhao, None)) == "unknown_assignee"
    assign_participant(nurse, key(calling), None, None)  # and so it stays if the role comes back
    with installation.read() as session:
        assert session.exec(select(Assignment.assignee_id)).one() is None


@pytest.mark.parametrize("purpose", [LinkPurpose.PASSWORD, LinkPurpose.SECOND_FACTOR, LinkPurpose.BOTH])
def test_whoever_cannot_sign_in_after_a_reset_has_nobody(
    calling: Person, zhao: int, purpose: LinkPurpose
) -> None:
    nurse, operator = context_of(calling), StaffContext(calling.installation, SYSTEM, LATER)
    assign_participant(nurse, key(calling), zhao, None)
    reset_person(operator, zhao, purpose, "phone and paper lost")
    assert listed(nurse, Assigned.nobody) == [(calling.subject, "")]
    assert get_assignment_choice(nurse, key(calling)).assignee is None


def test_another_site_and_another_role_are_no_choice(calling: Person) -> None:
    installation, nurse = calling.installation, context_of(calling)
    other_site = open_site(StaffContext(installation, SYSTEM, START), STUDY, site_entry("0572"))
    for role, site in ((Role.NURSE, other_site.code), (Role.MONITOR, "0571"), (Role.DATA_MANAGER, None)):
        number = somebody(installation, f"{role}{site}".replace(" ", ""), role, site)
        assert refused(partial(assign_participant, nurse, key(calling), number, None)) == ("unknown_assignee")
    theirs = enrol_person(installation, other_site, f"{other_site.code}-001")
    with pytest.raises(Refused, match="unknown_participant"):
        assign_participants(nurse, {theirs.row().public_id: None}, None)


def test_whoever_left_is_assigned_to_nobody(person: Person, zhao: int) -> None:
    nurse = context_of(person)
    assign_participant(nurse, key(person), zhao, None)
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site, "moved")
    record_disposition(nurse, person.site.study_id, person.subject, withdrawal)
    choice = get_assignment_choice(nurse, key(person))
    assert (choice.exited, choice.assignee) == (True, None)
    assert refused(lambda: assign_participant(nurse, key(person), zhao, zhao)) == "participation_ended"
    assign_participant(nurse, key(person), None, zhao)
    assert get_participant_work(nurse, key(person)).assignee is None


def test_several_are_assigned_at_once_each_by_itself(person: Person, zhao: int) -> None:
    other = enrol_person(person.installation, person.site, "0571-002")
    nurse, both = context_of(person), [each.row().public_id for each in (person, other)]
    assign_participant(nurse, key(other), zhao, None)
    qian = somebody(person.installation, "Qian", Role.NURSE)
    act = KeyedAct("k", own=True, actor=person.nurse.id, body="b", result="/desk", participant_id=None)
    keyed = StaffContext(person.installation, person.nurse, LATER, act=act)
    for _press in range(2):
        result = assign_participants(keyed, dict.fromkeys(both), qian)
        assert result.done == 1
        assert [(each.subject, each.refused.code) for each in result.refused] == [
            ("0571-002", "assigned_meanwhile")
        ]
    assert count_entries(person.installation, AuditEvent.WORK_ASSIGNED) == 2
    for chosen, code in (
        ({}, "nobody_chosen"),
        (dict.fromkeys(map(str, range(MOST + 1))), "too_many_chosen"),
    ):
        assert refused(partial(assign_participants, nurse, chosen, qian)) == code


def test_a_choice_is_a_number_or_nobody() -> None:
    assert (parse_assignee("nobody"), parse_assignee("12"), parse_shown_assignee("12")) == (None, 12, 12)
    assert parse_shown_assignee("x") is None
    for typed in ("", "x", "-1", "9" * 10):
        assert refused(partial(parse_assignee, typed)) == "assignee_needed"


def test_the_choice_of_ones_own_is_remembered_while_one_works_the_list(calling: Person, zhao: int) -> None:
    own = context_as(calling, zhao)
    assert get_today(own, TodayFilter(assigned=Assigned.me), zhao).rows == ()
    assert get_today(own, None, zhao).criteria.assigned is Assigned.me
    operator = StaffContext(calling.installation, SYSTEM, LATER + days(1))
    with calling.installation.read() as session:
        grant = session.exec(select(RoleGrant.id).where(RoleGrant.staff_id == zhao)).one()
    revoke_grant(operator, zhao, grant, "moves to monitoring")
    grant_role(operator, zhao, Role.MONITOR, STUDY, "0571")
    later = context_as(calling, zhao, LATER + days(1))
    assert get_today(later, None, zhao).criteria.assigned is None
    assert len(get_today(later, None, zhao).rows) == 1
