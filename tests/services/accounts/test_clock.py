"""A clock that is in doubt: what waits, what is flagged, and what an operator's confirmation sets right."""

from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from structlog.testing import capture_logs

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.jobs.ticker import run_tick
from app.services.accounts.edc_clients import TOKEN_LIFE, authenticate_client, issue_token
from app.services.accounts.participant_session import unlock_device
from app.services.accounts.staff_session import (
    authenticate_staff,
    confirm_second_factor,
    pending_second_factor,
    sign_in_staff,
)
from app.services.audit.audit_seals import day_to_seal, seal_days
from app.services.audit.clock_confirmation import (
    check_clock,
    confirm_clock,
    list_put_off,
    update_clock_trust,
)
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.clock_watch import DEFAULT_GAP, ClockUntrusted, ClockWatch
from app.services.core.context import ClockContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import find_due_work
from app.services.setup.readiness import find_readiness_faults, find_readiness_warnings
from app.services.setup.studies import create_client, create_staff
from app.storage.row_changes import BOOKKEEPING
from app.storage.tables.audit import AuditEntry, ClockConfirmation, DaySeal
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from app.storage.tables.messages import Message
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.refusals import refusal_of, refused
from tests.scenarios.alerts import escalate_alerts, person_with_alert_rules, submit_severe_pain
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.correction_signer import Signer
from tests.scenarios.machines import BOOT_ID, Machine, machine_at, with_clock_watch
from tests.scenarios.people import PIN, START, Person, days, enrol_person, qlq
from tests.scenarios.reminders import MailServer, count_entries, enrol_with_reminders, message_sender
from tests.scenarios.staff_desk import EMAIL, HERE, PASSWORD, totp_code
from tests.scenarios.trail_entries import verify_trail
from tests.statement_log import record_statements

REASON = "NTP was off after the power cut"
YEARS = days(2000)


def confirm(installation: Installation, machine: Machine, reason: str = REASON) -> None:
    reading = machine.read()
    confirm_clock(StaffContext(installation, SYSTEM, reading.wall), reading, BOOT_ID, reason)


@pytest.fixture
def machine() -> Machine:
    return machine_at(START)


@pytest.mark.req("TIM-04")
@pytest.mark.parametrize("jump", [YEARS, -YEARS, timedelta(minutes=6), -timedelta(minutes=6)])
@pytest.mark.usefixtures("person")
def test_a_jump_stops_the_clocks_work_until_the_clock_is_back(
    installation: Installation, machine: Machine, jump: timedelta
) -> None:
    watched = with_clock_watch(installation, machine)
    machine.ahead, machine.true = jump, START + days(1)
    mail = MailServer()
    with capture_logs() as logs:
        run_tick(watched, message_sender(mail), watched.clock_watch)
    assert [log["event"] for log in logs] == ["clock_untrusted"]
    assert watched.clock_watch() == START + days(1)
    with pytest.raises(ClockUntrusted):
        ClockContext(watched, START)
    assert count_entries(installation, AuditEvent.SLOT_OPENED) == 0
    machine.ahead = timedelta()
    run_tick(watched, message_sender(mail), watched.clock_watch)
    assert (
        count_entries(installation, AuditEvent.SLOT_OPENED)
        == count_entries(installation, AuditEvent.TRAIL_SEALED)
        == 1
    )


def test_a_trusted_clock_costs_no_query(installation: Installation, machine: Machine) -> None:
    watched = with_clock_watch(installation, machine)
    watched.clock_watch()
    with record_statements(installation.engine) as statements:
        update_clock_trust(watched)
    assert statements == []


def test_what_was_not_compared_with_the_trail_is_not_trusted(machine: Machine) -> None:
    watch = ClockWatch(machine.read)
    assert (watch(), watch.untrusted) == (START, True)


def test_nobody_watches_a_single_commands_clock() -> None:
    assert not ClockWatch().untrusted
    with pytest.raises(LookupError):
        ClockWatch()()


