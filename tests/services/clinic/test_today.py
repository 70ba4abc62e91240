"""Today: whom the list shows and why, in every database as the pure rule says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Actor, ActorKind, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import TeamRequestKind
from app.domain.today.reasons import DiaryFacts, Reason, TodayCursor
from app.services.accounts.participant_session import unlock_device
from app.services.clinic.today.contact_log import log_contact
from app.services.clinic.today.rows import TodayRow
from app.services.clinic.today.snoozing import snooze_participant
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import Today, get_today, get_whole_list
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import open_site
from app.storage.queries.today import rows as statements
from app.storage.queries.today.branches import SOURCES
from app.storage.queries.today.rows import TodaySearch
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.alerts import person_with_alert_rules
from tests.scenarios.beginnings import SITE, make_stage, site_of, stage_of_fixtures
from tests.scenarios.people import (
    PIN,
    START,
    Person,
    days,
    enrol_person,
    enrolment_entry,
    library,
    qlq,
    site_entry,
    staff_member,
    with_short_diary,
)
from tests.scenarios.today_reading import by_rule, by_statement, read_facts
from tests.stages import Stage
from tests.statement_log import record_statements

EVERYTHING = TodayFilter()
RANDOMISED = date(2026, 3, 4)
WEEK_6 = START + days(2 + 42)  # the target day of W6, 09:30 in Shanghai


def _three(installation: Installation) -> Sequence[str]:
    """Three people randomised on consecutive days, and one who never signed in."""
    installation, site = with_short_diary(installation), site_of(installation)
    people = [enrol_person(installation, site, f"0571-{number:03d}") for number in (1, 2, 3)]
    for number, person in enumerate(people):
        person.randomise(RANDOMISED + days(number), START + days(6))
    waiting = Person(installation, site, "0571-004")
    enrol_participant(
        StaffContext(installation, waiting.nurse, START), site, enrolment_entry(waiting.subject)
    )
    return [person.cookie for person in people]


THREE = make_stage(_three, SITE)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    return THREE if "trial" in request.fixturenames else stage_of_fixtures(request.fixturenames)


@pytest.fixture
def trial(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> list[Person]:
    """The people of that stage."""
    cookies = (*secrets[migrated_url], "")
    return [
        Person(installation, site, f"0571-{number:03d}", cookie) for number, cookie in enumerate(cookies, 1)
    ]


def today(
    installation: Installation, at: datetime, person: Person, criteria: TodayFilter = EVERYTHING
) -> Today:
    return get_today(StaffContext(installation, person.nurse, at), criteria)


def why(row: TodayRow) -> list[Reason]:
    return [each.reason for each in row.reasons]


def shown(page: Today) -> dict[str, list[Reason]]:
    return {row.subject: why(row) for row in page.rows}


def awaken(person: Person, at: datetime) -> None:
    unlock_device(ParticipantContext(person.installation, person.participant(at), at), PIN)


def disturb(trial: list[Person]) -> None:
    """Things of every kind: a form begun and left, a call asked for, a failed message, a form in pain."""
    first, second, third, _waiting = trial
    awaken(first, WEEK_6)
    first.begin("W6", WEEK_6)
    first.save("W6", WEEK_6 + timedelta(minutes=10), SubmittedAnswer(1, 0, "q1", 2))
    awaken(second, START + days(5))
    request_call(
        ParticipantContext(second.installation, second.participant(START + days(5)), START + days(5))
    )
    awaken(third, WEEK_6 + days(3))
    third.begin("W6", WEEK_6 + days(3))
    person_with_alert_rules(third).submit("W6", WEEK_6 + days(3), qlq(2) | {"q9": 4})
    slot = second.slot("W6")
    with first.installation.open_work(SYSTEM, WEEK_6) as work:
        work.session.add(_message(second, slot.id, WEEK_6 - days(1), "failed"))
        work.session.add(_message(third, third.slot("W6").id, WEEK_6 - days(1), "failed"))
        work.record(AuditEvent.REMINDER_FAILED, participant_chain(second.row().id))
        work.record(AuditEvent.REMINDER_FAILED, participant_chain(third.row().id))
    with first.installation.open_work(SYSTEM, WEEK_6) as work:
        work.session.add(_message(third, third.slot("W6").id, WEEK_6, "sent"))
        work.record(AuditEvent.REMINDER_SENT, participant_chain(third.row().id))


def _message(person: Person, slot: int, at: datetime, state: str) -> Message:
    return Message(
        slot_id=slot,
        participant_id=person.row().id,
        window_version=9,
        kind=f"{state}-{at:%d}",
        state=state,
        channel="email",
        key=f"{slot}-{state}-{at:%d}",
        lease_until=at,
        queued_at=at,
        settled_at=at,
    )


MOMENTS = (
    0, 2.9, 3, 4, 6, 9, 12, 26, 30, 35, 37, 42, 44, 44.05, 46, 46.05, 47, 48, 49, 51, 51.2, 52, 54, 60, 87,
    91, 102, 110, 140, 300,
)  # fmt: skip


def test_every_reason_comes_and_goes_in_a_whole_course(
    installation: Installation, trial: list[Person]
) -> None:
    disturb(trial)
    site = trial[0].site
    seen: set[Reason] = set()
    plan, locked = library().get_plan("sbrt-nsclc", "1.0"), trial[2].row().id
    search = TodaySearch(site.study_id, plan, (site.id,), START, locked=(locked,))
    for offset in MOMENTS:
        for phase in (timedelta(), timedelta(hours=14, minutes=30)):
            search = replace(search, at=START + days(offset) + phase, whole_study=not search.whole_study)
            rule = by_rule(read_facts(installation, search), search)
            rows = by_statement(installation, search)
            assert rows == rule, offset
            with installation.read() as session:
                counts = statements.count_reasons(session.connection(), search)
            assert counts.by_reason == {reason: len(people) for reason, people in rule.items()}
            assert counts.every == len({person for people in rule.values() for person in people})
            seen |= {reason for reason, people in rows.items() if people}
    assert seen == set(SOURCES)


def test_a_count_that_stops_early_says_so_also_where_few_people_have_many_entries(
    lone: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, key = lone.site, lone.row().id
    with lone.installation.open_work(SYSTEM, START) as work:
        calls = (
            TeamRequest(participant_id=key, kind=TeamRequestKind.call, asked_at=START, slot_key=number)
            for number in range(3)
        )
        work.session.add_all(calls)
        work.record(AuditEvent.CALL_REQUESTED, participant_chain(key))
    search = TodaySearch(site.study_id, library().get_plan("sbrt-nsclc", "1.0"), (site.id,), START)
    with lone.installation.read() as session:
        exact = statements.count_reasons(session.connection(), search)
        monkeypatch.setattr(statements, "COUNTED", 3)
        monkeypatch.setattr(statements, "_COUNTED", statements._number(3))
        monkeypatch.setattr(statements, "_counts", statements._counts.__wrapped__)
        cut = statements.count_reasons(session.connection(), search)
    assert (exact.by_reason[Reason.call], exact.every, exact.cut) == (1, 1, frozenset())
    assert (cut.by_reason[Reason.call], cut.every, cut.cut) == (1, 1, frozenset({Reason.call}))


def test_rows_name_the_most_urgent_form_with_its_window(
    installation: Installation, trial: list[Person]
) -> None:
    at = WEEK_6 + days(6)
    (row, *_others) = today(installation, at, trial[0]).rows
    assert (row.subject, why(row)[0]) == ("0571-001", Reason.closing)
    assert row.form
    assert (row.form.visit, row.form.answered, row.form.questions) == ("W6", 0, 30)
    assert (row.form.plan_version, row.form.instrument_version) == ("1.0", "3.0")
    assert (row.form.closes_on, row.form.remaining_days) == (RANDOMISED + days(49), 1)
    assert (row.form.day, row.form.days, row.form.target_day) == (14, 15, 8)
    assert (row.form.reminded, row.form.planned) == (0, 3)
    assert (row.may_remind, row.may_log) == (False, True)  # there is no address
    assert (row.contact, row.snooze) == (None, None)


def test_counts_and_rows_are_those_of_the_search(installation: Installation, trial: list[Person]) -> None:
    at = WEEK_6 + days(5)
    for typed, expected in (("-002", {"0571-002"}), ("%", set()), ("_", set()), ("/", set())):
        page = today(installation, at, trial[0], TodayFilter(search=typed))
        assert {row.subject for row in page.rows} == expected
        assert page.counts.every == len(expected)
    assert today(installation, at, trial[0], TodayFilter(language="zh_CN")).counts.every == 0
    person = trial[1]
    assert person.subject == "0571-002"
    every = today(installation, at, trial[0])
    of_visit = {row.subject for row in every.rows if row.form and row.form.visit == "W6"}
    assert of_visit
    narrowed = today(installation, at, trial[0], TodayFilter(visit="W6"))
    assert ({row.subject for row in narrowed.rows}, narrowed.counts.every) == (of_visit, len(of_visit))
    assert today(installation, at, trial[0], TodayFilter(visit="W96")).counts.every == 0
    with installation.open_work(person.nurse, at) as work:
        slots = list(
            work.session.exec(select(Slot.id).where(Slot.participant_id == person.row().id).limit(2))
        )
        for slot in slots:
            kind = TeamRequestKind.correction
            request = TeamRequest(participant_id=person.row().id, kind=kind, slot_id=slot, asked_at=at)
            request.slot_key = slot
            work.session.add(request)
        work.record(AuditEvent.CORRECTION_REQUESTED, f"participant:{person.row().id}")
    for typed, asking in (("", 1), ("-002", 1), ("-001", 0)):
        assert today(installation, at, trial[0], TodayFilter(search=typed)).counts.corrections == asking
    every = today(installation, at, trial[0])
    assert every.counts.every == len(every.rows)
    (only,) = {reason for row in every.rows for reason in why(row)} & {Reason.unused}
    assert list(shown(today(installation, at, trial[0], TodayFilter(reason=only)))) == ["0571-004"]


@pytest.mark.parametrize("size", [1, 2])
def test_pages_follow_each_other_without_a_gap(
    installation: Installation, trial: list[Person], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = WEEK_6 + days(5)
    whole = list(shown(today(installation, at, trial[0])))
    monkeypatch.setattr("app.services.clinic.today.work_list.PAGE", size)
    seen: list[str] = []
    after = None
    for _page in range(9):
        page = today(installation, at, trial[0], TodayFilter(after=after))
        seen += shown(page)
        after = page.next
        if after is None:
            break
    assert (seen, after) == (whole, None)
    context = StaffContext(installation, trial[0].nurse, at)
    assert list(shown(get_whole_list(context, TodayFilter()))) == whole
    monkeypatch.setattr("app.services.clinic.today.work_list.SHEET", len(whole) - 2)
    sheet = get_whole_list(context, TodayFilter())
    next_sheet = get_whole_list(context, TodayFilter(after=sheet.next))
    assert [*shown(sheet), *shown(next_sheet)] == whole
    last = today(installation, at, trial[0], TodayFilter(after=TodayCursor(99, at, 0)))
    assert (last.rows, last.next) == ((), None)


@pytest.mark.req("IAM-03")
def test_staff_see_their_own_sites_only(installation: Installation, trial: list[Person]) -> None:
    other = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0021"))
    stranger = enrol_person(installation, other, "0021-001")
    stranger.randomise(RANDOMISED, START + days(6))
    at = WEEK_6 + days(5)
    assert {name[:4] for name in shown(today(installation, at, trial[0]))} == {"0571"}
    assert list(shown(today(installation, at, stranger))) == ["0021-001"]
    everywhere = StaffContext(installation, staff_member(Role.DATA_MANAGER, other, everywhere=True), at)
    assert {name[:4] for name in shown(get_today(everywhere, EVERYTHING))} == {"0571", "0021"}
    assert list(shown(get_today(everywhere, TodayFilter(site="0021")))) == ["0021-001"]
    nowhere = get_today(everywhere, TodayFilter(site="9999"))
    assert (nowhere.rows, nowhere.counts.every) == ((), 0)
    nobody = StaffContext(installation, Actor(ActorKind.STAFF, "staff:9", "none"), at)
    assert get_today(nobody, EVERYTHING).sites == ()


def test_exited_participants_never_appear(installation: Installation, trial: list[Person]) -> None:
    person, at = trial[0], WEEK_6 + days(5)
    entry = DispositionEntry(DispositionKind.death, (at - days(1)).date().isoformat(), Owner.site)
    record_disposition(
        StaffContext(installation, person.nurse, at), person.site.study_id, person.subject, entry
    )
    assert person.subject not in shown(today(installation, at, person))


def test_an_empty_list_names_the_next_opening(person: Person) -> None:
    calm = today(person.installation, START + days(1), person)
    assert (calm.rows, calm.counts.every, calm.next_opening) == ((), 0, None)


@pytest.mark.req("IAM-03")
def test_a_page_costs_few_statements(installation: Installation, trial: list[Person]) -> None:
    for criteria in (EVERYTHING, TodayFilter(search="0571"), TodayFilter(reason=Reason.closing)):
        with record_statements(installation.engine) as statements:
            today(installation, WEEK_6 + days(5), trial[0], criteria)
        assert 1 <= len([each for each in statements if each.startswith(("SELECT", "WITH"))]) <= 6


def test_a_row_tells_how_long_nothing_came_and_what_the_last_call_was(
    installation: Installation, trial: list[Person]
) -> None:
    disturb(trial)
    person, at = trial[0], WEEK_6 + days(3)
    log_contact(
        StaffContext(installation, person.nurse, at),
        person.row().id,
        "no_answer",
        "",
        at.date() + days(1),
    )
    row = next(each for each in today(installation, at, person).rows if each.subject == person.subject)
    idle = next(each for each in row.reasons if each.reason is Reason.idle)
    assert (idle.number, idle.visits) == (3, ("W6",))
    assert row.contact
    assert (row.contact.outcome, row.contact.next_try_on) == ("no_answer", at.date() + days(1))


def test_two_missed_weekly_entries_in_a_row_are_a_reason(
    installation: Installation, trial: list[Person]
) -> None:
    rows = today(installation, START + days(110), trial[0]).rows
    row = next(each for each in rows if each.subject == "0571-001")
    diary = next(each for each in row.reasons if each.reason is Reason.diary)
    assert (diary.number, diary.total) == (0, 2)


def test_rows_that_rest_are_paged_by_the_day_on_which_they_come_back(
    installation: Installation, trial: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = WEEK_6 + days(5)
    for number, person in enumerate(trial[:3]):
        context = StaffContext(installation, person.nurse, at)
        snooze_participant(context, person.row().id, [Reason.half], "away", at.date() + days(3 - number))
    monkeypatch.setattr("app.services.clinic.today.work_list.PAGE", 1)
    seen: list[str] = []
    after = None
    for _page in range(3):
        page = today(installation, at, trial[0], TodayFilter(resting=True, after=after))
        seen += shown(page)
        after = page.next
    assert (seen, after) == (["0571-003", "0571-002", "0571-001"], None)


def test_a_page_of_which_everybody_stood_before_leads_on(
    installation: Installation, trial: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    disturb(trial)
    at = WEEK_6 + days(5)
    whole = list(shown(today(installation, at, trial[0])))
    monkeypatch.setattr("app.services.clinic.today.work_list._ENTRIES", 1)
    monkeypatch.setattr("app.services.clinic.today.work_list._ROUNDS", 1)
    sizes: list[int] = []
    seen: list[str] = []
    after = None
    for _page in range(20):
        page = today(installation, at, trial[0], TodayFilter(after=after))
        sizes.append(len(page.rows))
        seen += shown(page)
        after = page.next
        if after is None:
            break
    assert seen == whole
    assert 0 in sizes[:-1]


def test_a_study_without_a_diary_has_no_such_reason(installation: Installation, trial: list[Person]) -> None:
    site = trial[0].site
    plan = replace(library().get_plan("sbrt-nsclc", "1.0"), diary=None)
    search = TodaySearch(site.study_id, plan, (site.id,), START + days(20))
    assert by_statement(installation, search)[Reason.diary] == {}
    assert all(facts.diary == DiaryFacts() for facts in read_facts(installation, search).values())
