"""Creating slots ahead and keeping them in step with the facts."""

from contextlib import nullcontext
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.plans.status import ExitKind, Status
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.clinic.paper.entries import takes_paper
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.exemptions import excuse_visit
from app.services.schedule.requested_visits import cancel_visit, request_visit
from app.services.schedule.slot_changes import NOT_IN_PLAN, change_slots, rename_steps
from app.services.schedule.slots import current_anchors
from app.storage.plain_rows import SlotRecord
from app.storage.queries.slots import list_slot_records, slot_status
from app.storage.row_changes import participant_chain
from app.storage.tables.schedule import Slot, VisitRecord
from tests.scenarios.arms import assign_arm
from tests.scenarios.people import START, Person, days
from tests.scenarios.reminders import count_entries, feed_types, process_all_due

DAY0 = date(2026, 3, 2)


@pytest.mark.usefixtures("randomised")
def test_a_visit_of_one_arm_is_expected_of_that_arm_alone(person: Person) -> None:
    assign_arm(person, "SBRT", 0)
    assert slot_status(person.slot("EOT"), START) is Status.waiting
    assign_arm(person, "SOC", 1)
    assert person.slot("EOT").excused == NOT_IN_PLAN
    assign_arm(person, "SOC", 2)
    assert person.slot("EOT").excused == NOT_IN_PLAN
    assign_arm(person, "SBRT", 3)
    assert person.slot("EOT").excused is None


def test_a_diary_day_that_is_entered_needs_no_second_form(person: Person) -> None:
    person.randomise(date(2026, 3, 3), START + days(1))
    person.begin("D0", START + days(1))  # the entry of 3 March
    person.randomise(DAY0, START + days(1))  # now D1 would be 3 March
    begun = person.slot("D1")
    assert (begun.for_day, begun.begun_at) == (date(2026, 3, 3), START + days(1))
    assert person.slot("D2").for_day == date(2026, 3, 4)
    person.randomise(date(2026, 3, 3), START + days(1))
    assert person.slot("D0").begun_at == START + days(1)
    assert (person.slot("D1").for_day, person.slot("D1").excused) == (date(2026, 3, 4), None)
    remaining = person.slot("OUT20260302")
    assert (remaining.excused, remaining.out_of_plan) == (NOT_IN_PLAN, True)


@pytest.mark.usefixtures("randomised")
def test_an_exemption_outlasts_a_move(person: Person) -> None:
    nurse = StaffContext(person.installation, person.nurse, START)
    excuse_visit(nurse, person.site.study_id, person.subject, "W6", "no_translation")
    person.randomise(date(2026, 3, 3), START + days(1))
    assert person.slot("W6").excused == "no_translation"


def test_visits_on_request_keep_their_day_when_an_anchor_moves(person: Person) -> None:
    study = person.site.study_id
    at = START + days(3)
    again = request_visit(
        StaffContext(person.installation, person.nurse, at), study, person.subject, "BL", date(2026, 3, 5)
    )
    extra = request_visit(
        StaffContext(person.installation, person.nurse, at), study, person.subject, "UNS", date(2026, 3, 5)
    )
    second = request_visit(
        StaffContext(person.installation, person.nurse, at), study, person.subject, "UNS", date(2026, 3, 6)
    )
    assert (again, extra, second) == (("BL-2",), ("UNS-1",), ("UNS-2",))
    with pytest.raises(Refused, match="visit_exists"):
        request_visit(
            StaffContext(person.installation, person.nurse, at),
            study,
            person.subject,
            "UNS",
            date(2026, 3, 5),
        )
    person.randomise(date(2026, 3, 10), START + days(10))
    assert person.slot("BL-2").opens_on == date(2026, 3, 5)
    assert person.slot("BL-2").closes_on == date(2026, 3, 10)
    assert person.slot("UNS-1").opens_on == date(2026, 3, 5)


def test_a_requested_baseline_outside_the_moved_window_stays_as_it_was(person: Person) -> None:
    at = START + days(5)
    study = person.site.study_id
    request_visit(
        StaffContext(person.installation, person.nurse, at), study, person.subject, "BL", date(2026, 3, 7)
    )
    before = person.slot("BL-2").closes_on
    person.randomise(date(2026, 3, 4), at)
    assert person.slot("BL-2").closes_on == before


def test_a_visit_that_cannot_be_requested_is_refused(person: Person) -> None:
    with pytest.raises(Refused) as refused:
        request_visit(
            StaffContext(person.installation, person.nurse, START),
            person.site.study_id,
            person.subject,
            "W6",
            DAY0,
        )
    assert refused.value.code == "unknown_visit"


def test_actual_visits_count_among_the_anchors(person: Person) -> None:
    with person.installation.open_work(SYSTEM, START) as work:
        for visit, on in (("W6", DAY0), ("W12", None)):
            work.session.add(
                VisitRecord(
                    participant_id=person.row().id,
                    visit=visit,
                    state="occurred",
                    dated_on=on,
                    recorded_at=START,
                )
            )
        work.record(AuditEvent.VISIT_RECEIVED, participant_chain(person.row().id))
    with person.installation.read() as session:
        assert set(current_anchors(session, person.row().id)) == {"enrolment", "visit:W6"}


def test_nothing_is_planned_for_a_study_or_person_that_is_not_there(person: Person) -> None:
    with person.installation.read() as session, pytest.raises(Refused) as refused:
        get_plan(person.installation, session, 99)
    assert refused.value.code == "unknown_study"


