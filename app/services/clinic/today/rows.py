"""A row of the work list: from what is stored of a participant and their forms to what staff read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from app.domain.plans.plan import Plan
from app.domain.plans.reminders import FormReminders, check_staff_reminder, staff_reminder_kind
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.domain.today.contacts import split_reasons
from app.domain.today.reasons import DiaryFacts, ParticipantFacts, Reason, UnsubmittedForm, WorkReason
from app.services.clinic.staff_sites import StaffSite
from app.services.schedule.reminder_preference import reminder_preference
from app.storage.queries.today.people import FormRow, PersonRow


class TodayForm(NamedTuple):
    """The form that a row is about: progress, window and reminders; `day` counts from 1, at most `days`.

    `questions` is 0 where the answers decide how many questions there are.
    """

    key: str
    visit: str
    instrument: str
    instrument_version: str
    plan_version: str
    answered: int
    questions: int
    closes_on: date
    remaining_days: int
    day: int
    days: int
    target_day: int
    reminded: int
    planned: int
    is_open: bool


class TodayReason(NamedTuple):
    """One reason of a row: `number` of `total` (days left, entries made) and the visits concerned."""

    reason: Reason
    snoozed: bool
    number: int = 0
    total: int = 0
    visits: tuple[str, ...] = ()


class LatestContact(NamedTuple):
    """The newest try to reach a participant, as corrected last."""

    outcome: str
    next_try_on: date | None
    at: datetime


class TodaySnooze(NamedTuple):
    """Until when a row is snoozed, and why."""

    until: datetime
    reason: str


class Colleague(NamedTuple):
    """A member of staff who works the list at a participant's site."""

    staff_id: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TodayRow:
    """A participant who needs somebody, or whose row rests; `more_forms` beside the one that is shown.

    Two are equal only if they are one, so that what is written of it can be kept for it.
    """

    participant: str
    subject: str
    language: str
    site: StaffSite
    zone: str
    reasons: tuple[TodayReason, ...]
    form: TodayForm | None
    more_forms: int
    contact: LatestContact | None
    snooze: TodaySnooze | None
    paused_until: date | None
    may_log: bool
    may_remind: bool
    assignee: Colleague | None = None


def participant_facts(person: PersonRow, forms: Sequence[FormRow], locked: bool) -> ParticipantFacts:
    """What the rule reads of this participant."""
    return ParticipantFacts(
        enrolled_at=person.enrolled_at,
        consented=person.consent_version is not None,
        activated=person.activated_at is not None,
        locked=locked,
        alerted_at=person.alerted_at,
        called_at=person.called_at,
        undelivered_at=person.undelivered_at,
        forms=tuple([_form_facts(form) for form in forms]),
        diary=DiaryFacts(
            person.daily_missed, person.daily_submitted, person.weekly_missed, person.weekly_submitted
        ),
        snoozed=split_reasons(person.snoozed) if person.snoozed else frozenset(),
        snoozed_at=person.snoozed_at,
    )


def _form_facts(form: FormRow) -> UnsubmittedForm:
    return UnsubmittedForm(
        form.key,
        form.for_day is None,
        form.opens_at,
        form.closes_at,
        form.grace_until,
        form.begun_at,
        form.answered_at,
        form.missed_reason is not None,
    )


def is_open(form: FormRow, at: datetime) -> bool:
    """Whether a form takes answers at this moment."""
    return form.opens_at <= at < (form.grace_until if form.begun_at else form.closes_at)


def may_be_reminded(person: PersonRow, form: TodayForm, at: datetime) -> bool:
    """Whether staff may have a reminder of this form sent now, by the rule that judges it at the press."""
    if not (person.reachable and form.is_open):
        return False
    refusal = check_staff_reminder(
        Status.open,
        reminder_preference(person),
        FormReminders(form.reminded, form.planned),
        at,
        person.zone,
        reminded_today=person.staff_reminder == staff_reminder_kind(at, person.zone),
    )
    return refusal is None


def choose_form(
    forms: Mapping[str, FormRow], reasons: Collection[WorkReason], at: datetime
) -> FormRow | None:
    """The form of the most urgent reason that has one; else the visit's open form that closes first.

    `forms` are by their keys, in the order in which they close.
    """
    for reason in reasons:
        if reason.forms:
            return forms[reason.forms[0]]
    others = (form for form in forms.values() if form.for_day is None and is_open(form, at))
    return next(others, None)


def describe_reason(
    reason: WorkReason, forms: Mapping[str, FormRow], facts: ParticipantFacts, today: date, zone: str
) -> TodayReason:
    """The reason with the numbers and visits that its words name."""
    number = total = 0
    first = forms[reason.forms[0]] if reason.forms else None
    if first is not None and reason.reason in (Reason.closing, Reason.opens):
        day = first.closes_on if reason.reason is Reason.closing else first.opens_on
        number = (day - today).days
    elif first is not None and first.begun_at is not None and reason.reason is Reason.idle:
        last = max(first.begun_at, first.answered_at or first.begun_at)
        number = (today - local_day(last, zone)).days
    elif reason.reason is Reason.diary:
        daily = facts.diary.daily_submitted + facts.diary.daily_missed
        number, total = facts.diary.daily_submitted, daily
        if not daily:
            total = facts.diary.weekly_missed + facts.diary.weekly_submitted
    visits = tuple(dict.fromkeys([forms[key].visit for key in reason.forms]))
    return TodayReason(reason.reason, reason.snoozed, number, total, visits)


def find_snooze(person: PersonRow) -> TodaySnooze | None:
    """Until when their row is snoozed, and why; None where it is not."""
    return TodaySnooze(person.until_at, person.snooze_reason or "") if person.until_at else None


def find_assignee(person: PersonRow, workers: Mapping[int, str]) -> Colleague | None:
    """To whom they are assigned; nobody where that colleague is none of these, who work the list there."""
    key = person.assignee_id
    return Colleague(key, workers[key]) if key is not None and key in workers else None


def latest_contact(person: PersonRow) -> LatestContact | None:
    """The newest try to reach them; None where nobody tried."""
    if person.outcome is None or person.contacted_at is None:
        return None
    return LatestContact(person.outcome.value, person.next_try_on, person.contacted_at)


def build_form(form: FormRow, plan: Plan, questions: int, today: date, at: datetime) -> TodayForm:
    """The form of a row, with its progress of `questions` questions and its window."""
    days = (form.closes_on - form.opens_on).days + 1
    return TodayForm(
        key=form.key,
        visit=form.visit,
        instrument=form.instrument,
        instrument_version=form.instrument_version,
        plan_version=form.plan_version,
        answered=form.answered,
        questions=questions,
        closes_on=form.closes_on,
        remaining_days=(form.closes_on - today).days,
        day=min(max((today - form.opens_on).days + 1, 0), days),
        days=days,
        target_day=(form.target_on - form.opens_on).days + 1,
        reminded=form.reminded,
        planned=1 if form.for_day else len(plan.reminders.moments),
        is_open=is_open(form, at),
    )
