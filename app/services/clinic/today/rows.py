"""A row of the work list: from what is stored of a participant and their forms to what staff read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import RowMapping

from app.domain.plans.plan import Plan
from app.domain.plans.reminders import FormReminders, check_staff_reminder, staff_reminder_kind
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.domain.today.contacts import split_reasons
from app.domain.today.reasons import DiaryFacts, ParticipantFacts, Reason, UnsubmittedForm, WorkReason
from app.services.clinic.staff_sites import StaffSite
from app.services.schedule.reminder_preference import ReminderWishes, reminder_preference


@dataclass(frozen=True, slots=True)
class TodayForm:
    """The form that a row is about: progress, window and reminders; `day` counts from 1, at most `days`.

    `asked` is 0 where the answers decide how many questions there are.
    """

    key: str
    visit: str
    instrument: str
    instrument_version: str
    plan_version: str
    answered: int
    asked: int
    closes_on: date
    days_left: int
    day: int
    days: int
    target_day: int
    reminded: int
    planned: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class TodayReason:
    """One reason of a row: `number` of `total` (days left, entries made) and the visits concerned."""

    reason: Reason
    snoozed: bool
    number: int = 0
    total: int = 0
    visits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatestContact:
    """The newest try to reach a participant, as corrected last."""

    outcome: str
    next_try_on: date | None
    at: datetime


@dataclass(frozen=True, slots=True)
class TodaySnooze:
    """Until when a row rests, and why."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class TodayRow:
    """A participant who needs somebody, or whose row rests; `more_forms` beside the one that is shown."""

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


def participant_facts(person: RowMapping, forms: Sequence[RowMapping], locked: bool) -> ParticipantFacts:
    """What the rule reads of this participant."""
    return ParticipantFacts(
        enrolled_at=person["enrolled_at"],
        consented=person["consent_version"] is not None,
        activated=person["activated_at"] is not None,
        locked=locked,
        alerted_at=person["alerted_at"],
        called_at=person["called_at"],
        undelivered_at=person["undelivered_at"],
        forms=tuple(_form_facts(form) for form in forms),
        diary=_diary_facts(person),
        snoozed=split_reasons(person["snoozed"]) if person["snoozed"] else frozenset(),
        snoozed_at=person["snoozed_at"],
    )


def _diary_facts(person: RowMapping) -> DiaryFacts:
    """The counts of the diary's entries, which are read only where the plan has a diary."""
    if "daily_missed" not in person:
        return _NO_DIARY
    return DiaryFacts(*(person[name] for name in DiaryFacts.__slots__))


_NO_DIARY = DiaryFacts()


def _form_facts(form: RowMapping) -> UnsubmittedForm:
    return UnsubmittedForm(
        form["key"],
        form["for_day"] is None,
        form["opens_at"],
        form["closes_at"],
        form["grace_until"],
        form["begun_at"],
        form["answered_at"],
        form["missed_reason"] is not None,
    )


def is_open(form: RowMapping, at: datetime) -> bool:
    """Whether a form takes answers at this moment."""
    ends: datetime = form["grace_until"] if form["begun_at"] else form["closes_at"]
    opens: datetime = form["opens_at"]
    return opens <= at < ends


def may_be_reminded(person: RowMapping, form: TodayForm, at: datetime) -> bool:
    """Whether staff may have a reminder of this form sent now, by the rule that judges it at the press."""
    if not (person["reachable"] and form.is_open):
        return False
    wishes = ReminderWishes(**{name: person[name] for name in ReminderWishes.__slots__})
    refusal = check_staff_reminder(
        Status.open,
        reminder_preference(wishes),
        FormReminders(form.reminded, form.planned),
        at,
        wishes.zone,
        sent_today=person["staff_reminder"] == staff_reminder_kind(at, wishes.zone),
    )
    return refusal is None


def choose_form(
    forms: Mapping[str, RowMapping], reasons: Collection[WorkReason], at: datetime
) -> RowMapping | None:
    """The form of the most urgent reason that has one; else the visit's open form that closes first.

    `forms` are by their keys, in the order in which they close.
    """
    for each in reasons:
        if each.forms:
            return forms[each.forms[0]]
    others = (form for form in forms.values() if form["for_day"] is None and is_open(form, at))
    return next(others, None)


def describe_reason(
    each: WorkReason, forms: Mapping[str, RowMapping], facts: ParticipantFacts, today: date, zone: str
) -> TodayReason:
    """The reason with the numbers and visits that its words name."""
    number = total = 0
    first = forms[each.forms[0]] if each.forms else None
    if first is not None and each.reason in (Reason.closing, Reason.opens):
        day = first["closes_on"] if each.reason is Reason.closing else first["opens_on"]
        number = (day - today).days
    elif first is not None and each.reason is Reason.idle:
        last = max(first["begun_at"], first["answered_at"] or first["begun_at"])
        number = (today - local_day(last, zone)).days
    elif each.reason is Reason.diary:
        daily = facts.diary.daily_submitted + facts.diary.daily_missed
        number, total = facts.diary.daily_submitted, daily
        if not daily:
            total = facts.diary.weekly_missed + facts.diary.weekly_submitted
    visits = tuple(dict.fromkeys(forms[key]["visit"] for key in each.forms))
    return TodayReason(each.reason, each.snoozed, number, total, visits)


def find_snooze(person: RowMapping) -> TodaySnooze | None:
    """Until when their row rests, and why; None where it does not."""
    return TodaySnooze(person["until_at"], person["snooze_reason"]) if person["until_at"] else None


def latest_contact(person: RowMapping) -> LatestContact | None:
    """The newest try to reach them; None where nobody tried."""
    if person["outcome"] is None:
        return None
    return LatestContact(person["outcome"].value, person["next_try_on"], person["contacted_at"])


def build_form(form: RowMapping, plan: Plan, asked: int, today: date, at: datetime) -> TodayForm:
    """The form of a row, with its progress of `asked` questions and its window."""
    days = (form["closes_on"] - form["opens_on"]).days + 1
    return TodayForm(
        key=form["key"],
        visit=form["visit"],
        instrument=form["instrument"],
        instrument_version=form["instrument_version"],
        plan_version=form["plan_version"],
        answered=form["answered"],
        asked=asked,
        closes_on=form["closes_on"],
        days_left=(form["closes_on"] - today).days,
        day=min(max((today - form["opens_on"]).days + 1, 0), days),
        days=days,
        target_day=(form["target_on"] - form["opens_on"]).days + 1,
        reminded=form["reminded"],
        planned=1 if form["for_day"] else len(plan.reminders.moments),
        is_open=is_open(form, at),
    )
