"""Reasons for a stretch of missed diary days, given in one act and kept in every history."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import cycle
from random import Random
from types import MappingProxyType

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.desk.diary_gaps import DiaryGap
from app.domain.plans.publication import FeedState
from app.domain.records.access import Actor, ActorKind, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.clinic.corrections.submitted_form import FormAct, list_form_events
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.participants.history import get_participant_history
from app.services.clinic.today.diary_gap_list import (
    GapCount,
    GapFilter,
    count_diary_gaps,
    list_diary_gaps_of_sites,
)
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.exemptions import excuse_form
from app.services.schedule.missed_reasons import ShownGap, record_gap_reason, record_missed_reason
from app.storage.queries.participants import get_participant
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.feed import FeedEvent
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.arms import with_hidden_arms
from tests.scenarios.beginnings import PERSON_RANDOMISED
from tests.scenarios.people import START, Person, days, enrol_person, staff_member
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

DAY0 = date(2026, 3, 2)
NOW = START + days(12)  # D0 to D9 are closed
WHOLE = ShownGap(DAY0, date(2026, 3, 11), 10)


@pytest.fixture
def stage() -> Stage:
    return PERSON_RANDOMISED


@pytest.fixture
def diarist(person: Person) -> Person:
    """Somebody with ten diary days without an entry."""
    return person


def gaps(person: Person, actor: Actor | None = None) -> list[ShownGap]:
    """The gaps as the participant's page shows them."""
    context = StaffContext(person.installation, actor or person.nurse, NOW)
    view = get_participant_overview(context, person.row().id)
    return [ShownGap(gap.first, gap.last, len(gap.entries)) for gap in view.gaps]


def say(person: Person, shown: ShownGap, reason: str, note: str = "", actor: Actor | None = None) -> None:
    context = StaffContext(person.installation, actor or person.nurse, NOW)
    record_gap_reason(context, person.row().id, shown, reason, note)


def refused(call: Callable[[], object]) -> tuple[str, object]:
    with pytest.raises(Refused) as refusal:
        call()
    return refusal.value.code, refusal.value.details.get("field")


def diary_slots(person: Person) -> list[Slot]:
    with person.installation.read() as session:
        participant = get_participant(session, person.site.study_id, person.subject)
        slots = session.exec(select(Slot).where(Slot.participant_id == participant.id)).all()
    return [slot for slot in slots if slot.series == "diary"]


@pytest.mark.req("REP-04", "AUD-01")
def test_a_gap_gets_its_reason_in_one_act_and_the_edc_hears_of_each_day(diarist: Person) -> None:
    person, installation = diarist, diarist.installation
    assert gaps(person) == [WHOLE]
    assert refused(lambda: say(person, WHOLE, "bored")) == ("unknown_reason", "reason")
    assert refused(lambda: say(person, WHOLE, "other", " ")) == ("note_needed", "note")
    say(person, WHOLE, "other", " hospital ")
    assert gaps(person) == []
    explained = [slot for slot in diary_slots(person) if slot.missed_reason]
    assert {slot.visit for slot in explained} == {f"D{number}" for number in range(10)}
    assert {(slot.missed_reason, slot.missed_note) for slot in explained} == {("other", "hospital")}
    assert {slot.published_state for slot in explained} == {FeedState.missed.value}
    with installation.read() as session:
        events = session.exec(select(FeedEvent).where(FeedEvent.type == "diary.missed")).all()
        chain = participant_chain(person.row().id)
        entries = session.exec(select(AuditEntry).where(AuditEntry.chain == chain)).all()
    assert len({event.ref for event in events}) == len(events) == 10
    assert {json.loads(event.line)["data"]["reason"]["text"] for event in events} == {"hospital"}
    recorded = [entry for entry in entries if entry.event == AuditEvent.MISSED_REASON_RECORDED]
    assert [entry.reason for entry in recorded] == ["hospital"]
    assert verify_trail(installation) == []