@pytest.mark.req("TIM-04")
@pytest.mark.usefixtures("person")
def test_a_start_behind_or_long_after_the_trail_awaits_a_confirmation(
    installation: Installation, machine: Machine
) -> None:
    def checked(ahead: timedelta) -> str:
        machine.ahead = ahead
        try:
            check_clock(installation, machine.read(), BOOT_ID, DEFAULT_GAP)
        except Refused as refusal:
            return f"{refusal.code} {refusal.details['clock']} {refusal.details['newest']}"
        return ""

    assert [checked(timedelta()), checked(days(7)), checked(-timedelta(minutes=5))] == ["", "", ""]
    assert checked(-timedelta(minutes=6)) == "clock_behind 2026-03-02T01:24:00.000Z 2026-03-02T01:30:00.000Z"
    assert checked(days(8)) == "clock_ahead 2026-03-10T01:30:00.000Z 2026-03-02T01:30:00.000Z"
    watched = with_clock_watch(installation, machine)
    assert (watched.clock_watch(), watched.clock_watch.untrusted) == (START, True)
    confirm(installation, machine)
    assert checked(days(8)) == ""
    update_clock_trust(watched)
    assert (watched.clock_watch(), watched.clock_watch.untrusted) == (START + days(8), False)


def test_an_empty_trail_contradicts_nobody(migrated_url: str, machine: Machine) -> None:
    with open_installation_at(migrated_url) as empty, empty.read() as session:
        nothing = session.exec(select(AuditEntry)).first() is None
        check_clock(empty, machine.read(), BOOT_ID, DEFAULT_GAP)
    assert nothing


@pytest.mark.req("TIM-04", "AUD-05")
@pytest.mark.usefixtures("person")
def test_a_confirmation_is_an_audited_act_with_its_reason(
    installation: Installation, machine: Machine
) -> None:
    confirm(installation, machine, f" {REASON} ")
    with installation.read() as session:
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).one()
        row = session.exec(select(ClockConfirmation)).one()
        before = session.get_one(AuditEntry, row.newest_entry_id)
    assert (entry.event, entry.reason) == ("system:clock:confirmed", REASON)
    assert (row.confirmed_at, row.boot_id, row.boot_ms) == (START, BOOT_ID, 3_600_000)
    assert (before.id, before.at) == ((entry.id) - 1, row.newest_entry_at)
    assert verify_trail(installation) == []
    assert refused(lambda: confirm(installation, machine, "  ")) == "reason_needed"
    assert refused(lambda: confirm(installation, machine, "x" * 401)) == "words_too_long"


@pytest.mark.usefixtures("person")
def test_a_clock_confirmation_counts_for_its_machine(installation: Installation, machine: Machine) -> None:
    confirm(installation, machine)
    other = Machine(START, START - days(1), ahead=YEARS)
    watched = with_clock_watch(installation, other, "boot of another")
    assert watched.clock_watch.untrusted
    other.ahead = timedelta()
    assert not with_clock_watch(installation, other, "boot of another").clock_watch.untrusted


def test_the_very_first_entry_can_be_a_confirmation(migrated_url: str, machine: Machine) -> None:
    with open_installation_at(migrated_url) as empty:
        confirm(empty, machine)
        with empty.read() as session:
            row = session.exec(select(ClockConfirmation)).one()
    assert (row.newest_entry_id, row.newest_entry_at) == (None, None)


@pytest.mark.req("TIM-04", "TIM-02")
def test_answers_of_an_untrusted_clock_are_taken_and_flagged(person: Person, machine: Machine) -> None:
    installation = person.installation = with_clock_watch(person.installation, machine)
    slot = person.begin("BL", START)
    machine.ahead, machine.true = YEARS, START + timedelta(minutes=1)
    at = installation.clock_watch()
    save_answers(person.device(at), slot, AnswerBatch("c1", [SubmittedAnswer(1, 0, "q1", 2)]))
    submit_form(
        ParticipantContext(installation, person.participant(at), at), slot, SubmittedForm(qlq(2), "s1", True)
    )
    other = SubmittedForm(qlq(3), "s2", True)
    context = ParticipantContext(installation, person.participant(at), at)
    assert refused(lambda: submit_form(context, slot, other)) == "already_submitted"
    with installation.read() as session:
        flags = [
            *session.exec(select(AnswerEvent.clock_untrusted)),
            session.exec(select(Response)).one().clock_untrusted,
            session.exec(select(Quarantine)).one().clock_untrusted,
        ]
        flagged = [text for text in session.exec(select(AuditEntry.changes)) if '"record":"clock"' in text]
    assert flags == [True] * 32
    assert len(flagged) == 2
    assert verify_trail(installation) == []


