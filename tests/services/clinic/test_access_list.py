"""Participants who can't sign in: locked out, or without a phone three days after enrolment."""

from datetime import datetime
from functools import partial

import pytest

from app.domain.plans.status import ExitKind
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.services.accounts.devices import issue_own_code
from app.services.accounts.participant_session import unlock_device
from app.services.clinic.sign_in_problems import (
    ProblemFilter,
    SignInProblems,
    list_sign_in_problems,
)
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.throttling import SPAN, TRIES
from app.services.setup.studies import open_site
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.activation import activate_phone
from tests.scenarios.confirmation_rules import enrol_only
from tests.scenarios.people import START, Person, days, site_entry, staff_member


def listed(person: Person, at: datetime, role: Role = Role.NURSE) -> SignInProblems:
    return list_sign_in_problems(StaffContext(person.installation, staff_member(role, person.site), at))


def counted(person: Person, at: datetime, role: Role = Role.NURSE) -> int:
    problems = listed(person, at, role)
    return len(problems.locked_out) + len(problems.not_activated)


@pytest.mark.req("IAM-12")
def test_who_is_locked_out_stands_there_for_an_hour(person: Person) -> None:
    assert counted(person, START) == 0
    later = START + days(1)
    participant = person.participant(later)
    own = issue_own_code(ParticipantContext(person.installation, participant, later))
    for number in range(TRIES):
        assert (
            refused(
                lambda: unlock_device(ParticipantContext(person.installation, participant, later), "000001")
            )
            == "wrong_pin"
        )
        guess = partial(activate_phone, person, own.code, later + days(number / 1440), "000001")
        assert refused(guess) == "wrong_link"
    problems = listed(person, later)
    assert [(each.subject, each.site, each.until) for each in problems.locked_out] == [
        ("0571-001", "Hospital 0571", later + SPAN)
    ]
    assert counted(person, later) == 1
    assert listed(person, later + SPAN).locked_out == ()


def test_who_has_no_phone_after_three_days_stands_there(person: Person, site: Site) -> None:
    enrol_only(person.installation, site, "0571-002")
    assert listed(person, START + days(2.9)).not_activated == ()
    problems = listed(person, START + days(3))
    assert [each.subject for each in problems.not_activated] == ["0571-002"]
    assert counted(person, START + days(3), Role.ADMIN) == 0
    gone = Person(person.installation, site, "0571-002")
    with person.installation.open_work(person.nurse, START) as work:
        row = work.session.merge(gone.row())
        row.exit_kind, row.exit_at = ExitKind.withdrew_study, START
        work.record(AuditEvent.DISPOSITION_RECORDED, f"participant:{row.id}")
    assert counted(person, START + days(3)) == 0


def test_a_colleague_elsewhere_sees_nobody(installation: Installation, person: Person) -> None:
    enrol_only(installation, person.site, "0571-002")
    from_elsewhere = open_site(
        StaffContext(installation, staff_member(Role.ADMIN, person.site), START),
        "sbrt-nsclc",
        site_entry("0021"),
    )
    nurse = staff_member(Role.NURSE, from_elsewhere)
    problems = list_sign_in_problems(StaffContext(installation, nurse, START + days(9)))
    assert problems == SignInProblems(3, (), (), problems.sites)


def test_each_list_goes_on_where_its_page_ends(
    person: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.clinic.sign_in_problems.MOST", 1)
    for number in (2, 3):
        enrol_only(person.installation, site, f"0571-00{number}")
    at, chosen, walked = START + days(3), ProblemFilter("0571"), []
    while True:
        problems = list_sign_in_problems(StaffContext(person.installation, person.nurse, at), chosen)
        walked += [each.subject for each in problems.not_activated]
        if problems.more_unused is None:
            break
        chosen = ProblemFilter("0571", unused_after=problems.more_unused)
    assert walked == ["0571-002", "0571-003"]
    elsewhere = ProblemFilter("0021", locked_after="0571-001")
    problems = list_sign_in_problems(StaffContext(person.installation, person.nurse, at), elsewhere)
    assert (problems.not_activated, problems.locked_out, problems.more_locked) == ((), (), "")
    assert [each.code for each in problems.sites] == ["0571"]