@pytest.mark.req("REP-04")
def test_a_gap_that_changed_since_it_was_shown_is_refused(diarist: Person) -> None:
    person, key = diarist, diarist.row().id
    nurse = StaffContext(person.installation, person.nurse, NOW)
    record_missed_reason(nurse, key, person.slot("D2").public_id, "unknown", "")
    excuse_form(nurse, key, person.slot("D6").public_id, "no_translation")
    remaining = [
        ShownGap(date(2026, 3, 5), date(2026, 3, 7), 3),
        ShownGap(date(2026, 3, 9), date(2026, 3, 11), 3),
    ]
    assert gaps(person) == remaining  # two days alone, D0 and D1, do not list
    assert refused(lambda: say(person, WHOLE, "unknown")) == ("gap_changed", None)
    say(person, remaining[0], "not_reachable")
    assert gaps(person) == remaining[1:]
    assert refused(lambda: say(person, remaining[0], "unknown")) == ("gap_changed", None)
    assert person.slot("D4").missed_reason == "not_reachable"
    assert person.slot("D8").missed_reason is None


@pytest.mark.req("REP-04")
def test_a_reason_said_better_keeps_the_earlier_ones_with_who_and_when(diarist: Person) -> None:
    person, key = diarist, diarist.row().id
    say(person, WHOLE, "not_reachable")
    slot = person.slot("D3").public_id
    later = StaffContext(person.installation, staff_member(Role.INVESTIGATOR, person.site), NOW + days(1))
    record_missed_reason(later, key, slot, "too_ill_patient", "fever")
    record_missed_reason(later, key, slot, "too_ill_patient", "pneumonia")
    said = [each for each in list_form_events(later, key, slot) if each.act is FormAct.reason]
    assert [(each.reason, each.note, each.at) for each in said] == [
        ("not_reachable", "", NOW),
        ("too_ill_patient", "fever", NOW + days(1)),
        ("too_ill_patient", "pneumonia", NOW + days(1)),
    ]
    neighbour = list_form_events(later, key, person.slot("D4").public_id)
    assert [each.reason for each in neighbour] == ["not_reachable"]
    reasons = [
        (each.subject.visit, each.subject.until, each.subject.kind, each.reason)
        for each in get_participant_history(later, key, "en").entries
        if each.event == AuditEvent.MISSED_REASON_RECORDED
    ]
    assert reasons == [
        ("D3", "", "too_ill_patient", "pneumonia"),
        ("D3", "", "too_ill_patient", "fever"),
        ("D0", "D9", "not_reachable", ""),
    ]


@pytest.mark.req("AUD-10")
def test_hidden_days_are_in_nobody_s_gap_and_history(
    lone_installation: Installation, lone_diarist: Person
) -> None:
    person = lone_diarist
    assert person.installation is lone_installation
    person.installation = with_hidden_arms(lone_installation)
    with lone_installation.open_work(person.nurse, START) as work:
        hidden = [slot for slot in diary_slots(person) if slot.for_day and slot.for_day > date(2026, 3, 6)]
        for slot in hidden:
            work.session.get_one(Slot, slot.id).arm_revealing = True
        work.record(AuditEvent.VISIT_REQUESTED, participant_chain(person.row().id))
    shown = ShownGap(DAY0, date(2026, 3, 6), 5)
    assert gaps(person) == [shown]
    (row,) = list_diary_gaps_of_sites(StaffContext(person.installation, person.nurse, NOW)).rows
    assert as_listed(row.gaps) == [(DAY0, date(2026, 3, 6), 5, 5)]
    assert refused(lambda: say(person, WHOLE, "unknown")) == ("gap_changed", None)
    investigator = staff_member(Role.INVESTIGATOR, person.site)
    assert gaps(person, investigator) == [WHOLE]
    say(person, WHOLE, "unknown", actor=investigator)
    context = StaffContext(person.installation, person.nurse, NOW)
    entries = get_participant_history(context, person.row().id, "en").entries
    assert AuditEvent.MISSED_REASON_RECORDED not in {each.event for each in entries}


