"""What site staff do next for a participant: one thing, the most urgent of the work list's reasons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from app.domain.plans.status import ANSWERABLE, ExitKind, Status
from app.domain.plans.windows import local_day
from app.domain.today.reasons import Reason, WorkReason


class NextAct(StrEnum):
    """What is to be done, the most urgent first; those from `leave_alone` on ask for nothing now."""

    complete_enrolment = "complete_enrolment"
    see_alert = "see_alert"
    call_back = "call_back"
    call_closing = "call_closing"
    call_waiting = "call_waiting"
    call_idle = "call_idle"
    help_sign_in = "help_sign_in"
    give_sheet = "give_sheet"
    check_contact = "check_contact"
    settle_correction = "settle_correction"
    give_reason = "give_reason"
    call_diary = "call_diary"
    explain_diary = "explain_diary"
    leave_alone = "leave_alone"
    finished = "finished"
    snoozed = "snoozed"
    wait_for_answer = "wait_for_answer"
    wait_for_opening = "wait_for_opening"
    wait_for_date = "wait_for_date"
    nothing = "nothing"


_ORDER: Mapping[NextAct, int] = {act: index for index, act in enumerate(NextAct)}
_ACTS: Mapping[Reason, NextAct] = {
    Reason.alert: NextAct.see_alert,
    Reason.call: NextAct.call_back,
    Reason.closing: NextAct.call_closing,
    Reason.half: NextAct.call_waiting,
    Reason.idle: NextAct.call_idle,
    Reason.locked: NextAct.help_sign_in,
    Reason.unused: NextAct.give_sheet,
    Reason.undelivered: NextAct.check_contact,
    Reason.missed: NextAct.give_reason,
    Reason.diary: NextAct.call_diary,
}
"""What each reason asks for; a form that opens soon asks for nothing yet."""


class ExpectedForm(NamedTuple):
    """One form as the rule needs it; `for_day` is that of an entry of the diary, None for a visit's form."""

    key: str
    visit: str
    status: Status
    opens_on: date | None
    closes_on: date | None
    for_day: date | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is to be done, for which form, and the day that matters: closing, opening, or request."""

    act: NextAct
    visit: str = ""
    on: date | None = None
    for_day: date | None = None

    @property
    def needs_staff(self) -> bool:
        """Whether somebody has to do something now."""
        return _ORDER[self.act] < _ORDER[NextAct.leave_alone]


@dataclass(frozen=True, slots=True)
class ParticipantStanding:
    """What is known of somebody: their part in the study, what they asked for, and their forms.

    `unexplained_since` is the first day of the diary that has no entry and no reason and is listed for it.
    `alerted_on` and `call_requested_on` are the days of the oldest open alert and of an open call request.
    """

    exit_kind: ExitKind | None
    consented: bool
    signed_in: bool
    correction_requested_on: date | None
    zone: str
    snoozed_until: date | None
    forms: Sequence[ExpectedForm]
    unexplained_since: date | None = None
    alerted_on: date | None = None
    call_requested_on: date | None = None


def choose_next_step(standing: ParticipantStanding, reasons: Sequence[WorkReason]) -> NextStep:
    """The one thing to do next. Whoever has left is left alone, but for an open alert or their own request.

    `reasons` are those of the work list; what rests there asks for nothing here until then.
    """
    if standing.exit_kind is not None:
        return _step_of_leaver(standing, standing.exit_kind)
    steps = (*_steps_of_standing(standing), *_steps_of_reasons(standing, reasons))
    rest = NextStep(NextAct.snoozed, on=standing.snoozed_until) if standing.snoozed_until else None
    return min(steps, key=lambda step: _ORDER[step.act], default=None) or rest or _wait(standing.forms)


def _step_of_leaver(standing: ParticipantStanding, exit_kind: ExitKind) -> NextStep:
    """An alert is open until somebody closes it, and a call is owed to who is alive and asked for it."""
    if standing.alerted_on is not None:
        return NextStep(NextAct.see_alert, on=standing.alerted_on)
    if exit_kind is ExitKind.death:
        return NextStep(NextAct.leave_alone)
    if standing.call_requested_on is not None:
        return NextStep(NextAct.call_back, on=standing.call_requested_on)
    return NextStep(NextAct.finished)


def _steps_of_standing(standing: ParticipantStanding) -> Iterator[NextStep]:
    if not standing.consented:
        yield NextStep(NextAct.complete_enrolment)
    if not standing.signed_in:
        yield NextStep(NextAct.give_sheet)
    if standing.correction_requested_on is not None:
        yield NextStep(NextAct.settle_correction, on=standing.correction_requested_on)
    if standing.unexplained_since is not None and standing.snoozed_until is None:
        yield NextStep(NextAct.explain_diary, on=standing.unexplained_since)


def _steps_of_reasons(standing: ParticipantStanding, reasons: Sequence[WorkReason]) -> Iterator[NextStep]:
    forms = {form.key: form for form in standing.forms}
    for reason in reasons:
        act = None if reason.snoozed else _ACTS.get(reason.reason)
        if act is not None and not reason.forms:
            yield NextStep(act, on=local_day(reason.at, standing.zone))
        elif act is not None and reason.forms[0] in forms:
            form = forms[reason.forms[0]]
            yield NextStep(act, form.visit, form.closes_on, form.for_day)


def _wait(forms: Sequence[ExpectedForm]) -> NextStep:
    """What comes by itself: an answer, the next window, or a date that somebody else records."""
    visits = [form for form in forms if form.for_day is None]
    answerable = min((form for form in visits if form.status in ANSWERABLE), key=_closing, default=None)
    if answerable is not None:
        return NextStep(NextAct.wait_for_answer, answerable.visit, answerable.closes_on)
    planned = [form for form in visits if form.status is Status.planned and form.opens_on is not None]
    opening = min(planned, key=lambda form: form.opens_on or date.max, default=None)
    if opening is not None:
        return NextStep(NextAct.wait_for_opening, opening.visit, opening.opens_on)
    waiting = any(form.status is Status.waiting for form in visits)
    return NextStep(NextAct.wait_for_date if waiting else NextAct.nothing)


def _closing(form: ExpectedForm) -> date:
    return form.closes_on or date.max
