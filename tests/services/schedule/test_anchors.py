"""Dated facts: who owns them, what they move, and that nothing is missed silently."""

import json
from collections.abc import Callable
from datetime import date

import pytest
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.plans.status import Status
from app.domain.records.anchors import AnchorStanding
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.schedule.anchors import AnchorEntry, preview_anchor, record_anchor
from app.storage.queries.slots import list_slots, slot_status
from app.storage.tables.feed import FeedEvent
from app.storage.tables.schedule import Anchor
from tests.scenarios.people import START, Person, days

DAY0 = date(2026, 3, 2)


def recorded(person: Person) -> list[Anchor]:
    with person.installation.read() as session:
        rows = session.exec(select(Anchor).where(Anchor.kind == "randomisation").order_by("id")).all()
        return list(rows)


@pytest.mark.req("REP-01")
def test_every_expected_form_exists_from_enrolment_on(person: Person) -> None:
    with person.installation.read() as session:
        slots = list_slots(session, person.row().id)
    assert len(slots) == 244
    assert {slot_status(slot, START) for slot in slots} == {Status.due, Status.waiting}
    assert [slot.visit for slot in slots][:3] == ["BL", "W6", "W12"]


@pytest.mark.usefixtures("randomised")
def test_randomisation_places_every_window_and_tells_the_edc_once(person: Person) -> None:
    with person.installation.read() as session:
        slots = list_slots(session, person.row().id)
        events = session.exec(select(FeedEvent).where(FeedEvent.type == "anchor.recorded")).all()
    assert all(slot.opens_on for slot in slots)
    assert person.slot("W6").target_on == date(2026, 4, 13)
    assert len(events) == 2  # enrolment and randomisation


@pytest.mark.req("TIM-06")
def test_a_preview_changes_nothing(person: Person) -> None:
    with person.installation.read() as session:
        entry = AnchorEntry("randomisation", DAY0, Owner.edc)
        proposal = preview_anchor(person.installation, session, person.row(), entry, START)
    assert len(proposal.moves) == 244 - 1 + 1  # every waiting slot, and the baseline that closes
    assert person.slot("W6").opens_on is None
    assert recorded(person) == []


@pytest.mark.usefixtures("randomised")
def test_moving_an_anchor_moves_only_what_is_not_begun(person: Person) -> None:
    person.begin("D0", START)
    begun = person.slot("D0")
    person.randomise(date(2026, 3, 3), START + days(2))
    slot = person.slot("OUT20260302")
    assert (slot.id, slot.for_day, slot.opens_on) == (begun.id, begun.for_day, begun.opens_on)
    assert slot.out_of_plan
    assert person.slot("D0").for_day == date(2026, 3, 3)
    assert person.slot("W6").target_on == date(2026, 4, 14)
    assert [row.standing for row in recorded(person)] == [AnchorStanding.SUPERSEDED, AnchorStanding.CURRENT]


@pytest.mark.req("EDC-04")
@pytest.mark.usefixtures("randomised")
def test_an_answered_day_with_a_new_code_is_published_again(person: Person) -> None:
    person.begin("D0", START)
    person.submit("D0", START, {"any_symptom": 0})
    person.anchor("enrolment", date(2026, 3, 1), START)
    person.randomise(date(2026, 3, 1), START)
    assert person.slot("D1").submitted_at == START
    with person.installation.read() as session:
        completed = select(FeedEvent.line).where(FeedEvent.type == "diary.completed")
        lines = session.exec(completed.order_by(col(FeedEvent.seq))).all()
    first, again = (json.loads(line) for line in lines)
    assert [first["visit"], again["visit"], again["version"]] == ["D0", "D1", first["version"] + 1]
    assert again["data"]["answers"] == first["data"]["answers"]
    assert again["data"]["slot"]["state"] == "submitted"


def test_a_past_anchor_says_what_would_be_missed_and_waits_for_a_yes(person: Person) -> None:
    late = START + days(120)
    with pytest.raises(Refused) as refused:
        person.anchor("randomisation", DAY0, late, confirmed=False, source=Owner.edc)
    assert refused.value.code == "would_be_missed"
    assert "W6 qlq-c30" in str(refused.value.details["slots"])
    assert recorded(person) == []
    person.anchor("randomisation", DAY0, late, confirmed=True, source=Owner.edc)
    assert person.slot("W6").missed_reason == "administrative"
    assert person.slot("W24").missed_reason is None
    assert slot_status(person.slot("W6"), late) is Status.missed


def test_the_owner_s_date_stands_and_a_differing_one_is_listed(person: Person) -> None:
    person.anchor("randomisation", DAY0, START, source=Owner.site)
    person.anchor("randomisation", date(2026, 3, 3), START + days(2), source=Owner.edc)
    person.anchor("randomisation", date(2026, 3, 4), START + days(3), source=Owner.site)
    assert [(row.source, row.standing) for row in recorded(person)] == [
        ("site", AnchorStanding.DIFFERING),
        ("edc", AnchorStanding.CURRENT),
        ("site", AnchorStanding.DIFFERING),
    ]
    assert person.slot("W6").target_on == date(2026, 4, 14)
    person.anchor("randomisation", date(2026, 3, 3), START + days(4), source=Owner.site)
    assert [row.standing for row in recorded(person)][1:] == [
        AnchorStanding.SUPERSEDED,
        AnchorStanding.DIFFERING,
        AnchorStanding.CURRENT,
    ]


@pytest.mark.parametrize(
    ("kind", "on", "code"),
    [
        ("birthday", DAY0, "unknown_anchor"),
        ("randomisation", date(2026, 3, 20), "date_in_future"),
        ("randomisation", date(2026, 3, 1), "before_enrolment"),
    ],
)
def test_a_date_that_cannot_be_is_refused(person: Person, kind: str, on: date, code: str) -> None:
    with pytest.raises(Refused) as refused:
        person.anchor(kind, on, START)
    assert refused.value.code == code


@pytest.mark.usefixtures("randomised")
def test_a_change_needs_a_reason(person: Person) -> None:
    entry = AnchorEntry("randomisation", date(2026, 3, 3), Owner.edc)
    with pytest.raises(Refused) as refused:
        record_anchor(
            StaffContext(person.installation, person.nurse, START + days(2)),
            person.site.study_id,
            person.subject,
            entry,
            True,
        )
    assert refused.value.code == "reason_needed"


@pytest.mark.req("IAM-03")
def test_nobody_records_for_somebody_who_is_not_there(people: Callable[[int], Person]) -> None:
    stranger = people(7)
    stranger.subject = "0571-999"
    with pytest.raises(Refused) as refused:
        stranger.randomise(DAY0, START)
    assert refused.value.code == "unknown_participant"