@pytest.mark.req("REP-04")
def test_the_list_of_many_says_what_each_page_says(
    lone_diarist: Person, lone_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn days: some explained, some excused, some out of the plan."""
    everyone = [lone_diarist, enrol_person(lone_diarist.installation, lone_site, "0571-002")]
    everyone[1].randomise(DAY0, START)
    late = START + days(130)  # the weekly phase has begun
    nurse = StaffContext(lone_diarist.installation, lone_diarist.nurse, late)
    drawn, lengths = Random(6), set[int]()
    listed = list_diary_gaps_of_sites(nurse)
    for _round in range(4):
        for person in everyone:
            spoil(person, [drawn.choice(STATES) for _slot in diary_slots(person)])
        views = [get_participant_overview(nurse, person.row().id) for person in everyone]
        gaps_by_subject = {view.participant.subject: as_listed(view.gaps) for view in views if view.gaps}
        listed = list_diary_gaps_of_sites(nurse)
        assert {row.subject: as_listed(row.gaps) for row in listed.rows} == gaps_by_subject
        lengths |= {each for gaps in gaps_by_subject.values() for _first, _last, each, _entries in gaps}
    assert {3, 7} < lengths
    assert count_diary_gaps(nurse) == GapCount(len(listed.rows)) == GapCount(2)
    for chosen, number in (
        (GapFilter(search="-002"), 1), (GapFilter(search="-003"), 0), (GapFilter(language="en"), 2),
        (GapFilter(language="fr"), 0), (GapFilter(site="0571"), 2), (GapFilter(site="0021"), 0),
    ):  # fmt: skip
        assert count_diary_gaps(nurse, chosen) == GapCount(number), chosen
        assert len(list_diary_gaps_of_sites(nurse, "", chosen).rows) == number
    where = "app.services.clinic.today.diary_gap_list"
    monkeypatch.setattr(f"{where}.PAGE", 1)
    first = list_diary_gaps_of_sites(nurse)
    assert (*first.rows, *list_diary_gaps_of_sites(nurse, first.after).rows) == listed.rows
    # one who missed single days alone stands in no gap, and hides nobody who comes after
    monkeypatch.setattr(f"{where}.COUNTED", 1)
    assert count_diary_gaps(nurse) == GapCount(1, more=True)
    alone = diary_slots(everyone[0])[0]
    spoil(everyone[0], [{"missed_reason": "unknown"}], {alone.id: {}})
    assert [row.subject for row in list_diary_gaps_of_sites(nurse).rows] == ["0571-002"]
    assert count_diary_gaps(nurse) == GapCount(1)
    monkeypatch.setattr(f"{where}.ROUNDS", 1)
    assert count_diary_gaps(nurse) == GapCount(0, more=True)


def test_nobody_is_listed_at_no_site_or_without_a_diary(lone_diarist: Person) -> None:
    installation, nurse = lone_diarist.installation, lone_diarist.nurse
    nobody = Actor(ActorKind.STAFF, "staff:9", "none")
    library = installation.library
    plans = {key: replace(plan, diary=None) for key, plan in library.plans.items()}
    bare = replace(installation, library=replace(library, plans=plans))
    assert count_diary_gaps(StaffContext(installation, nurse, NOW)) == GapCount(1)
    assert count_diary_gaps(StaffContext(installation, nobody, NOW)) == GapCount(0)
    assert count_diary_gaps(StaffContext(bare, nurse, NOW)) == GapCount(0)


def as_listed(gaps: Iterable[DiaryGap]) -> list[tuple[date, date, int, int]]:
    """Gaps as both the list and the page of a participant tell them."""
    return [(gap.first, gap.last, gap.days, len(gap.entries)) for gap in gaps]


STATES: Sequence[Mapping[str, object]] = (
    {},
    {},
    {},
    {"missed_reason": "unknown"},
    {"excused": "no_translation"},
    {"out_of_plan": True},
)


def spoil(
    person: Person,
    states: Sequence[Mapping[str, object]],
    but: Mapping[int, Mapping[str, object]] = MappingProxyType({}),
) -> None:
    """Give the entries of the diary these states in turn, but some of them others; beside the trail."""
    beside = sa.create_engine(person.installation.engine.url)
    usual = {"missed_reason": None, "excused": None, "out_of_plan": False}
    with beside.begin() as connection:
        for slot, state in zip(diary_slots(person), cycle(states), strict=False):
            values = {**usual, **but.get(slot.id, state)}
            connection.execute(sa.update(Slot).where(col(Slot.id) == slot.id).values(values))
    beside.dispose()


@pytest.fixture
def lone_diarist(lone: Person) -> Person:
    """The same on SQLite alone."""
    return lone
