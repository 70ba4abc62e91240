"""The one thing to do next for a participant: the most urgent, and nothing for whoever has left."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.desk.next_step import (
    ExpectedForm,
    NextAct,
    NextStep,
    ParticipantStanding,
    choose_next_step,
)
from app.domain.plans.status import ExitKind, Status
from app.domain.today.reasons import Reason, WorkReason

NOW = datetime(2026, 3, 1, 20, tzinfo=UTC)
TODAY = date(2026, 3, 2)  # in Hangzhou
LATER = TODAY + timedelta(30)
CALM = ParticipantStanding(
    None,
    consented=True,
    signed_in=True,
    correction_requested_on=None,
    zone="Asia/Shanghai",
    snoozed_until=None,
    forms=(),
)


def form(status: Status, closes: date | None = LATER, visit: str = "W6") -> ExpectedForm:
    opens = closes - timedelta(14) if closes else None
    return ExpectedForm(visit.lower(), visit, status, opens, closes)


def because(*reasons: Reason, form: str = "w6", snoozed: bool = False) -> list[WorkReason]:
    of_forms = (Reason.closing, Reason.half, Reason.idle, Reason.missed, Reason.opens)
    return [WorkReason(each, NOW, (form,) if each in of_forms else (), snoozed) for each in reasons]


def next_step(reasons: list[WorkReason], *forms: ExpectedForm, **known: object) -> NextStep:
    standing = replace(CALM, forms=forms, **known)  # type: ignore[arg-type]  # by name
    return choose_next_step(standing, reasons)


@pytest.mark.parametrize(
    ("step", "reasons", "known"),
    [
        (NextStep(NextAct.leave_alone), [Reason.call], {"exit_kind": ExitKind.death}),
        (NextStep(NextAct.finished), [Reason.missed], {"exit_kind": ExitKind.withdrew_study}),
        (
            NextStep(NextAct.see_alert, on=TODAY),
            [],
            {"exit_kind": ExitKind.death, "alerted_on": TODAY, "call_requested_on": TODAY},
        ),
        (NextStep(NextAct.leave_alone), [], {"exit_kind": ExitKind.death, "call_requested_on": TODAY}),
        (
            NextStep(NextAct.call_back, on=TODAY),
            [],
            {"exit_kind": ExitKind.withdrew_study, "call_requested_on": TODAY},
        ),
        (NextStep(NextAct.complete_enrolment), [Reason.alert, Reason.closing], {"consented": False}),
        (NextStep(NextAct.see_alert, on=TODAY), [Reason.alert, Reason.call], {}),
        (NextStep(NextAct.call_back, on=TODAY), [Reason.call, Reason.closing], {}),
        (NextStep(NextAct.call_closing, "W6", LATER), [Reason.closing], {"signed_in": False}),
        (NextStep(NextAct.call_waiting, "W6", LATER), [Reason.half, Reason.missed], {}),
        (NextStep(NextAct.call_idle, "W6", LATER), [Reason.idle, Reason.locked], {}),
        (NextStep(NextAct.help_sign_in, on=TODAY), [Reason.locked, Reason.undelivered], {}),
        (NextStep(NextAct.give_sheet), [Reason.unused], {"signed_in": False}),
        (
            NextStep(NextAct.check_contact, on=TODAY),
            [Reason.undelivered],
            {"correction_requested_on": TODAY},
        ),
        (NextStep(NextAct.settle_correction, on=TODAY), [Reason.missed], {"correction_requested_on": TODAY}),
        (NextStep(NextAct.give_reason, "W6", LATER), [Reason.missed, Reason.diary], {}),
        (NextStep(NextAct.call_diary, on=TODAY), [Reason.diary, Reason.opens], {}),
        (NextStep(NextAct.call_diary, on=TODAY), [Reason.diary], {"unexplained_since": TODAY}),
        (NextStep(NextAct.explain_diary, on=TODAY), [Reason.opens], {"unexplained_since": TODAY}),
        (NextStep(NextAct.snoozed, on=LATER), [], {"unexplained_since": TODAY, "snoozed_until": LATER}),
        (NextStep(NextAct.wait_for_answer, "W6", LATER), [Reason.opens], {}),
    ],
)
def test_the_most_urgent_comes_first(step: NextStep, reasons: list[Reason], known: dict[str, object]) -> None:
    assert next_step(because(*reasons), form(Status.due), **known) == step


@pytest.mark.parametrize(
    ("step", "forms"),
    [
        (NextStep(NextAct.wait_for_answer, "W6", LATER), [form(Status.in_progress)]),
        (NextStep(NextAct.wait_for_opening, "W6", TODAY), [form(Status.planned, TODAY + timedelta(14))]),
        (NextStep(NextAct.wait_for_date), [form(Status.waiting, None), form(Status.submitted)]),
        (NextStep(NextAct.nothing), [form(Status.submitted), form(Status.missed)]),
        (NextStep(NextAct.nothing), [form(Status.due, visit="D3")._replace(for_day=TODAY)]),
    ],
)
def test_no_step_is_offered_for_what_comes_by_itself(step: NextStep, forms: list[ExpectedForm]) -> None:
    assert next_step([], *forms) == step
    assert not step.needs_staff


def test_what_rests_on_the_work_list_asks_for_nothing() -> None:
    resting = because(Reason.call, Reason.closing, snoozed=True)
    step = next_step(resting, form(Status.due), snoozed_until=LATER)
    assert step == NextStep(NextAct.snoozed, on=LATER)
    assert not step.needs_staff
    another = [*because(Reason.missed), *resting]
    assert next_step(another, form(Status.due), snoozed_until=LATER).act is NextAct.give_reason
    assert next_step(because(Reason.closing), form(Status.due)).needs_staff


def test_an_entry_of_the_diary_is_named_by_its_day() -> None:
    entry = form(Status.in_progress, TODAY, "D3")._replace(for_day=TODAY)
    assert next_step(because(Reason.idle, form="d3"), entry) == NextStep(
        NextAct.call_idle, "D3", TODAY, TODAY
    )


def test_of_several_forms_the_one_that_closes_first_is_named() -> None:
    late, early = form(Status.due, LATER, "W12"), form(Status.due, LATER - timedelta(5), "EOT")
    assert next_step([], late, early).visit == "EOT"
    later, sooner = form(Status.planned, LATER, "W12"), form(Status.planned, LATER - timedelta(9))
    assert next_step([], later, sooner).visit == "W6"


@given(
    st.lists(st.sampled_from(Reason), unique=True),
    st.sampled_from([None, *ExitKind]),
    st.booleans(),
    st.booleans(),
)
def test_there_is_always_one_step_and_no_reason_is_passed_over(
    reasons: list[Reason], exit_kind: ExitKind | None, consented: bool, signed_in: bool
) -> None:
    step = next_step(
        because(*reasons), form(Status.due), exit_kind=exit_kind, consented=consented, signed_in=signed_in
    )
    assert (step.act in (NextAct.leave_alone, NextAct.finished)) is (exit_kind is not None)
    expects_step = bool({*reasons} - {Reason.opens}) or not (consented and signed_in)
    assert step.needs_staff is (exit_kind is None and expects_step)
