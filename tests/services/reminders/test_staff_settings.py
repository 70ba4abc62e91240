"""What staff change of how a participant is reminded: the contact, after a test message, and a pause."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

import pytest
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.plans.status import ExitKind
from app.domain.records.acts import KeyedAct
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.accounts.contacts import reveal_contact
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.today.contact_log import get_contact_context
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.reminders.reminder_delivery import MessageSender, claim_messages, deliver_message
from app.services.reminders.staff_settings import (
    change_contact,
    change_telephone,
    end_pause,
    get_participant_reach,
    pause_for_participant,
    remove_contact,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.enrolment import add_participant
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Contact
from app.storage.tables.studies import Site
from app.web.acts import ACTS
from app.web.urls import NEW_CONTACT
from tests.refusals import refused
from tests.scenarios.people import START, Person, days, enrol_person
from tests.scenarios.reminders import (
    EVENING,
    WORDS,
    MailServer,
    count_entries,
    message_sender,
    messages,
    process_all_due,
    reach_first_evening,
    shanghai,
)
from tests.scenarios.stale_next_due import find_stale_next_due
from tests.scenarios.trail_entries import verify_trail

NEW = "new@example.org"
REMINDERS = ACTS["POST", NEW_CONTACT].spoiled_by


def desk(person: Person, at: datetime = EVENING) -> tuple[StaffContext, int]:
    return StaffContext(person.installation, person.nurse, at), person.row().id


@dataclass
class SlowServer(MailServer):
    """A mail server that is still sending when somebody presses once more."""

    press: Callable[[], object] = bool

    def send(self, letter: MessageText) -> None:
        super().send(letter)
        self.press()


def reasons(installation: Installation, event: AuditEvent) -> list[tuple[str, str | None]]:
    with installation.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.event == event)).all()
    return [(row.actor_id, row.reason) for row in rows]


def _press_outdated(context: StaffContext, server: MailServer, who: int) -> None:
    """From another person's page, and from one of before reminders were changed: nothing leaves."""
    old = KeyedAct("k" * 64, True, context.actor.id, "b" * 64, "/done", who, 0, REMINDERS)

    def press(act: KeyedAct) -> str:
        pressed = replace(context, act=act)
        return refused(lambda: change_contact(pressed, message_sender(server), who, "email", NEW, "moved"))

    assert [press(replace(old, own=False)), press(old)] == ["page_outdated", "state_changed"]
    assert server.letters == []


def _press_twice_at_once(context: StaffContext, who: int) -> None:
    """The later press, by anybody, sends nothing while the first one's letter is under way."""
    presses: list[str] = []

    def press() -> None:
        again = partial(change_contact, context, message_sender(slow), who, "email", NEW, "moved")
        presses.append(refused(again))

    slow = SlowServer(press=press)
    other = replace(context, actor=replace(context.actor, id="staff:999"))
    change_contact(other, message_sender(slow), who, "email", "slow@example.org", "moved")
    assert (presses, len(slow.letters)) == (["test_under_way"], 1)


def _deliver_waiting(installation: Installation, server: MailServer) -> None:
    clock = ClockContext(installation, EVENING)
    for each in claim_messages(clock):
        deliver_message(clock, message_sender(server), each)


def _check_trail_hides(installation: Installation, words: str) -> None:
    with installation.read() as session:
        trail = " ".join(row.changes + (row.facts or "") for row in session.exec(select(AuditEntry)))
    assert words not in trail
    assert list(verify_trail(installation)) == []


