"""PIN, birth date or nothing: on the way in, at the lock, and what is kept of a birth date."""

from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from sqlmodel import select

from app.domain.plans.plan import SecondCheck
from app.domain.records.audit import AuditEvent
from app.services.accounts.activation import RequiredCheck, activate_device, redeem_invitation
from app.services.accounts.birth_dates import record_birth_date
from app.services.accounts.devices import issue_own_code
from app.services.accounts.participant_session import unlock_device
from app.services.accounts.pin_change import change_pin
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.core.throttling import INVITATION_TRIES, SOURCE_TRIES, SPAN, TRIES
from app.services.schedule.enrolment import enrol_participant, issue_invitation
from app.storage.tables.audit import AuditEntry
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.activation import HERE, invite_person, link_of
from tests.scenarios.confirmation_rules import BORN, enrol_only, with_second_check
from tests.scenarios.people import PIN, START, Person, days, enrolment_entry
from tests.scenarios.trail_entries import entries_of

LATER = START + days(1)
RIGHT, WRONG = BORN.isoformat(), "1951-02-03"


@pytest.fixture
def guest(lone_installation: Installation, lone_site: Site) -> Person:
    """Somebody of a study that asks the birth date, who has no phone yet."""
    return enrol_only(with_second_check(lone_installation, SecondCheck.birth_date), lone_site, "0571-009")


def enter(person: Person, secret: str, answer: str, source: str = HERE) -> str:
    return activate_device(person.installation, secret, answer, "", "Android", source, START)


@pytest.mark.req("PRI-02")
def test_a_birth_date_is_stored_as_a_keyed_digest_only(guest: Person, lone_site: Site) -> None:
    row = guest.row()
    assert row.birth_hash is not None
    assert len(row.birth_hash) == 64
    twin = enrol_only(guest.installation, lone_site, "0571-010").row()
    assert twin.birth_hash != row.birth_hash
    with guest.installation.read() as session:
        changes = "".join(entry.changes for entry in session.exec(select(AuditEntry)))
    assert "1950" not in changes
    assert row.birth_hash not in changes
    other_key = SecretBox(b"another", guest.installation.secret_box.cost)
    assert other_key.keyed_fingerprint(RIGHT, "x") != guest.installation.secret_box.keyed_fingerprint(
        RIGHT, "x"
    )


@pytest.mark.req("PRI-02")
@pytest.mark.parametrize("check", [SecondCheck.pin, SecondCheck.none])
def test_a_study_that_does_not_ask_keeps_no_birth_date(
    lone_installation: Installation, lone_site: Site, check: SecondCheck
) -> None:
    person = enrol_only(with_second_check(lone_installation, check), lone_site, "0571-009")
    assert person.row().birth_hash is None
    refusal = refused(lambda: _record(person, BORN))
    assert refusal == "birth_date_not_asked"


@pytest.mark.parametrize(
    ("born_on", "code"),
    [
        (None, "birth_date_needed"),
        (date(1890, 1, 1), "bad_birth_date"),
        (date(2030, 1, 1), "bad_birth_date"),
    ],
)
def test_enrolment_needs_a_birth_date_that_somebody_can_have(
    guest: Person, lone_site: Site, born_on: date | None, code: str
) -> None:
    assert refused(lambda: enrol_only(guest.installation, lone_site, "0571-010", born_on)) == code


def _record(person: Person, born_on: date | None, reason: str = "mistyped") -> None:
    record_birth_date(
        StaffContext(person.installation, person.nurse, START), person.row().id, born_on, reason
    )


def test_nobody_is_invited_before_their_birth_date_is_known(
    lone_installation: Installation, lone_site: Site
) -> None:
    """As when somebody was enrolled before the plan asked for it."""
    before = enrol_only(lone_installation, lone_site, "0571-009")
    person = replace(before, installation=with_second_check(lone_installation, SecondCheck.birth_date))
    assert refused(lambda: invite_person(person)) == "birth_date_needed"
    assert refused(lambda: _record(person, None)) == "birth_date_needed"
    assert refused(lambda: _record(person, BORN, " ")) == "reason_needed"
    _record(person, BORN)
    assert enter(person, link_of(invite_person(person)), RIGHT)
    (entry,) = entries_of(lone_installation, AuditEvent.BIRTH_DATE_RECORDED)
    assert (entry.reason, "1950" in entry.changes) == ("mistyped", False)


@pytest.mark.req("IAM-10", "SEC-07")
def test_the_birth_date_lets_in_and_wakes(guest: Person) -> None:
    invited = invite_person(guest)
    assert redeem_invitation(guest.installation, invited.code, HERE, START).asks is RequiredCheck.birth_date
    assert refused(lambda: enter(guest, invited.code, WRONG)) == "wrong_link"
    guest.cookie = enter(guest, invited.code, RIGHT)
    assert guest.row().pin_hash is None
    participant = guest.participant(LATER)
    assert participant.locked
    for wrong in (WRONG, "", PIN):
        refusal = refused(
            partial(unlock_device, ParticipantContext(guest.installation, participant, LATER), wrong)
        )
        assert refusal == "wrong_birth_date"
    unlock_device(ParticipantContext(guest.installation, participant, LATER), RIGHT)
    assert not guest.participant(LATER).locked
    assert len(entries_of(guest.installation, AuditEvent.BIRTH_DATE_REFUSED)) == 3


