"""Spreads: whole days from a target, minutes to complete, days until a first sign-in; in bins by name."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate

from app.domain.plans.plan import DiaryRule, Plan
from app.domain.plans.windows import Unit

SHORT_TIME, USUAL_TIME, LONG_TIME = 5, 15, 60


class CompletionTime(StrEnum):
    """How long a form took from its beginning to being sent, pauses counted."""

    short = "short"
    usual = "usual"
    long = "long"
    paused = "paused"


def bin_minutes(minutes: int) -> CompletionTime:
    """The bin of so many whole minutes; an hour and more is a form that was left and taken up again."""
    if minutes < SHORT_TIME:
        return CompletionTime.short
    if minutes < USUAL_TIME:
        return CompletionTime.usual
    return CompletionTime.long if minutes < LONG_TIME else CompletionTime.paused


def find_median(counted: Mapping[int, int]) -> int | None:
    """The lower median of whole numbers, each with how often it occurs; None of nothing."""
    total = sum(counted.values())
    reached = accumulate(counted[value] for value in sorted(counted))
    return next(
        (value for value, so_far in zip(sorted(counted), reached, strict=True) if so_far * 2 >= total), None
    )


NEAR_DAYS = 3


class DaysFromTarget(StrEnum):
    """When a form was sent, against its target day and the end of its window."""

    much_earlier = "much_earlier"
    earlier = "earlier"
    on_target = "on_target"
    later = "later"
    much_later = "much_later"
    after_closing = "after_closing"


def bin_days(days: int, late: bool) -> DaysFromTarget:
    """The bin of so many whole days after the target day; what came after its window closed is apart."""
    if late:
        return DaysFromTarget.after_closing
    if days == 0:
        return DaysFromTarget.on_target
    if days < 0:
        return DaysFromTarget.earlier if days >= -NEAR_DAYS else DaysFromTarget.much_earlier
    return DaysFromTarget.later if days <= NEAR_DAYS else DaysFromTarget.much_later


def week_of(day: date) -> date:
    """The Monday of the week in which a day lies."""
    return day - timedelta(days=day.weekday())


def diary_weeks(*rules: DiaryRule | None) -> Mapping[str, int]:
    """The study week of each diary entry by its code, in any version of a plan; the first week is 0."""
    length = {Unit.days: 7, Unit.weeks: 1}
    return {
        phase.code_of(offset): offset // length[phase.unit]
        for rule in rules
        if rule is not None
        for phase in rule.phases
        for offset in phase.offsets
        if phase.unit in length
    }


def visit_order(*plans: Plan) -> Mapping[str, int]:
    """The place of each visit in the plan, by its code; visits that staff add come after them.

    So do those that only an earlier version of the plan has, which stands behind the present one here.
    """
    rules = (rule for plan in plans for rule in plan.visits)
    codes = dict.fromkeys(rule.code_of(offset) for rule in rules for offset in rule.offsets or (0,))
    return {code: index for index, code in enumerate(codes)}


class SignInDelay(StrEnum):
    """When a participant first signed in after enrolment, against the days that are allowed."""

    in_time = "in_time"
    later = "later"
    never = "never"
    pending = "pending"
    """Not yet, and the days are not over, or there is no consent without which nobody is let in."""