@pytest.mark.req("PRI-01", "AUD-01")
def test_a_new_address_is_tried_first_and_the_old_one_gets_nothing_more(
    installation: Installation, site: Site
) -> None:
    person, server = reach_first_evening(installation, site), MailServer()
    context, who = desk(person)

    def change(address: str = NEW, reason: str = "wrote it down wrongly", channel: str = "email") -> str:
        return refused(lambda: change_contact(context, message_sender(server), who, channel, address, reason))

    assert [change(" "), change("new"), change(reason=" "), change(channel="letter")] == [
        "address_needed",
        "bad_address",
        "reason_needed",
        "unknown_channel",
    ]
    assert change("person1@example.org") == "same_contact"
    for silence in (SendFailed("refused"), Unconfirmed()):
        server.fails = silence
        assert change() == "address_not_reached"
    nowhere = MessageSender({}, WORDS)
    assert refused(lambda: change_contact(context, nowhere, who, "email", NEW, "moved")) == (
        "address_not_reached"
    )
    assert count_entries(installation, AuditEvent.CONTACT_CHANGED) == 0
    server.fails = None
    _press_outdated(context, server, who)
    _press_twice_at_once(context, who)
    change_contact(context, message_sender(server), who, "email", " ｎｅｗ＠example．org ", " moved ")
    reach = get_participant_reach(context, who)
    assert reach.contact is not None
    assert (reach.contact.address, reach.reminds) == ("n***@example.org", True)
    assert reasons(installation, AuditEvent.CONTACT_CHANGED) == [
        ("staff:999", "moved"),
        (person.nurse.id, "moved"),
    ]
    _deliver_waiting(installation, server)
    test, waited = server.letters
    assert (test.to, waited.to) == (NEW, NEW)
    assert "test message" in test.subject
    assert "You don't need to do anything." in test.text
    _check_trail_hides(installation, NEW)


def test_a_new_address_switches_reminders_on_unless_exited(installation: Installation, site: Site) -> None:
    person, server = enrol_person(installation, site, "0571-001"), MailServer()
    context, who = desk(person, START)
    assert get_participant_reach(context, who).contact is None
    change_contact(context, message_sender(server), who, "email", NEW, "asked for it")
    assert person.row().reminders_wanted
    assert list(find_stale_next_due(ClockContext(installation, START))) == []
    withdrawal = DispositionEntry(
        DispositionKind.withdrew_study, START.date().isoformat(), Owner.site, "moved"
    )
    record_disposition(context, site.study_id, person.subject, withdrawal)
    assert person.row().exit_kind is ExitKind.withdrew_study
    for act in (
        lambda: change_contact(context, message_sender(server), who, "email", "b@example.org", "moved"),
        lambda: pause_for_participant(context, who, START.date(), "moved"),
    ):
        assert refused(act) == "participation_ended"
    assert len(server.letters) == 1
    with installation.open_work(person.nurse, START) as work:
        plan = get_plan(installation, work.session, site.study_id)
        known = add_participant(work, plan, site, "0571-004", "en", AuditEvent.PARTICIPANT_REGISTERED)
        unasked = known.id
    assert refused(
        lambda: change_contact(context, message_sender(server), unasked, "email", NEW, "moved")
    ) == ("consent_needed")


@pytest.mark.req("PRI-01", "AUD-01")
def test_a_removed_address_gets_nothing_more_and_is_stored_nowhere(
    lone_installation: Installation, lone_site: Site
) -> None:
    person, server = reach_first_evening(lone_installation, lone_site), MailServer()
    context, who = desk(person)
    other = desk(enrol_person(lone_installation, lone_site, "0571-002"))
    assert refused(lambda: remove_contact(*other, "moved")) == "no_contact"
    assert refused(lambda: remove_contact(context, who, " ")) == "reason_needed"
    remove_contact(context, who, " wants no letters ")
    assert refused(lambda: remove_contact(context, who, "again")) == "no_contact"
    assert refused(lambda: reveal_contact(context, who)) == "no_contact"
    reach = get_participant_reach(context, who)
    assert (reach.contact, reach.entered_on, reach.reminds) == (None, None, False)
    assert get_participant_overview(context, who).contact is None
    assert reasons(lone_installation, AuditEvent.CONTACT_REMOVED) == [(person.nurse.id, "wants no letters")]
    clock = ClockContext(lone_installation, EVENING)
    assert [deliver_message(clock, message_sender(server), each) for each in claim_messages(clock)] == [
        "dropped"
    ]
    assert server.letters == []
    assert messages(lone_installation)[0].failure == "not_wanted"
    assert not any(row.may_remind for row in get_today(context, TodayFilter()).rows)
    assert list(find_stale_next_due(clock)) == []
    change_contact(context, message_sender(server), who, "email", NEW, "has an address again")
    assert get_participant_reach(context, who).reminds
    with lone_installation.read() as session:
        assert session.get_one(Contact, who).address_sealed
    assert verify_trail(lone_installation) == []


