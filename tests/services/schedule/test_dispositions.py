"""Ways out of a study: what each stops, what it leaves, and how a mistake is taken back."""

import json
from dataclasses import replace
from datetime import date

import pytest
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.plans.status import ANSWERABLE, ExitKind, Status, died_in_window
from app.domain.records.access import Role
from app.domain.records.audit import format_instant
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import (
    DispositionEntry,
    dispositions_in_force,
    record_disposition,
    undo_disposition,
)
from app.services.schedule.enrolment import enrol_participant, issue_invitation
from app.storage.queries.slots import slot_facts, slot_status, window_of_slot
from app.storage.tables.feed import FeedEvent
from app.storage.tables.participants import Activation
from app.storage.tables.schedule import Disposition
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, days, enrolment_entry, staff_member
from tests.scenarios.reminders import feed_types, process_all_due

DAY0 = date(2026, 3, 2)


def leaves(
    person: Person, kind: DispositionKind, stated: str, at_day: float, source: Owner = Owner.site
) -> Disposition:
    entry = DispositionEntry(kind, stated, source, "told by telephone")
    return record_disposition(
        StaffContext(person.installation, person.nurse, START + days(at_day)),
        person.site.study_id,
        person.subject,
        entry,
    )


@pytest.mark.req("COR-10", "REP-03")
@pytest.mark.parametrize(
    "kind",
    [DispositionKind.withdrew_questionnaires, DispositionKind.withdrew_study, DispositionKind.screen_failure],
)
@pytest.mark.usefixtures("randomised")
def test_an_exit_stops_what_has_not_opened_and_ends_what_is_open(
    person: Person, kind: DispositionKind
) -> None:
    leaves(person, kind, "2026-04-10", 40)
    at = START + days(41)
    assert slot_status(person.slot("W12"), at) is Status.not_expected
    assert slot_status(person.slot("W6"), at) is Status.missed  # its window was open
    assert person.row().exit_kind == ExitKind(kind.value)
    assert person.participant(at).exit_kind == ExitKind(kind.value)


@pytest.mark.req("REP-03")
@pytest.mark.usefixtures("randomised")
def test_death_is_never_missing_data(person: Person) -> None:
    leaves(person, DispositionKind.death, "2026-04-10", 41, Owner.edc)
    at = START + days(60)
    slot = person.slot("W6")
    assert slot_status(slot, at) is Status.not_expected
    assert died_in_window(window_of_slot(slot), slot_facts(slot))
    assert slot_status(person.slot("D0"), at) is Status.missed  # closed while alive


def test_a_death_known_to_the_month_counts_at_its_end_but_stops_at_once(person: Person) -> None:
    assert leaves(person, DispositionKind.death, "2026-03", 60).effective_on == date(2026, 3, 31)
    assert person.row().exit_kind is ExitKind.death


def test_a_death_in_the_running_month_counts_today(person: Person) -> None:
    assert leaves(person, DispositionKind.death, "2026-03", 5).effective_on == date(2026, 3, 7)