@pytest.mark.req("IAM-12")
def test_wrong_dates_slow_down_invitation_and_person_until_a_new_sheet(guest: Person) -> None:
    guest.cookie = enter(guest, link_of(invite_person(guest)), RIGHT)
    link = link_of(invite_person(guest))
    for _ in range(TRIES):
        assert refused(lambda: enter(guest, link, WRONG)) == "wrong_link"
    assert refused(lambda: enter(guest, link, RIGHT)) == "throttled"
    for number in range(TRIES, INVITATION_TRIES):
        assert refused(partial(enter, guest, link, WRONG, f"192.0.2.1{number}")) == "wrong_link"
    assert refused(lambda: enter(guest, link, RIGHT, "192.0.2.99")) == "throttled"
    own = issue_own_code(ParticipantContext(guest.installation, guest.participant(START), START))
    assert refused(lambda: enter(guest, own.code, RIGHT)) == "throttled"
    unlock_device(
        ParticipantContext(guest.installation, guest.participant(LATER), START), RIGHT
    )  # a bound browser is not affected
    assert enter(guest, link_of(invite_person(guest)), RIGHT)
    entries = entries_of(guest.installation, AuditEvent.ACTIVATION_REFUSED)
    assert {entry.chain for entry in entries} == {f"participant:{guest.row().id}"}


@pytest.mark.req("IAM-12")
def test_wrong_dates_are_forgotten_after_an_hour(guest: Person) -> None:
    link = link_of(invite_person(guest))
    for _ in range(TRIES):
        assert refused(lambda: enter(guest, link, WRONG)) == "wrong_link"
    again = activate_device(guest.installation, link, RIGHT, "", "Android", HERE, START + SPAN)
    assert again


@pytest.mark.req("IAM-12")
def test_one_source_may_not_try_everybody(guest: Person, lone_site: Site) -> None:
    people = [enrol_only(guest.installation, lone_site, f"0571-{number:03d}") for number in range(10, 15)]
    for number in range(SOURCE_TRIES):
        person = people[number % len(people)]
        assert refused(partial(enter, person, link_of(invite_person(person)), WRONG)) == "wrong_link"
    assert refused(lambda: enter(guest, link_of(invite_person(guest)), RIGHT)) == "throttled"
    assert enter(guest, link_of(invite_person(guest)), RIGHT, "192.0.2.99")


def test_without_a_second_check_the_link_is_enough(lone_installation: Installation, lone_site: Site) -> None:
    person = enrol_only(with_second_check(lone_installation, SecondCheck.none), lone_site, "0571-009")
    person.cookie = enter(person, link_of(invite_person(person)), "")
    participant = person.participant(LATER)
    assert participant.locked
    unlock_device(ParticipantContext(person.installation, participant, LATER), "")
    assert not person.participant(LATER).locked


@pytest.fixture
def settled(lone_installation: Installation, lone_site: Site) -> Person:
    """Somebody of the shipped study, with a PIN and a phone."""
    person = Person(lone_installation, lone_site, "0571-001")
    enrol_participant(
        StaffContext(lone_installation, person.nurse, START), lone_site, enrolment_entry(person.subject)
    )
    link = link_of(invite_person(person))
    person.cookie = activate_device(lone_installation, link, PIN, PIN, "iPhone", HERE, START)
    return person


def test_a_code_of_one_s_own_asks_for_the_pin_and_leaves_it(settled: Person) -> None:
    code = issue_own_code(ParticipantContext(settled.installation, settled.participant(START), START))
    assert code.expires_at == LATER
    before = settled.row().pin_hash
    assert redeem_invitation(settled.installation, code.code, HERE, START).asks is RequiredCheck.pin
    assert refused(lambda: enter(settled, code.code, "000001")) == "wrong_link"
    assert enter(settled, code.code.lower(), PIN)
    assert settled.row().pin_hash == before
    assert refused(lambda: enter(settled, code.code, PIN)) == "wrong_link"
    (entry,) = entries_of(settled.installation, AuditEvent.OWN_CODE_ISSUED)
    assert (entry.actor_id, code.code in entry.changes) == (settled.row().public_id, False)


def test_a_later_code_replaces_the_earlier_and_leaves_the_sheet(settled: Person) -> None:
    sheet = link_of(invite_person(settled))
    participant = settled.participant(START)
    first, second = (
        issue_own_code(ParticipantContext(settled.installation, participant, START)).code for _ in range(2)
    )
    assert refused(lambda: enter(settled, first, PIN)) == "wrong_link"
    assert redeem_invitation(settled.installation, second, HERE, START).asks is RequiredCheck.pin
    assert redeem_invitation(settled.installation, sheet, HERE, START).asks is RequiredCheck.new_pin
    issue_invitation(
        StaffContext(settled.installation, settled.nurse, START), settled.site.study_id, settled.subject
    )
    assert refused(lambda: enter(settled, second, PIN)) == "wrong_link"


def test_the_pin_is_changed_by_who_knows_it(settled: Person) -> None:
    participant, new = settled.participant(START), "246802"

    def change(now: str, to: str = new, again: str = new) -> None:
        change_pin(ParticipantContext(settled.installation, participant, START), now, to, again)

    assert refused(lambda: change("000001")) == "wrong_pin"
    assert refused(lambda: change(PIN, "111111", "111111")) == "bad_pin"
    assert refused(lambda: change(PIN, again="135792")) == "pins_differ"
    change(PIN)
    assert len(entries_of(settled.installation, AuditEvent.PIN_CHANGED)) == 1
    assert (
        refused(lambda: unlock_device(ParticipantContext(settled.installation, participant, START), PIN))
        == "wrong_pin"
    )
    unlock_device(ParticipantContext(settled.installation, participant, START), new)
    for _ in range(TRIES):
        assert refused(lambda: change("000001")) == "wrong_pin"
    assert refused(lambda: change(new)) == "throttled"
