"""What staff do on the work list: log contacts, let rows rest, have several people reminded, keep filters."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM
from app.domain.records.acts import KeyedAct
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.today.contacts import (
    LONGEST_SNOOZE_DAYS,
    LONGEST_WAIT_DAYS,
    ContactOutcome,
    join_reasons,
    split_reasons,
)
from app.domain.today.reasons import Reason
from app.services.clinic.today.bulk_acts import MOST
from app.services.clinic.today.bulk_reminders import remind_participants
from app.services.clinic.today.contact_log import correct_contact, get_contact_context, log_contact
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.clinic.today.snoozing import resume_participant, snooze_participant
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import create_staff
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import ContactEntry, Participant, Snooze
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.people import START, Person, days, enrol_person
from tests.scenarios.reminders import count_entries, enrol_with_reminders
from tests.scenarios.trail_entries import verify_trail

LATER = START + timedelta(hours=2)
TODAY = START.date()
PASSWORD = "correct horse battery"


def desk(person: Person, at: datetime = LATER) -> StaffContext:
    return StaffContext(person.installation, person.nurse, at)


def key(person: Person) -> int:
    return person.row().id


def test_a_logged_contact_closes_the_requested_call(person: Person) -> None:
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    assert get_contact_context(desk(person), key(person)).called_at == START
    assert Reason.call in [each.reason for each in list_participant_reasons(desk(person), key(person))]
    log_contact(
        desk(person), key(person), "reached_will_do", " tomorrow ", TODAY + days(1), answers_call=True
    )
    about = get_contact_context(desk(person), key(person))
    assert about.called_at is None
    (entry,) = about.log
    assert (entry.outcome, entry.note, entry.next_try_on) == ("reached_will_do", "tomorrow", TODAY + days(1))
    assert entry.recorded_by == person.nurse.id
    assert count_entries(person.installation, AuditEvent.CONTACT_LOGGED) == 1
    assert count_entries(person.installation, AuditEvent.REQUEST_CLOSED) == 1
    assert verify_trail(person.installation) == []


def test_a_contact_that_answers_nothing_closes_nothing(person: Person) -> None:
    log_contact(desk(person), key(person), "reached_will_do", "", None, answers_call=True)
    assert count_entries(person.installation, AuditEvent.REQUEST_CLOSED) == 0


@pytest.mark.parametrize("outcome", ContactOutcome)
def test_only_who_was_reached_has_their_request_settled(person: Person, outcome: ContactOutcome) -> None:
    request_call(ParticipantContext(person.installation, person.participant(START), START))

    def log() -> None:
        log_contact(desk(person), key(person), outcome, "x", None, answers_call=True)

    if outcome in {"reached_will_do", "reached_needs_help"}:
        log()
    else:
        assert refused(log) == "call_not_settled"
    settled = outcome in {"reached_will_do", "reached_needs_help"}
    assert (get_contact_context(desk(person), key(person)).called_at is None) is settled
    assert count_entries(person.installation, AuditEvent.CONTACT_LOGGED) == settled


@pytest.mark.parametrize(
    ("outcome", "note", "ahead", "code"),
    [
        ("", "", None, "contact_outcome"),
        ("reached", "", None, "contact_outcome"),
        ("other", "  ", None, "contact_note"),
        ("no_answer", "", -1, "next_try"),
        ("no_answer", "", LONGEST_WAIT_DAYS + 1, "next_try"),
    ],
)
def test_what_cannot_be_logged_is_refused(
    person: Person, outcome: str, note: str, ahead: int | None, code: str
) -> None:
    day = None if ahead is None else TODAY + days(ahead)
    assert refused(lambda: log_contact(desk(person), key(person), outcome, note, day)) == code
    assert count_entries(person.installation, AuditEvent.CONTACT_LOGGED) == 0


def test_a_correction_is_an_entry_and_what_it_corrects_stays(person: Person) -> None:
    log_contact(desk(person), key(person), "no_answer", "", None)
    with person.installation.read() as session:
        entry = session.exec(select(ContactEntry.id)).one() or 0
    correct_contact(desk(person), key(person), entry, "wrong_number", "dead", None, "mixed up")
    (line,) = get_contact_context(desk(person), key(person)).log
    assert (line.outcome, line.note, line.reason) == ("wrong_number", "dead", "mixed up")
    assert [each.outcome for each in line.corrected] == ["no_answer"]
    correct_contact(desk(person), key(person), line.entry_id, "too_ill", "", None, "again")
    (line,) = get_contact_context(desk(person), key(person)).log
    assert [each.outcome for each in line.corrected] == ["wrong_number", "no_answer"]
    assert count_entries(person.installation, AuditEvent.CONTACT_CORRECTED) == 2

    def again(entry_id: int = entry, reason: str = "x") -> None:
        correct_contact(desk(person), key(person), entry_id, "too_ill", "", None, reason)

    assert refused(again) == "contact_corrected"
    assert refused(lambda: again(entry_id=999)) == "unknown_contact"
    assert refused(lambda: again(entry_id=line.entry_id, reason=" ")) == "correction_reason"


def test_a_name_stands_for_who_is_known(installation: Installation) -> None:
    with installation.read() as session:
        assert find_staff_names(session, {"nurse@0571", "staff:99", "staff:None", "command-line"}) == {}


def test_a_row_rests_until_its_day_or_until_it_is_brought_back(person: Person) -> None:
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    context = desk(person)
    snooze_participant(context, key(person), [Reason.call], "on holiday", TODAY + days(2))
    today = get_today(context, TodayFilter())
    assert (today.rows, today.counts.resting) == ((), 1)
    (row,) = get_today(context, TodayFilter(resting=True)).rows
    assert row.snooze
    assert row.snooze.reason == "on holiday"
    assert [each.snoozed for each in row.reasons] == [True]
    snooze_participant(context, key(person), [Reason.call], "still away", TODAY + days(3))
    back = desk(person, START + days(3))
    assert [row.subject for row in get_today(back, TodayFilter(reason=Reason.call)).rows] == [person.subject]
    later = desk(person, LATER + timedelta(minutes=1))
    resume_participant(later, key(person))
    assert [row.subject for row in get_today(later, TodayFilter()).rows] == [person.subject]
    assert refused(lambda: resume_participant(later, key(person))) == "not_snoozed"
    assert count_entries(person.installation, AuditEvent.WORK_SNOOZED) == 2
    assert count_entries(person.installation, AuditEvent.WORK_RESUMED) == 1
    with person.installation.read() as session:
        assert session.exec(select(Snooze.reasons)).one() == " call "


def test_a_list_read_inside_an_act_shows_what_the_act_has_changed(person: Person) -> None:
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    context = desk(person)
    with context.unit_of_work() as work:
        work.session.get_one(Participant, key(person)).language = "zh_CN"
        work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(key(person)))
        (row,) = get_today(replace(context, opened=work), TodayFilter(language="zh_CN")).rows
    assert row.subject == person.subject


def test_another_reason_brings_a_resting_row_back(person: Person) -> None:
    at = START + days(26)  # the baseline closes on the 30th of March
    assert [each.reason for each in list_participant_reasons(desk(person, at), key(person))] == [Reason.half]
    snooze_participant(desk(person, at), key(person), [Reason.half], "away", at.date() + days(2))
    assert get_today(desk(person, at), TodayFilter()).rows == ()
    later = at + timedelta(hours=1)
    request_call(ParticipantContext(person.installation, person.participant(START), later))
    assert len(get_today(desk(person, later), TodayFilter()).rows) == 1


@pytest.mark.parametrize(
    ("reasons", "why", "ahead", "code"),
    [
        ([Reason.half], " ", 1, "snooze_reason"),
        ([Reason.half], "away", None, "snooze_until"),
        ([Reason.half], "away", 0, "snooze_until"),
        ([Reason.half], "away", LONGEST_SNOOZE_DAYS + 1, "snooze_until"),
        ([], "away", 1, "nothing_to_snooze"),
        ([Reason.alert], "away", 1, "nothing_to_snooze"),
    ],
)
def test_what_cannot_rest_is_refused(
    person: Person, reasons: list[Reason], why: str, ahead: int | None, code: str
) -> None:
    day = None if ahead is None else TODAY + days(ahead)
    assert refused(lambda: snooze_participant(desk(person), key(person), reasons, why, day)) == code


def test_a_newer_call_brings_a_resting_row_back(person: Person) -> None:
    def call(at: datetime) -> None:
        request_call(ParticipantContext(person.installation, person.participant(at), at))

    call(START)
    snooze_participant(desk(person), key(person), [Reason.call, Reason.missed], "holiday", TODAY + days(20))
    with person.installation.read() as session:
        assert session.exec(select(Snooze.reasons)).one() == " call "  # nothing was missed
    assert get_today(desk(person), TodayFilter()).rows == ()
    assert get_today(desk(person), TodayFilter()).counts.resting == 1
    closed = desk(person, LATER + timedelta(hours=1))
    log_contact(closed, key(person), "reached_will_do", "", None, answers_call=True)
    calm = get_today(closed, TodayFilter())  # nothing is left that could rest
    assert (calm.counts.resting, get_today(closed, TodayFilter(resting=True)).rows) == (0, ())
    call(LATER + timedelta(hours=2))
    again = desk(person, LATER + timedelta(hours=3))
    (row,) = get_today(again, TodayFilter()).rows
    assert next((each.reason, each.snoozed) for each in row.reasons) == (Reason.call, False)
    with pytest.raises(Refused, match="nothing_to_snooze"):
        snooze_participant(again, key(person), [Reason.undelivered], "x", TODAY + days(2))


def test_reasons_are_stored_by_their_codes() -> None:
    both = frozenset({Reason.half, Reason.call})
    assert join_reasons(both) == " call half "
    assert split_reasons(" call half older ") == both


def test_after_an_exit_there_is_no_reason(person: Person) -> None:
    entry = DispositionEntry(DispositionKind.death, TODAY.isoformat(), Owner.site)
    record_disposition(desk(person), person.site.study_id, person.subject, entry)
    assert list_participant_reasons(desk(person), key(person)) == ()


def test_several_are_reminded_and_one_that_cannot_be_holds_up_no_other(
    installation: Installation, site: Site
) -> None:
    first, second = enrol_with_reminders(installation, site, 1), enrol_person(installation, site, "0571-002")
    chosen = {each.row().public_id: each.slot("BL").public_id for each in (first, second)}
    act = KeyedAct("k", True, first.nurse.id, "b", "/desk")
    context = replace(desk(first), act=act)
    ticked_at_first = {first.row().public_id: chosen[first.row().public_id]}
    assert remind_participants(context, ticked_at_first).refused == ()
    for _press in range(2):  # back, one more is ticked, and sent again: what was sent is told of again
        result = remind_participants(context, chosen)
        assert result.done == 1
        assert [(each.subject, each.refused.code) for each in result.refused] == [
            ("0571-002", "reminders_not_wanted")
        ]
    with installation.read() as session:
        assert len(session.exec(select(Message)).all()) == 1


def test_a_reminder_is_offered_where_it_can_be_delivered(installation: Installation, site: Site) -> None:
    person = enrol_with_reminders(installation, site, 1)
    request_call(ParticipantContext(installation, person.participant(START), START))
    (row,) = get_today(desk(person), TodayFilter(search="0571-0")).rows
    assert row.may_remind
    remind_participants(desk(person), {row.participant: person.slot("BL").public_id})
    (row,) = get_today(desk(person), TodayFilter(search="0571-0", language="en")).rows
    assert not row.may_remind
    assert get_today(desk(person), TodayFilter(search="0571-0", language="e")).rows == ()


def test_a_reminder_of_several_names_somebody_whom_staff_may_reach(person: Person) -> None:
    assert refused(lambda: remind_participants(desk(person), {})) == "nobody_chosen"
    many = {str(number): "x" for number in range(MOST + 1)}
    assert refused(lambda: remind_participants(desk(person), many)) == "too_many_chosen"
    assert refused(lambda: remind_participants(desk(person), {"p-unknown": "x"})) == "unknown_participant"


def test_site_reason_and_language_are_remembered_for_each_person(person: Person) -> None:
    """What was looked for once, and the resting rows, are not where the next day begins."""
    viewer, other = (
        create_staff(
            StaffContext(person.installation, SYSTEM, START), email, "Li Na", PASSWORD, "en"
        ).staff_id
        for email in ("li.na@example.org", "wang@example.org")
    )
    shown = TodayFilter(site="0571", reason=Reason.call, language="en", visit="W6")
    chosen = replace(shown, search="0571", resting=True)
    get_today(desk(person), chosen, viewer)
    assert get_today(desk(person), None, viewer).criteria == shown
    assert get_today(desk(person), None, other).criteria == TodayFilter()
    assert get_today(desk(person), None).criteria == TodayFilter()
    get_today(desk(person), TodayFilter(), viewer)
    assert get_today(desk(person), None, viewer).criteria == TodayFilter()
    get_today(desk(person), TodayFilter(site="x" * 500), viewer)
    assert get_today(desk(person), None, viewer).criteria == TodayFilter()
    get_today(desk(person), TodayFilter(site="0999", reason=Reason.call), viewer)  # a site of another day
    assert get_today(desk(person), None, viewer).criteria == TodayFilter(reason=Reason.call)