@pytest.mark.usefixtures("randomised")
def test_withdrawal_from_treatment_keeps_questionnaires_and_opens_et(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-20", 20)
    at = START + days(20)
    assert slot_status(person.slot("ET"), at) is Status.overdue or slot_status(person.slot("ET"), at) in {
        Status.due,
        Status.open,
    }
    assert person.row().exit_kind is None
    assert slot_status(person.slot("W6"), at) is Status.planned


@pytest.mark.parametrize("kind", [DispositionKind.lost, DispositionKind.completed])
def test_loss_and_completion_are_facts_that_stop_nothing(person: Person, kind: DispositionKind) -> None:
    leaves(person, kind, "2026-03-05", 5)
    assert person.row().exit_kind is None


def test_an_exit_revokes_invitations(person: Person) -> None:
    issue_invitation(
        StaffContext(person.installation, person.nurse, START), person.site.study_id, person.subject
    )
    leaves(person, DispositionKind.withdrew_study, "2026-03-05", 5)
    with person.installation.read() as session:
        waiting = session.exec(select(Activation).where(Activation.used_at == None)).all()  # noqa: E711 - SQL
    assert [row.revoked_at is not None for row in waiting] == [True]
    with pytest.raises(Refused) as refused:
        issue_invitation(
            StaffContext(person.installation, person.nurse, START + days(6)),
            person.site.study_id,
            person.subject,
        )
    assert refused.value.code == "participation_ended"


@pytest.mark.req("AUD-01")
@pytest.mark.usefixtures("randomised")
def test_a_mistake_is_taken_back_by_a_new_entry(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_study, "2026-03-05", 5)
    undo_disposition(
        StaffContext(person.installation, person.nurse, START + days(6)),
        person.site.study_id,
        person.subject,
        "mistake",
    )
    assert person.row().exit_kind is None
    assert slot_status(person.slot("W12"), START + days(6)) is Status.planned
    with person.installation.read() as session:
        rows = session.exec(select(Disposition).order_by("id")).all()
        stated = select(FeedEvent.type, FeedEvent.line).where(FeedEvent.type.startswith("status"))
        rows_by_kind = dict(session.exec(stated).all())
    assert [(row.kind, row.undoes_id is None) for row in rows] == [
        ("withdrew_study", True),
        ("withdrew_study", False),
    ]
    assert list(rows_by_kind) == ["status.recorded", "status.undone"]
    undone = json.loads(rows_by_kind["status.undone"])  # one word of staff is no code
    assert (undone["reason"], undone["data"]["reason"]) == ({"code": "STATED"}, {"text": "mistake"})


def test_an_exit_is_counted_from_the_enrolment_day_not_from_when_it_was_recorded(
    installation: Installation, site: Site
) -> None:
    nurse = staff_member(Role.NURSE, site)
    earlier = replace(
        enrolment_entry("0571-009"), enrolled_on=date(2026, 2, 20), consented_on=date(2026, 2, 20)
    )
    enrol_participant(StaffContext(installation, nurse, START), site, earlier)
    entry = DispositionEntry(DispositionKind.withdrew_study, "2026-02-25", Owner.site)
    row = record_disposition(StaffContext(installation, nurse, START), site.study_id, "0571-009", entry)
    assert row.effective_on == date(2026, 2, 25)


def test_the_earliest_exit_in_force_decides(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_questionnaires, "2026-03-10", 10)
    leaves(person, DispositionKind.death, "2026-03-08", 12)
    assert person.row().exit_kind is ExitKind.death


@pytest.mark.parametrize(
    ("kind", "stated", "code"),
    [
        (DispositionKind.withdrew_study, "2026-03", "bad_date"),
        (DispositionKind.withdrew_study, "5 March", "bad_date"),
        (DispositionKind.death, "2026-02-30", "bad_date"),
        (DispositionKind.death, "2026-13", "bad_date"),
        (DispositionKind.death, "2026-05", "date_in_future"),
        (DispositionKind.withdrew_study, "2026-03-20", "date_in_future"),
        (DispositionKind.withdrew_study, "2026-03-01", "before_enrolment"),
    ],
)
def test_a_date_that_cannot_be_is_refused(
    person: Person, kind: DispositionKind, stated: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        leaves(person, kind, stated, 5)
    assert refused.value.code == code
    assert person.row().exit_kind is None


def test_undoing_needs_a_reason_and_something_to_undo(person: Person) -> None:
    for reason, code in ((" ", "reason_needed"), ("mistake", "nothing_to_undo")):
        with pytest.raises(Refused) as refused:
            undo_disposition(
                StaffContext(person.installation, person.nurse, START),
                person.site.study_id,
                person.subject,
                reason,
            )
        assert refused.value.code == code


@pytest.mark.req("REP-03", "EDC-04")
@pytest.mark.usefixtures("randomised")
def test_an_undone_withdrawal_from_treatment_takes_its_date_and_its_visit_back(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-05", 5)
    process_all_due(person.installation, START + days(5))
    assert feed_types(person.installation, "ET") == ["assessment.opened"]
    _undo(person, 6)
    assert (person.slot("ET").excused, person.slot("ET").out_of_plan) == ("not_in_plan", True)
    assert feed_types(person.installation, "ET") == ["assessment.opened", "assessment.excused"]
    assert "anchor.withdrawn" in _types(person)
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-06", 6)
    assert (person.slot("ET").excused, person.slot("ET").opens_on) == (None, date(2026, 3, 6))


@pytest.mark.usefixtures("randomised")
def test_what_is_begun_after_a_withdrawal_that_is_undone_stays_and_is_flagged(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-05", 5)
    person.begin("ET", START + days(5))
    _undo(person, 6)
    begun = person.slot("ET")
    assert (begun.out_of_plan, begun.excused, begun.begun_at) == (True, None, START + days(5))
    assert slot_status(begun, START + days(6)) in ANSWERABLE


@pytest.mark.usefixtures("randomised")
def test_the_earlier_of_two_withdrawals_counts_again_once_the_later_is_undone(person: Person) -> None:
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-03", 5)
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-05", 5)
    assert person.slot("ET").opens_on == date(2026, 3, 5)
    _undo(person, 6)
    assert person.slot("ET").opens_on == date(2026, 3, 3)


@pytest.mark.req("REP-03", "EDC-04")
@pytest.mark.usefixtures("randomised")
def test_a_death_to_the_month_and_then_to_the_day_leaves_nothing_missed(person: Person) -> None:
    """The days between the stated day and the report were told as missed; the dead are not missing data."""
    process_all_due(person.installation, START + days(25))
    assert "diary.missed" in _types(person)
    leaves(person, DispositionKind.death, "2026-03", 26)
    leaves(person, DispositionKind.death, "2026-03-10", 26)
    at = START + days(26)
    states = {person.slot(f"D{day}").visit: slot_status(person.slot(f"D{day}"), at) for day in range(6, 26)}
    assert set(states.values()) == {Status.not_expected}
    assert {_last(person, f"D{day}")["state"] for day in range(6, 24)} == {"not_expected"}
    with person.installation.read() as session:
        lines = session.exec(select(FeedEvent.line).where(FeedEvent.type == "status.recorded")).all()
    in_force = [json.loads(line)["data"]["status"]["in_force"] for line in lines]
    assert [len(each) for each in in_force] == [1, 2]
    assert {each["recorded_at"] for each in in_force[1]} == {format_instant(at)}


def test_a_plan_without_the_date_of_a_withdrawal_records_the_withdrawal_alone(person: Person) -> None:
    plan = person.installation.library.get_plan("sbrt-nsclc", "1.0")
    kinds = tuple(anchor for anchor in plan.anchors if anchor.kind != "treatment_withdrawal")
    library = person.installation.library
    plans = {**library.plans, ("sbrt-nsclc", "1.0"): replace(plan, anchors=kinds)}
    person.installation = replace(person.installation, library=replace(library, plans=plans))
    leaves(person, DispositionKind.withdrew_treatment, "2026-03-03", 2)
    assert [each.kind for each in _standing(person)] == ["withdrew_treatment"]
    _undo(person, 3)
    assert _standing(person) == []


def _undo(person: Person, at_day: float) -> None:
    actor = staff_member(Role.INVESTIGATOR, person.site)
    context = StaffContext(person.installation, actor, START + days(at_day))
    undo_disposition(context, person.site.study_id, person.subject, "a mistake")


def _standing(person: Person) -> list[Disposition]:
    with person.installation.read() as session:
        return dispositions_in_force(session, person.row().id)


def _types(person: Person) -> list[str]:
    with person.installation.read() as session:
        return list(session.exec(select(FeedEvent.type).order_by(col(FeedEvent.seq))))


def _last(person: Person, visit: str) -> dict[str, object]:
    with person.installation.read() as session:
        rows = session.exec(select(FeedEvent.line).order_by(col(FeedEvent.seq))).all()
    events = [json.loads(line) for line in rows if f'"visit":"{visit}"' in line]
    slot: dict[str, object] = events[-1]["data"]["slot"]
    return slot
