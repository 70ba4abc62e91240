"""What participants set for themselves is kept, audited, and honoured by the clock."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.services.core.context import ClockContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.text_size import choose_text_size
from app.services.reminders.reminder_delivery import claim_messages, deliver_message
from app.services.reminders.reminder_settings import (
    choose_hour,
    choose_reminders,
    get_reminder_settings,
    pause_reminders,
)
from app.services.setup.studies import open_site
from app.storage.tables.audit import AuditEntry
from app.storage.tables.studies import Site
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.people import START, Person, days, enrol_person, site_entry
from tests.scenarios.reminders import (
    MailServer,
    count_entries,
    enrol_with_reminders,
    message_sender,
    messages,
    open_installation,
    process_all_due,
    shanghai,
)
from tests.scenarios.stale_next_due import find_stale_next_due
from tests.stages import Stage

RANDOMISED = date(2026, 3, 4)
W6_OPENS = date(2026, 4, 8)


def _come_to_the_week(installation: Installation) -> Sequence[str]:
    person = enrol_with_reminders(installation, site_of(installation))
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    process_all_due(installation, shanghai(W6_OPENS - days(1), 23))
    return (person.cookie,)


WEEK_COME = make_stage(_come_to_the_week, SITE)
"""Somebody who wants reminders, randomised, in the week before their second questionnaire opens."""


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return WEEK_COME if "reader" in request.fixturenames else stage


@pytest.fixture
def reader(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Person:
    """The person of that stage."""
    return Person(installation, site, "0571-001", secrets[migrated_url][0])


def kinds_at(installation: Installation, at: datetime) -> list[str]:
    """The kinds of reminder that are queued at this moment."""
    before = len(messages(installation))
    process_all_due(installation, at)
    return sorted(each.kind for each in messages(installation)[before:])


def right(installation: Installation, at: datetime) -> bool:
    """Whether every waking is what the facts say."""
    return list(find_stale_next_due(ClockContext(installation, at))) == []


def refused(choose: object, *arguments: object) -> str:
    with pytest.raises(Refused) as raised:
        choose(*arguments)  # type: ignore[operator]  # any of the use cases above
    return raised.value.code


@pytest.mark.req("AUD-01")
def test_a_chosen_text_size_is_stored_and_audited_once(installation: Installation, person: Person) -> None:
    participant = person.participant(START)
    for _ in range(2):
        choose_text_size(ParticipantContext(installation, participant, START), "large")
    assert person.row().text_size is TextSize.large
    assert person.participant(START).text_size is TextSize.large
    assert count_entries(installation, AuditEvent.TEXT_SIZE_CHANGED) == 1
    assert (
        refused(choose_text_size, ParticipantContext(installation, participant, START), "huge")
        == "unknown_choice"
    )
    with installation.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.TEXT_SIZE_CHANGED)).one()
    assert '"field":"text_size","new":"large","old":"standard"' in entry.changes


@pytest.mark.req("PRI-03")
def test_a_chosen_hour_holds_for_questionnaire_and_diary(installation: Installation, reader: Person) -> None:
    at = shanghai(W6_OPENS, 1)
    participant = reader.participant(at)
    for _ in range(2):
        choose_hour(ParticipantContext(installation, participant, at), "20:00")
    assert count_entries(installation, AuditEvent.REMINDERS_CHANGED) == 1
    assert right(installation, at)
    assert kinds_at(installation, shanghai(W6_OPENS, 19, 59)) == []
    assert kinds_at(installation, shanghai(W6_OPENS, 20)) == ["entry", "opening"]
    assert (
        refused(choose_hour, ParticipantContext(installation, participant, at), "07:00") == "unknown_choice"
    )
    assert (
        refused(choose_hour, ParticipantContext(installation, participant, at), "22:00") == "unknown_choice"
    )
    back = shanghai(W6_OPENS + days(1), 1)
    choose_hour(ParticipantContext(installation, participant, back), "")
    assert right(installation, back)
    assert kinds_at(installation, shanghai(W6_OPENS + days(1), 18, 59)) == []
    assert kinds_at(installation, shanghai(W6_OPENS + days(1), 19)) == ["entry"]


def test_an_hour_of_today_that_is_past_reminds_at_once_and_once(
    installation: Installation, reader: Person
) -> None:
    at = shanghai(W6_OPENS, 1)
    choose_hour(ParticipantContext(installation, reader.participant(at), at), "21:00")
    later = shanghai(W6_OPENS, 12)
    choose_hour(ParticipantContext(installation, reader.participant(at), later), "10:00")
    assert kinds_at(installation, later) == ["entry", "opening"]
    choose_hour(ParticipantContext(installation, reader.participant(at), later), "15:00")
    assert kinds_at(installation, shanghai(W6_OPENS, 15)) == []


@pytest.mark.req("PRI-03")
def test_a_pause_drops_what_falls_into_it_and_floods_nobody_after(
    installation: Installation, reader: Person
) -> None:
    at, last = shanghai(W6_OPENS, 1), W6_OPENS + days(2)
    participant = reader.participant(at)
    pause_reminders(ParticipantContext(installation, participant, at), last)
    assert right(installation, at)
    for hour in range(0, 3 * 24, 3):
        assert kinds_at(installation, at + timedelta(hours=hour)) == []
    assert (
        get_reminder_settings(
            ParticipantContext(installation, participant, shanghai(last, 23, 59))
        ).paused_until
        == last
    )
    over = shanghai(last + days(1))
    assert get_reminder_settings(ParticipantContext(installation, participant, over)).paused_until is None
    assert kinds_at(installation, over) == []
    assert right(installation, over)
    assert kinds_at(installation, shanghai(last + days(1), 19)) == ["entry"]
    assert reader.slot("W6").wake_at == shanghai(W6_OPENS + days(7), 9)


@pytest.mark.req("PRI-03")
def test_a_pause_that_is_ended_early_gives_the_reminder_of_today(
    installation: Installation, reader: Person
) -> None:
    at = shanghai(W6_OPENS, 1)
    participant = reader.participant(at)
    pause_reminders(ParticipantContext(installation, participant, at), W6_OPENS + days(6))
    for day in (W6_OPENS - days(1), W6_OPENS + days(7)):
        assert (
            refused(pause_reminders, ParticipantContext(installation, participant, at), day)
            == "unknown_choice"
        )
    noon = shanghai(W6_OPENS, 12)
    assert kinds_at(installation, noon) == []
    for _ in range(2):
        pause_reminders(ParticipantContext(installation, participant, noon), None)
    assert count_entries(installation, AuditEvent.REMINDERS_CHANGED) == 2
    assert kinds_at(installation, noon) == ["opening"]


@pytest.mark.req("PRI-03")
def test_reminders_are_switched_off_and_on(installation: Installation, reader: Person) -> None:
    at = shanghai(W6_OPENS, 1)
    participant = reader.participant(at)
    settings = get_reminder_settings(ParticipantContext(installation, participant, at))
    assert (settings.channel, settings.address, settings.reminds) == ("email", "p***@example.org", True)
    assert (settings.hour, settings.usual, settings.usual_diary) == ("", time(9), time(19))
    assert (settings.pauses[0], settings.pauses[-1], len(settings.pauses)) == (
        W6_OPENS,
        W6_OPENS + days(6),
        7,
    )
    for _ in range(2):
        choose_reminders(ParticipantContext(installation, participant, at), False)
    assert not get_reminder_settings(ParticipantContext(installation, participant, at)).reminds
    assert right(installation, at)
    assert kinds_at(installation, shanghai(W6_OPENS, 9)) == []
    choose_reminders(ParticipantContext(installation, participant, shanghai(W6_OPENS, 9)), True)
    assert count_entries(installation, AuditEvent.REMINDERS_CHANGED) == 2
    assert kinds_at(installation, shanghai(W6_OPENS, 9)) == ["opening"]


def test_without_an_address_nothing_can_be_switched_on(installation: Installation, person: Person) -> None:
    participant = person.participant(START)
    settings = get_reminder_settings(ParticipantContext(installation, participant, START))
    assert (settings.channel, settings.address, settings.reminds) == ("", "", False)
    assert (
        refused(choose_reminders, ParticipantContext(installation, participant, START), True) == "no_contact"
    )
    choose_reminders(ParticipantContext(installation, participant, START), False)
    assert count_entries(installation, AuditEvent.REMINDERS_CHANGED) == 0


@pytest.mark.req("PRI-03")
def test_a_message_that_waits_is_dropped_when_a_pause_begins(migrated_sqlite_url: str) -> None:
    with open_installation(migrated_sqlite_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        person = enrol_with_reminders(installation, site)
        enrol_person(installation, site, "0571-002")
        opening = shanghai(START.date(), 10)
        process_all_due(installation, opening)
        evening = shanghai(START.date() + days(14), 10)
        process_all_due(installation, evening)
        (waiting,) = claim_messages(ClockContext(installation, evening))
        pause_reminders(
            ParticipantContext(installation, person.participant(evening), evening), evening.date()
        )
        mail_server = MailServer()
        assert (
            deliver_message(ClockContext(installation, evening), message_sender(mail_server), waiting)
            == "dropped"
        )
        assert (mail_server.letters, messages(installation)[-1].failure) == ([], "paused")