@pytest.mark.req("PRI-01", "AUD-01")
def test_a_telephone_is_kept_beside_the_address_masked_and_apart_from_reminders(
    installation: Installation, site: Site
) -> None:
    person = reach_first_evening(installation, site)
    context, who = desk(person)
    remove_contact(context, who, "wants no letters")
    assert refused(lambda: change_telephone(context, who, "", "none")) == "no_telephone"
    assert refused(lambda: change_telephone(context, who, "one-two", "typed")) == "bad_phone"
    assert refused(lambda: change_telephone(context, who, "13800138000", " ")) == "reason_needed"
    change_telephone(context, who, "１３８ 0013 8000", "asked for calls")
    assert refused(lambda: change_telephone(context, who, "138 0013 8000", "again")) == "same_telephone"
    masked = ("", "", "138****8000")
    for seen in (get_participant_reach(context, who).contact, get_participant_overview(context, who).contact):
        assert seen is not None
        assert (seen.channel, seen.address, seen.telephone) == masked
    assert reveal_contact(context, who).telephone == "138 0013 8000"
    assert not get_participant_reach(context, who).reminds
    assert get_participant_reach(context, who).entered_on is None
    assert get_contact_context(context, who).address == get_participant_reach(context, who).contact
    assert not any(row.may_remind for row in get_today(context, TodayFilter()).rows)
    change_contact(context, message_sender(MailServer()), who, "email", NEW, "has an address")
    remove_contact(context, who, "wants no letters")
    assert reveal_contact(context, who).telephone == "138 0013 8000"
    change_telephone(context, who, " ", "wants no calls")
    assert [why for _, why in reasons(installation, AuditEvent.CONTACT_CHANGED)] == [
        "asked for calls",
        "has an address",
        "wants no calls",
    ]
    assert refused(lambda: reveal_contact(context, who)) == "no_contact"
    with installation.read() as session:
        assert session.get_one(Contact, who).telephone_sealed == ""
    _check_trail_hides(installation, "8000")


@pytest.mark.req("PRI-03", "AUD-01")
def test_staff_let_reminders_rest_for_a_time_that_ends_by_itself_or_at_once(
    installation: Installation, site: Site
) -> None:
    person = reach_first_evening(installation, site)
    context, who = desk(person)
    today = date(2026, 3, 4)

    def pause(until: date | None) -> str:
        return refused(lambda: pause_for_participant(context, who, until, "ill"))

    wrong = (None, today - days(1), today + days(29))
    assert [pause(until) for until in wrong] == ["pause_until"] * 3
    assert refused(lambda: pause_for_participant(context, who, today, " ")) == "reason_needed"
    assert refused(lambda: end_pause(context, who)) == "not_paused"
    pause_for_participant(context, who, today + days(2), "in hospital")
    assert reasons(installation, AuditEvent.REMINDERS_PAUSED) == [(person.nurse.id, "in hospital")]
    server, clock = MailServer(), ClockContext(installation, EVENING)
    assert [deliver_message(clock, message_sender(server), each) for each in claim_messages(clock)] == [
        "dropped"
    ]
    process_all_due(installation, shanghai(today + days(1), 19))
    assert len(messages(installation)) == 1  # nothing is queued in a pause
    row = get_today(context, TodayFilter()).rows[0]
    assert row.paused_until == get_participant_reach(context, who).paused_until == today + days(2)
    over, _who = desk(person, shanghai(today + days(3)))
    assert get_participant_reach(over, who).paused_until is None
    assert refused(lambda: end_pause(over, who)) == "not_paused"
    end_pause(context, who)
    assert person.row().reminders_paused_until is None
    assert reasons(installation, AuditEvent.REMINDERS_RESUMED) == [(person.nurse.id, None)]
    assert list(verify_trail(installation)) == []
