"""Where the plan asks for two entries, a paper form counts when they are alike or one of them is chosen."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import col, select

from app.domain.capture.paper import PaperOutcome
from app.domain.desk.matters import MatterKind
from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.paper.comparison import (
    COLLECTED_ON,
    PaperChoices,
    settle_paper,
    view_paper_difference,
)
from app.services.clinic.paper.entries import TypedAnswer, get_paper_form, get_typed_paper_form
from app.services.clinic.paper.recorded import get_paper_entries
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.report.figures import ReportPart, ReportTable
from app.services.clinic.report.report import get_report
from app.services.clinic.report.scope import ReportFilter
from app.services.core.context import StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.exemptions import excuse_form, excuse_visit, is_excusable
from app.services.schedule.requested_visits import cancel_visit, request_visit
from app.services.schedule.slot_changes import NOT_IN_PLAN
from app.storage.queries.slots import list_slots, window_of_slot
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import PaperEntry, Quarantine, Response
from tests.refusals import refused
from tests.scenarios.paper_forms import LATER, TODAY, enter_typed_paper, typed_paper
from tests.scenarios.people import Person, staff_member
from tests.scenarios.trail_entries import verify_trail

OTHER = TODAY + timedelta(days=1)
WELL = [TypedAnswer("any_symptom", "0")]
EXEMPTION = "no_translation"


def twice(person: Person) -> Person:
    """The same person in a plan that asks for two entries."""
    library = person.installation.library
    plans = {key: replace(plan, double_paper_entry=True) for key, plan in library.plans.items()}
    return replace(person, installation=replace(person.installation, library=replace(library, plans=plans)))


def first_and_second(person: Person) -> None:
    """A nurse and a doctor who read the fifth answer and the day differently."""
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.first
    answers = [replace(each, typed="4") if each.item == "q5" else each for each in typed_paper().answers]
    second = typed_paper(OTHER, answers=answers)
    assert enter_typed_paper(person, second, role=Role.INVESTIGATOR) is PaperOutcome.differs


def manager(person: Person, role: Role = Role.DATA_MANAGER) -> StaffContext:
    return StaffContext(
        person.installation, staff_member(role, person.site, role is Role.DATA_MANAGER), LATER
    )


def settle(
    person: Person, role: Role = Role.DATA_MANAGER, visit: str = "BL", **changed: object
) -> PaperOutcome:
    context, key, slot = manager(person, role), person.row().id, person.slot(visit).public_id
    second = view_paper_difference(context, key, slot).second.public_id
    usual = PaperChoices(second, {"q5": "second", COLLECTED_ON: "first"}, "as the sheet has it")
    return settle_paper(context, key, slot, replace(usual, **changed))  # type: ignore[arg-type]  # by name


def outcomes(person: Person) -> list[PaperOutcome]:
    with person.installation.read() as session:
        return [row.outcome for row in session.exec(select(PaperEntry).order_by(col(PaperEntry.id)))]


def list_entries(person: Person) -> list[tuple[str, bool, bool]]:
    """What the form's page says of each: what became of it, whether it is a decision, and the newest."""
    entries = get_paper_entries(manager(person), person.slot("BL"))
    return [(each.outcome.value, each.decides, each.is_newest) for each in entries]


def open_paper(person: Person) -> int:
    matters = get_open_matters(manager(person), MatterFilter(kind=MatterKind.paper))
    return len(matters.rows)


def turns(person: Person) -> tuple[bool, dict[str, bool]]:
    """Whether the page asks for a first entry, and of whom for a second one, whatever they typed before."""
    context, key = manager(person), person.row().id
    form = get_typed_paper_form(context, key, person.slot("BL").public_id)
    second = {
        role.value: form.awaits_second(staff_member(role, person.site).id)
        for role in (Role.NURSE, Role.INVESTIGATOR)
    }
    return form.awaits_first, second


@pytest.mark.req("IAM-09")
def test_two_people_who_enter_the_same_send_the_form(lone: Person) -> None:
    person = twice(lone)
    slot, key = person.slot("BL").public_id, person.row().id
    assert turns(person) == (True, {"nurse": False, "investigator": False})
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.first
    assert person.slot("BL").submitted_at is None
    assert refused(lambda: enter_typed_paper(person, typed_paper())) == "second_by_another"
    nurse = StaffContext(person.installation, person.nurse, LATER)
    assert refused(lambda: get_paper_form(nurse, key, slot)) == "second_by_another"
    assert turns(person) == (False, {"nurse": False, "investigator": True})
    assert refused(lambda: view_paper_difference(manager(person), key, slot)) == "matter_closed"
    assert enter_typed_paper(person, typed_paper(), role=Role.INVESTIGATOR) is PaperOutcome.submitted
    assert person.slot("BL").submitted_at == LATER
    assert refused(lambda: view_paper_difference(manager(person), key, slot)) == "matter_closed"


