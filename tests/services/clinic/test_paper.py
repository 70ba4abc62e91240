"""A form that was filled in on paper is entered by staff, by the rules that every form has."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.paper import PaperOutcome
from app.domain.desk.matters import MatterKind, MatterName
from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.clinic.corrections.proposals import get_correctable_form
from app.services.clinic.corrections.submitted_form import FormAct, list_form_events
from app.services.clinic.matters.matter_details import get_matter
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.clinic.paper.entries import (
    BLANK,
    TypedAnswer,
    get_paper_form,
    get_typed_paper_form,
)
from app.services.clinic.paper.recorded import get_paper_entries
from app.services.clinic.report.figures import ReportPart, ReportTable
from app.services.clinic.report.report import get_report
from app.services.clinic.report.scope import ReportFilter
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.schedule.exemptions import excuse_form
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import PaperEntry, Quarantine, Response
from app.storage.tables.feed import FeedEvent
from tests.scenarios.paper_forms import LATER, TODAY, enter_typed_paper, typed_paper
from tests.scenarios.people import START, Person, days, staff_member
from tests.scenarios.trail_entries import verify_trail


def refusal(call: Callable[[], object]) -> tuple[str, object]:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code, refused.value.details.get("field")


def responses(installation: Installation) -> list[Response]:
    with installation.read() as session:
        return list(session.exec(select(Response)))


def open_matters(person: Person) -> list[MatterKind]:
    manager = StaffContext(
        person.installation, staff_member(Role.DATA_MANAGER, person.site, everywhere=True), LATER + days(1)
    )
    return [each.name.kind for each in get_open_matters(manager, MatterFilter()).rows]


@pytest.mark.req("IAM-09", "CAP-21", "AVL-04")
def test_a_paper_form_is_the_response_with_its_mode_day_and_whoever_entered_it(person: Person) -> None:
    installation = person.installation
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.submitted
    (response,) = responses(installation)
    assert (response.mode, response.originator, response.collected_on) == ("paper", "nurse@0571", TODAY)
    assert (response.out_of_window, response.submitted_at, response.answers["q30"]) == (False, LATER, None)
    assert {each["scale"] for each in response.scores} >= {"PF", "QL"}
    slot = person.slot("BL")
    assert (slot.submitted_at, slot.begun_at) == (LATER, LATER)
    with installation.read() as session:
        line = session.exec(select(FeedEvent.line).where(FeedEvent.type == "assessment.completed")).one()
        event = json.loads(line)
        events = list(session.exec(select(AuditEntry.event).where(AuditEntry.actor_id == "nurse@0571")))
    nurse = StaffContext(installation, person.nurse, LATER)
    (entry,) = get_paper_entries(nurse, slot)
    form = get_correctable_form(nurse, person.row().id, slot.public_id)
    assert (form.first_day, form.last_day) == (TODAY, LATER.date()), (
        "they may have said so before it was entered"
    )
    assert event["actor"] == {"kind": "staff", "id": "nurse@0571"}
    said = event["data"]["response"]
    assert (said["mode"], said["collected_on"]) == ("paper", TODAY.isoformat())
    assert events[-2:] == [AuditEvent.PAPER_ENTERED, AuditEvent.PAPER_SUBMITTED]
    assert entry.is_response
    assert (entry.paper, entry.outcome, entry.by) == ("binder 2, p. 7", PaperOutcome.submitted, "nurse@0571")
    assert verify_trail(installation) == []


def test_paper_is_judged_by_the_day_on_which_it_was_filled_in(lone: Person) -> None:
    """A baseline may be filled in for 28 days; one that is entered long after that is in its window."""
    after = START + days(60)
    closed = TODAY + timedelta(days=30)
    assert refusal(lambda: enter_typed_paper(lone, typed_paper(closed), after)) == (
        "outside_reason_needed",
        "note",
    )
    assert enter_typed_paper(lone, typed_paper(TODAY), after) is PaperOutcome.submitted
    assert not responses(lone.installation)[0].out_of_window


def test_paper_of_another_day_than_the_window_is_stored_as_such_with_the_reason(lone: Person) -> None:
    closed = TODAY + timedelta(days=30)
    enter_typed_paper(lone, typed_paper(closed, note=" was in another hospital "), START + days(60))
    (response,) = responses(lone.installation)
    assert (response.out_of_window, lone.slot("BL").out_of_window) == (True, True)
    with lone.installation.read() as session:
        assert session.exec(select(PaperEntry.note)).one() == "was in another hospital"


def test_a_phone_that_answered_otherwise_is_in_conflict_with_the_paper(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q5", 1), SubmittedAnswer(2, 1, "q6", 3))
    enter_typed_paper(person, typed_paper())
    assert responses(person.installation)[0].answers["q5"] == 3
    assert open_matters(person) == [MatterKind.conflict]
    assert verify_trail(person.installation) == []


@pytest.mark.req("CAP-21")
def test_paper_of_a_submitted_form_goes_to_the_data_manager(person: Person) -> None:
    slot, nurse = person.begin("BL", START), StaffContext(person.installation, person.nurse, LATER)
    person.submit("BL", START)
    number = person.row().id
    assert refusal(lambda: get_paper_form(nurse, number, slot))[0] == "already_submitted"
    assert enter_typed_paper(person, typed_paper()) is PaperOutcome.kept_apart
    assert get_typed_paper_form(nurse, number, slot).slot.public_id == slot
    assert open_matters(person) == [MatterKind.quarantine]
    assert [each.act for each in list_form_events(nurse, number, slot)] == [
        FormAct.begun,
        FormAct.sent,
        FormAct.paper,
    ], "no answers of the phone arrived beside it"
    assert responses(person.installation)[0].mode == "own_device"
    same = [TypedAnswer(f"q{number}", "2") for number in range(1, 31)]
    assert refusal(lambda: enter_typed_paper(person, typed_paper(answers=same)))[0] == "same_answers_sent"
    assert verify_trail(person.installation) == []


def test_paper_from_before_a_withdrawal_counts_and_from_after_it_lies_apart(lone: Person) -> None:
    exit_on = TODAY + timedelta(days=5)
    nurse = StaffContext(lone.installation, lone.nurse, LATER)
    entry = DispositionEntry(DispositionKind.withdrew_study, exit_on.isoformat(), Owner.site, "moved away")
    record_disposition(nurse, lone.site.study_id, lone.subject, entry)
    assert enter_typed_paper(lone, typed_paper(exit_on)) is PaperOutcome.kept_apart
    assert lone.slot("BL").submitted_at is None
    assert enter_typed_paper(lone, typed_paper(TODAY)) is PaperOutcome.submitted
    with lone.installation.read() as session:
        assert session.exec(select(Quarantine.reason)).all() == ["arrived_too_late"]


def test_paper_that_lay_apart_and_is_accepted_says_that_it_is_paper(lone: Person) -> None:
    """The exit was a mistake, and by the time that it is taken back the window has closed."""
    nurse = StaffContext(lone.installation, lone.nurse, LATER)
    doctor = StaffContext(
        lone.installation, staff_member(Role.INVESTIGATOR, lone.site), lone.slot("BL").grace_until or LATER
    )
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, TODAY.isoformat(), Owner.site, "moved away")
    record_disposition(nurse, lone.site.study_id, lone.subject, withdrawal)
    assert enter_typed_paper(lone, typed_paper(helped_by="family")) is PaperOutcome.kept_apart
    undo_disposition(doctor, lone.site.study_id, lone.subject, "mixed up with somebody else")
    number, name = lone.row().id, MatterName(MatterKind.quarantine, "1")
    shown = get_matter(doctor, number, name).shown
    settle_matter(doctor, number, name, SettlementEntry("accepted", "it is their sheet", shown))
    (response,) = responses(lone.installation)
    assert (response.mode, response.originator, response.collected_on) == ("paper", "nurse@0571", TODAY)
    assert (response.helped_by, response.submitted_at, response.out_of_window) == ("family", LATER, True)
    assert verify_trail(lone.installation) == []


@pytest.mark.usefixtures("randomised")
def test_a_paper_diary_that_was_late_takes_its_reason(lone: Person) -> None:
    well = typed_paper(
        TODAY + timedelta(days=2), answers=[TypedAnswer("any_symptom", "0")], helped_by="family"
    )
    assert refusal(lambda: enter_typed_paper(lone, well, visit="D0")) == ("late_reason_needed", "late_reason")
    enter_typed_paper(lone, replace(well, late_reason="too_ill"), visit="D0")
    (response,) = responses(lone.installation)
    assert (response.late_reason, response.helped_by, response.out_of_window) == ("too_ill", "family", False)


def in_full(person: Person) -> Person:
    """The same person in a plan that leaves no question out."""
    library = person.installation.library
    plans = {
        key: replace(
            plan, instruments=tuple(replace(used, leave_out=frozenset()) for used in plan.instruments)
        )
        for key, plan in library.plans.items()
    }
    return replace(person, installation=replace(person.installation, library=replace(library, plans=plans)))


def test_a_typed_answer_marked_as_blank_is_refused(lone: Person) -> None:
    lone.randomise(TODAY, LATER)
    lone = in_full(lone)
    nurse, day = StaffContext(lone.installation, lone.nurse, LATER), lone.slot("D0").public_id
    codes = [item.code for item in get_paper_form(nurse, lone.row().id, day).definition.items]
    blank = [TypedAnswer(code, BLANK) for code in codes if code not in ("any_symptom", "temperature")]
    ill = [TypedAnswer("any_symptom", "1"), TypedAnswer("temperature", "", blank=True), *blank]
    for wrong in (TypedAnswer("other", "sore knee", blank=True), TypedAnswer("fever", "1", blank=True)):
        with pytest.raises(Refused) as refused:
            enter_typed_paper(lone, typed_paper(answers=[*ill, wrong]), visit="D0")
        assert (refused.value.code, refused.value.details["item"]) == ("blank_and_typed", wrong.item)
    enter_typed_paper(lone, typed_paper(answers=ill), visit="D0")
    (response,) = responses(lone.installation)
    assert (response.answers["other"], response.answers["fever"]) == (BLANK, None)


def test_what_is_missing_or_impossible_on_a_paper_form_is_named(lone: Person) -> None:
    nurse = StaffContext(lone.installation, lone.nurse, LATER)
    number = lone.row().id
    lacking = typed_paper(answers=[TypedAnswer("q1", "3"), TypedAnswer("q2", "")])
    with pytest.raises(Refused) as refused:
        enter_typed_paper(lone, lacking)
    assert refused.value.code == "unanswered"
    assert isinstance(items := refused.value.details["items"], tuple)
    assert items[0] == "q2"
    wrong = {
        ("date_in_future", "collected_on"): typed_paper(LATER.date() + timedelta(days=1)),
        ("before_enrolment", "collected_on"): typed_paper(TODAY - timedelta(days=1)),
        ("paper_needed", "paper"): typed_paper(paper=" "),
        ("words_too_long", "paper"): typed_paper(paper="p" * 81),
        ("paper_reason_needed", "reason"): typed_paper(reason="never"),
        ("unknown_choice", "helped_by"): typed_paper(helped_by="cat"),
        ("out_of_range", None): typed_paper(answers=[TypedAnswer("q1", "5")]),
    }
    assert {refusal(lambda: enter_typed_paper(lone, typed)): typed for typed in wrong.values()} == wrong  # noqa: B023 - called at once
    late = typed_paper(TODAY + timedelta(days=30), note="told 0571-5550000 at home")
    assert refusal(lambda: enter_typed_paper(lone, late, START + days(60))) == ("identifying_words", "note")
    waits = lone.slot("W6").public_id
    for _ in range(2):  # its date is not known yet; then it opens in five weeks
        assert refusal(lambda: get_paper_form(nurse, number, waits))[0] == "not_yet_open"
        lone.randomise(TODAY + timedelta(days=1), LATER)
    assert get_paper_form(nurse, number, lone.slot("BL").public_id).asks_late_reason is False
    excuse_form(nurse, number, lone.slot("BL").public_id, "no_translation")
    assert refusal(lambda: enter_typed_paper(lone, typed_paper()))[0] == "not_expected"


def test_a_form_whose_participant_died_in_its_window_still_takes_paper(lone: Person) -> None:
    nurse = StaffContext(lone.installation, lone.nurse, LATER)
    died = TODAY + timedelta(days=5)
    entry = DispositionEntry(DispositionKind.death, died.isoformat(), Owner.site, "told by the family")
    record_disposition(nurse, lone.site.study_id, lone.subject, entry)
    assert enter_typed_paper(lone, typed_paper(TODAY)) is PaperOutcome.submitted


@pytest.mark.req("CAP-21")
def test_the_report_counts_paper_by_its_day_and_knows_no_minutes_of_it(lone: Person) -> None:
    enter_typed_paper(lone, typed_paper(TODAY + timedelta(days=3)))
    reader = StaffContext(lone.installation, staff_member(Role.MONITOR, lone.site), LATER)
    tables = {each.name: each.lines for each in get_report(reader, ReportFilter(), ReportPart.timing).tables}
    assert [each.median for each in tables[ReportTable.days] if each.where.get("visit") == "BL"] == [3]
    assert [each for each in tables[ReportTable.minutes] if each.where.get("visit") == "BL"] == []