def test_late_answers_of_an_untrusted_clock_are_flagged(person: Person, machine: Machine) -> None:
    installation = person.installation = with_clock_watch(person.installation, machine)
    person.begin("BL", START)
    machine.true, machine.ahead = START + days(40), YEARS
    at = installation.clock_watch()
    context = ParticipantContext(installation, person.participant(at), at)
    form, slot = SubmittedForm(qlq(2), "s1", True), person.slot("BL").public_id
    assert refused(lambda: submit_form(context, slot, form)) == "arrived_too_late"
    with installation.read() as session:
        assert session.exec(select(Quarantine)).one().clock_untrusted


@pytest.mark.req("TIM-04")
@pytest.mark.usefixtures("person")
def test_readiness_says_that_the_clock_is_in_doubt(installation: Installation) -> None:
    with installation.read() as session:
        reading: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    machine = machine_at(reading.replace(tzinfo=START.tzinfo) if reading.tzinfo is None else reading)
    watched = with_clock_watch(installation, machine)
    assert find_readiness_warnings(watched, watched.clock_watch()) == ["clock_untrusted"]
    assert find_readiness_faults(watched, watched.clock_watch()) == []
    confirm(installation, machine)
    update_clock_trust(watched)
    assert find_readiness_warnings(watched, watched.clock_watch()) == []


def sealed_ahead(installation: Installation) -> None:
    """What a start with a clock five days ahead seals: within the gap, so nobody doubted it."""
    assert seal_days(ClockContext(installation, START + days(5))) == 1


@pytest.mark.req("TIM-04", "AUD-04")
def test_seals_of_a_future_that_never_was_hold_once_that_is_confirmed(
    installation: Installation, person: Person
) -> None:
    sealed_ahead(installation)
    later = START + timedelta(minutes=10)
    person.begin("BL", later)
    assert [fault.what for fault in verify_trail(installation)] == ["2026-03-06 does not hold"]
    confirm(installation, machine_at(later))
    person.save("BL", later + timedelta(minutes=1), SubmittedAnswer(1, 0, "q1", 2))
    assert verify_trail(installation) == []
    for day in range(1, 9):
        seal_days(ClockContext(installation, START + days(day)))
        assert verify_trail(installation) == []
    with installation.read() as session:
        sealed = sorted(session.exec(select(DaySeal.sealed_on)))
    assert sealed == [f"2026-03-0{day}" for day in range(2, 10)]
    assert day_to_seal(START + days(8)) == date(2026, 3, 9)


def test_a_confirmation_excuses_no_seal_of_a_day_that_was_over(
    installation: Installation, person: Person
) -> None:
    person.begin("BL", START)
    seal_days(ClockContext(installation, START + days(1)))
    person.save("BL", START + timedelta(minutes=1), SubmittedAnswer(1, 0, "q1", 2))
    confirm(installation, machine_at(START + days(1)))
    assert [fault.what for fault in verify_trail(installation)] == ["2026-03-02 does not hold"]