@pytest.mark.req("EDC-04")
def test_a_visit_is_requested_once_a_day_and_within_reach(person: Person) -> None:
    nurse, study = StaffContext(person.installation, person.nurse, START), person.site.study_id

    def code(on: date) -> str:
        with pytest.raises(Refused) as refused:
            request_visit(nurse, study, person.subject, "UNS", on)
        return refused.value.code

    assert request_visit(nurse, study, person.subject, "UNS", DAY0) == ("UNS-1",)
    assert code(DAY0) == "visit_exists"
    assert [code(on) for on in (date(1926, 1, 1), date(2126, 1, 1), date.min, date.max)] == [
        "date_out_of_range"
    ] * 4


@pytest.mark.parametrize("kind", ExitKind)
@pytest.mark.parametrize("ahead", range(-2, 3))
def test_no_visit_is_requested_for_a_day_on_which_nobody_takes_part(
    person: Person, kind: ExitKind, ahead: int
) -> None:
    """Before they left it is: a sheet of paper may have been filled in then."""
    later, exit_day = START + days(5), DAY0 + days(3)
    nurse, study = StaffContext(person.installation, person.nurse, later), person.site.study_id
    entry = DispositionEntry(DispositionKind(kind.value), exit_day.isoformat(), Owner.site, "moved")
    record_disposition(nurse, study, person.subject, entry)
    with nullcontext() if ahead < 0 else pytest.raises(Refused, match="participation_ended"):
        request_visit(nurse, study, person.subject, "UNS", exit_day + days(ahead))
    with person.installation.read() as session:
        added = [slot for slot in list_slot_records(session, person.row().id) if slot.visit == "UNS-1"]
    assert [takes_paper(slot, later) for slot in added] == [True] * (ahead < 0)


@pytest.mark.req("EDC-04")
def test_a_mistaken_visit_can_be_cancelled_until_it_is_begun(person: Person) -> None:
    nurse, study = StaffContext(person.installation, person.nurse, START), person.site.study_id
    request_visit(nurse, study, person.subject, "UNS", DAY0)
    process_all_due(person.installation, START)

    def code(visit: str, reason: str = "wrong person") -> str:
        with pytest.raises(Refused) as refused:
            cancel_visit(nurse, study, person.subject, visit, reason)
        return refused.value.code

    assert (code("UNS-1", " "), code("W6"), code("UNS-2")) == (
        "reason_needed",
        "unknown_visit",
        "unknown_visit",
    )
    cancel_visit(nurse, study, person.subject, "UNS-1", "wrong person")
    assert person.slot("UNS-1").excused == NOT_IN_PLAN
    assert code("UNS-1") == "unknown_visit"
    assert feed_types(person.installation, "UNS-1") == ["assessment.opened", "assessment.excused"]
    assert count_entries(person.installation, AuditEvent.VISIT_CANCELLED) == 1
    assert request_visit(nurse, study, person.subject, "UNS", DAY0) == ("UNS-2",)
    person.begin("UNS-2", START)
    assert code("UNS-2") == "visit_begun"
    person.randomise(DAY0, START)
    assert person.slot("UNS-1").out_of_plan


@pytest.mark.usefixtures("randomised")
def test_exchanged_codes_are_assigned_in_order(person: Person) -> None:
    with person.installation.open_work(SYSTEM, START) as work:
        slots = {slot.visit: slot for slot in list_slot_records(work.session, person.row().id)}
        exchange = {"D1": "D2", "D2": "D3", "D3": "D1"}
        changed = [(slots[code], slots[code]._replace(visit=to)) for code, to in exchange.items()]
        change_slots(work, person.row(), changed)
        work.record(AuditEvent.ANCHOR_RECORDED, participant_chain(person.row().id))
        work.mark_published(participant_chain(person.row().id))
    assert [person.slot(code).for_day for code in ("D1", "D2", "D3")] == [
        date(2026, 3, 5),
        date(2026, 3, 3),
        date(2026, 3, 4),
    ]


CODES = st.lists(st.sampled_from("ABCDEFGH"), min_size=6, max_size=6, unique=True)


@given(codes=CODES, targets=CODES, forms=st.lists(st.sampled_from(("q", "d")), min_size=6, max_size=6))
@example(codes=list("ABCDEF"), targets=list("BCAEDG"), forms=["q"] * 6)  # rings of three and two, and a chain
@example(codes=list("ABCDEF"), targets=list("ABCDEF"), forms=["q"] * 6)
def test_no_two_forms_hold_one_code_on_the_way(
    codes: list[str], targets: list[str], forms: list[str]
) -> None:
    nothing = SlotRecord._make([None] * len(SlotRecord._fields))
    named = enumerate(zip(codes, forms, strict=True))
    slots = [nothing._replace(id=key, visit=code, instrument=form) for key, (code, form) in named]
    now = {slot.id: slot for slot in slots}
    for before, after in rename_steps(zip(slots, targets, strict=True)):
        assert before == now[after.id]
        assert all((each.visit, each.instrument) != (after.visit, after.instrument) for each in now.values())
        now[after.id] = after
    assert list(now.values()) == [
        slot._replace(visit=code) for slot, code in zip(slots, targets, strict=True)
    ]


def test_a_waiting_requested_visit_stays_waiting(person: Person) -> None:
    study = person.site.study_id
    request_visit(StaffContext(person.installation, person.nurse, START), study, person.subject, "UNS", DAY0)
    with person.installation.open_work(SYSTEM, START) as work:
        slot = work.session.exec(select(Slot).where(Slot.visit == "UNS-1")).one()
        slot.opens_on = slot.target_on = slot.closes_on = None
        slot.opens_at = slot.due_at = slot.overdue_at = slot.closes_at = slot.grace_until = None
        work.record(AuditEvent.VISIT_REQUESTED, participant_chain(slot.participant_id))
        work.mark_published(participant_chain(slot.participant_id))
    person.randomise(DAY0, START)
    assert person.slot("UNS-1").opens_on is None