@pytest.mark.req("CAP-21")
def test_differing_entries_wait_for_the_data_managers_choice(person: Person) -> None:
    double = twice(person)
    first_and_second(double)
    assert (open_paper(double), double.slot("BL").submitted_at) == (1, None)
    assert refused(lambda: enter_typed_paper(double, typed_paper(), role=Role.MONITOR)) == "paper_unsettled"
    assert turns(double) == (False, {"nurse": False, "investigator": False})
    with pytest.raises(Refused) as incomplete:
        settle(double, chosen={"q5": "second"})
    assert (incomplete.value.code, incomplete.value.details["field"]) == ("choice_needed", COLLECTED_ON)
    assert refused(lambda: settle(double, Role.INVESTIGATOR)) == "own_entry"
    assert refused(lambda: settle(double, reason=" ")) == "reason_needed"
    assert refused(lambda: settle(double, second="another")) == "state_changed"
    assert settle(double) is PaperOutcome.settled
    with double.installation.read() as session:
        response = session.exec(select(Response)).one()
        entries = session.exec(
            select(AuditEntry.reason).where(AuditEntry.event == AuditEvent.PAPER_SETTLED)
        ).one()
    assert (response.answers["q5"], response.collected_on, response.mode) == (4, TODAY, "paper")
    assert (entries, open_paper(double)) == ("as the sheet has it", 0)
    tables = get_report(manager(double), ReportFilter(), ReportPart.completeness).tables
    modes = next(each for each in tables if each.name is ReportTable.modes).lines[0].counts
    assert (modes["sent"], modes["paper"], modes["own_device"], modes["helped"]) == (1, 1, 0, 0)
    assert verify_trail(double.installation) == []


def test_two_entries_that_are_both_wrong_are_set_aside_and_entered_anew(lone: Person) -> None:
    person = twice(lone)
    first_and_second(person)
    assert settle(person, discard=True) is PaperOutcome.discarded
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.first
    assert outcomes(person) == ["first", "differs", "discarded", "first"]
    assert list_entries(person)[1:] == [
        ("differs", False, False),
        ("discarded", True, False),
        ("first", False, True),
    ]
    assert open_paper(person) == 0


def test_an_item_in_one_entry_only_is_chosen_as_a_whole(lone: Person) -> None:
    person = twice(lone)
    person.randomise(TODAY, LATER)
    context, key, slot = manager(person), person.row().id, person.slot("D0").public_id
    items = get_paper_form(StaffContext(person.installation, person.nurse, LATER), key, slot).definition.items
    ill = [TypedAnswer("any_symptom", "1")]
    ill += [TypedAnswer(item.code, "", blank=True) for item in items[1:]]
    enter_typed_paper(person, typed_paper(answers=WELL), visit="D0")
    enter_typed_paper(person, typed_paper(answers=ill), visit="D0", role=Role.INVESTIGATOR)
    difference = view_paper_difference(context, key, slot)
    chosen = dict.fromkeys(difference.differing, "first")
    settle_paper(context, key, slot, PaperChoices(difference.second.public_id, chosen, "felt well"))
    with person.installation.read() as session:
        assert session.exec(select(Response.answers)).one() == {"any_symptom": 0}


def leave(person: Person, days: int) -> None:
    nurse = StaffContext(person.installation, person.nurse, LATER)
    exit_on = (TODAY + timedelta(days=days)).isoformat()
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, exit_on, Owner.site, "moved away")
    record_disposition(nurse, person.site.study_id, person.subject, withdrawal)


def test_what_lies_apart_ends_no_wait_of_the_two_entries(lone: Person) -> None:
    person = twice(lone)
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.first
    leave(person, 3)
    late = typed_paper(TODAY + timedelta(days=4), note="found at home")
    assert refused(lambda: enter_typed_paper(person, late)) == "second_by_another"
    assert enter_typed_paper(person, late, role=Role.INVESTIGATOR) is PaperOutcome.kept_apart
    assert enter_typed_paper(person, typed_paper(OTHER), role=Role.INVESTIGATOR) is PaperOutcome.differs
    assert refused(lambda: enter_typed_paper(person, late, role=Role.MONITOR)) == "paper_unsettled"
    assert open_paper(person) == 1
    assert settle(person) is PaperOutcome.settled


def test_differing_entries_are_settled_after_a_phone_submission(lone: Person) -> None:
    """What was entered from paper is not lost: it lies apart, beside what the phone sent."""
    person = twice(lone)
    first_and_second(person)
    person.begin("BL", LATER)
    person.submit("BL", LATER)
    assert open_paper(person) == 1
    assert settle(person) is PaperOutcome.kept_apart
    assert open_paper(person) == 0
    with person.installation.read() as session:
        assert session.exec(select(Quarantine.reason)).all() == ["already_submitted"]
        assert session.exec(select(Response.mode)).all() == ["own_device"]


def test_a_choice_dated_after_an_exit_is_quarantined(lone: Person) -> None:
    person = twice(lone)
    first_and_second(person)
    leave(person, 0)
    assert settle(person) is PaperOutcome.kept_apart
    assert (open_paper(person), outcomes(person)[2:]) == (0, ["kept_apart", "discarded"])