@pytest.mark.req("TIM-04")
def test_what_was_put_off_into_a_wrong_future_falls_due_now(installation: Installation, site: Site) -> None:
    somebody = enrol_with_reminders(installation, site)
    somebody.randomise(START.date(), START)
    evening, mail = START + timedelta(hours=10), MailServer()
    wrong = START + days(6)
    run_tick(installation, message_sender(mail), lambda: wrong)
    with installation.open_work(SYSTEM, wrong) as work:
        columns = Message.__table__  # type: ignore[attr-defined]  # SQLModel declares it at run time
        work.update_bookkeeping(
            columns, columns.c.id > 0, {"state": "queued", "lease_until": wrong + days(1)}
        )
    confirm(installation, machine_at(evening))
    with installation.read() as session:
        waiting = [message.lease_until for message in session.exec(select(Message))]
        awake = select(Slot.visit).where(col(Slot.wake_at) == evening)
        assert {"D0", "D1", "W6"} <= set(session.exec(awake))
    assert set(waiting) == {evening}
    run_tick(installation, message_sender(mail), lambda: evening)
    assert not find_due_work(ClockContext(installation, evening)).slots


@pytest.mark.req("TIM-04", "ALR-02")
def test_an_alert_dated_in_the_future_is_delivered_now(installation: Installation, site: Site) -> None:
    Signer(installation, site, "li", Role.NURSE)
    evening, mail, wrong = START + timedelta(hours=10), MailServer(), START + days(6)
    person, another = (
        person_with_alert_rules(enrol_person(installation, site, f"0571-00{number}")) for number in (1, 2)
    )
    submit_severe_pain(another, START)
    escalate_alerts(person.installation, message_sender(mail), START)
    submit_severe_pain(person, wrong)
    confirm(installation, machine_at(evening))
    assert escalate_alerts(person.installation, message_sender(mail), evening) == 1
    assert [letter.to for letter in mail.letters] == ["li@example.org"] * 2
    assert not find_due_work(ClockContext(installation, evening)).alerts  # until it is escalated


def test_whatever_waits_for_a_moment_is_woken_from_a_wrong_future() -> None:
    moments = {each for each in BOOKKEEPING if each.endswith((".wake_at", ".lease_until"))}
    assert {str(column) for column in list_put_off(START)} == moments


@pytest.mark.req("TIM-04", "SEC-05")
def test_a_phone_that_was_last_seen_in_the_future_is_locked(person: Person) -> None:
    ahead, at = START + YEARS, START + timedelta(minutes=1)
    person.begin("BL", START)
    unlock_device(ParticipantContext(person.installation, person.participant(ahead), ahead), PIN)
    assert not person.participant(ahead).locked
    assert person.participant(at).locked
    refusal = refusal_of(lambda: person.save("BL", at, SubmittedAnswer(1, 0, "q1", 2)))
    assert refusal.code == "locked"
    unlock_device(ParticipantContext(person.installation, person.participant(at), at), PIN)
    assert not person.participant(at).locked
    assert person.save("BL", at, SubmittedAnswer(1, 0, "q1", 2)) == 1


@pytest.mark.req("TIM-04", "SEC-05")
@pytest.mark.usefixtures("site")
def test_a_desk_session_of_the_future_is_over(installation: Installation) -> None:
    new = create_staff(StaffContext(installation, SYSTEM, START), EMAIL, "Li Na", PASSWORD, "en")
    ahead = START + YEARS
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, ahead)
    with installation.read() as session:
        assert refused(lambda: pending_second_factor(session, half, START)) == "not_signed_in"
    whole = confirm_second_factor(installation, half, totp_code(new.totp_secret, ahead), HERE, ahead)
    with installation.read() as session:
        assert authenticate_staff(installation, session.connection(), whole, ahead).staff_id == new.staff_id
        assert (
            refused(lambda: authenticate_staff(installation, session.connection(), whole, START))
            == "not_signed_in"
        )


@pytest.mark.usefixtures("site")
def test_a_token_of_the_future_is_worth_nothing(installation: Installation) -> None:
    client = create_client(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "EDC", [], None)
    token = issue_token(installation, client.client_id, client.secret, None, HERE, START + YEARS).token
    refusal = refusal_of(lambda: authenticate_client(installation, token, START + YEARS - TOKEN_LIFE))
    assert refusal.code == "invalid_token"
    assert authenticate_client(installation, token, START + YEARS).client_id == client.client_id