def test_what_is_chosen_of_a_form_that_nobody_expects_any_more_is_refused(lone: Person) -> None:
    """The visit as a whole was excused: as nobody could enter its paper, nobody can send it."""
    person = twice(lone)
    first_and_second(person)
    nurse = StaffContext(person.installation, person.nurse, LATER)
    excuse_visit(nurse, lone.site.study_id, lone.subject, "BL", EXEMPTION)
    assert refused(lambda: settle(person)) == "not_expected"
    assert settle(person, discard=True) is PaperOutcome.discarded
    assert open_paper(person) == 0


def test_a_form_with_a_waiting_entry_counts_as_begun(lone: Person) -> None:
    """Nobody takes it away until the pair is settled: not excused, not cancelled, not moved, not left out."""
    person, key = twice(lone), lone.row().id
    nurse = StaffContext(person.installation, person.nurse, LATER)
    request_visit(nurse, lone.site.study_id, lone.subject, "UNS", TODAY)
    person.randomise(TODAY, LATER)
    for visit, sheet in (("BL", typed_paper()), ("UNS-1", typed_paper()), ("D0", typed_paper(answers=WELL))):
        assert enter_typed_paper(person, sheet, visit=visit) is PaperOutcome.first
    windows = {visit: window_of_slot(person.slot(visit)) for visit in ("BL", "UNS-1", "D0")}
    page = get_participant_overview(nurse, key)
    assert page.waiting_paper == {person.slot(visit).id for visit in windows}
    for visit in windows:
        assert not is_excusable(person.slot(visit), LATER, page.waiting_paper)
    slot = person.slot("BL").public_id
    assert refused(lambda: excuse_form(nurse, key, slot, EXEMPTION)) == "not_excusable"
    cancel = partial(cancel_visit, nurse, lone.site.study_id, lone.subject, "UNS-1", "made by mistake")
    assert refused(cancel) == "visit_begun"
    person.anchor("randomisation", TODAY + timedelta(days=3), LATER, source=Owner.edc)
    with person.installation.read() as session:
        (out,) = (each for each in list_slots(session, key) if each.for_day == TODAY)
    assert (out.out_of_plan, out.excused, window_of_slot(out)) == (True, None, windows["D0"])
    assert [window_of_slot(person.slot(visit)) for visit in ("BL", "UNS-1")] == list(windows.values())[:2]
    assert (
        enter_typed_paper(person, typed_paper(OTHER), visit="UNS-1", role=Role.INVESTIGATOR)
        is PaperOutcome.differs
    )
    assert refused(cancel) == "visit_begun"
    assert settle(person, visit="UNS-1", discard=True) is PaperOutcome.discarded
    cancel()
    assert person.slot("UNS-1").excused == NOT_IN_PLAN
    assert verify_trail(person.installation) == []


def test_a_first_entry_of_a_submitted_form_is_a_matter(person: Person) -> None:
    double = twice(person)
    context, key, slot = manager(double), double.row().id, double.slot("BL").public_id
    assert enter_typed_paper(double, typed_paper()) is PaperOutcome.first
    assert open_paper(double) == 0
    double.begin("BL", LATER)
    double.submit("BL", LATER)
    assert open_paper(double) == 1
    difference = view_paper_difference(context, key, slot)
    assert (difference.waits_alone, difference.differing, difference.own) == (True, (), False)
    assert (difference.submitted or {}).keys() == difference.first.answers.keys()
    nurse = StaffContext(double.installation, double.nurse, LATER)
    assert view_paper_difference(nurse, key, slot).submitted is None
    mine = PaperChoices(difference.second.public_id, {}, "looked it up")
    assert refused(lambda: settle_paper(nurse, key, slot, mine)) == "own_entry"
    assert settle_paper(context, key, slot, mine) is PaperOutcome.kept_apart
    assert (open_paper(double), outcomes(double)) == (0, ["first", "kept_apart", "discarded"])
    assert list_entries(double) == [("first", False, False), ("kept_apart", True, True)]
    assert verify_trail(double.installation) == []


def test_choosing_the_submitted_answers_is_a_decision(lone: Person) -> None:
    """Also of one entry alone, and with nothing laid apart."""
    person = twice(lone)
    first_and_second(person)
    person.begin("BL", LATER)
    with person.installation.read() as session:
        chosen = session.exec(select(PaperEntry)).all()[1].answers
    person.submit("BL", LATER, dict(chosen))
    assert settle(person) is PaperOutcome.discarded
    assert (open_paper(person), outcomes(person)[2:]) == (0, ["discarded"])
    with person.installation.read() as session:
        assert session.exec(select(Quarantine)).all() == []
        statement = select(AuditEntry.reason).where(AuditEntry.event == AuditEvent.PAPER_SETTLED)
        assert session.exec(statement).one() == "as the sheet has it"
