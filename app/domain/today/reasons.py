"""Why a participant stands on the work list: a pure rule over the facts of one participant.

A page judges fifty people by it, so that what it reads and says are tuples: other objects take several times
as long to make.
`app.storage.queries.today` finds with the same conditions whom to show; a test proves the two equal.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from app.domain.plans.plan import WorklistRule


class Reason(StrEnum):
    """Why somebody should look after a participant; the order of declaration is that of the list."""

    alert = "alert"
    call = "call"
    closing = "closing"
    half = "half"
    idle = "idle"
    locked = "locked"
    unused = "unused"
    undelivered = "undelivered"
    missed = "missed"
    diary = "diary"
    opens = "opens"


STAYING = frozenset({Reason.alert})
"""What never rests: it stays on the list until somebody has dealt with it."""
RANKS: Mapping[Reason, int] = {reason: rank for rank, reason in enumerate(Reason)}


class TodayCursor(NamedTuple):
    """A keyset cursor: rank of the reason, its moment, and the participant; cursors sort as the list does."""

    rank: int
    at: datetime
    person: int


class UnsubmittedForm(NamedTuple):
    """An expected form that was not submitted, of a participant who has not left; all moments are UTC.

    `visit`: a form of a visit, not an entry of the diary. `explained`: missed with a reason on record.
    """

    key: str
    visit: bool
    opens_at: datetime
    closes_at: datetime
    grace_until: datetime
    begun_at: datetime | None = None
    answered_at: datetime | None = None
    explained: bool = False

    @property
    def ends_at(self) -> datetime:
        """Until when it takes answers."""
        return self.grace_until if self.begun_at else self.closes_at


class DiaryFacts(NamedTuple):
    """Closed entries of the diary: those of the last days, and those of the last weeks of a weekly phase."""

    daily_missed: int = 0
    daily_submitted: int = 0
    weekly_missed: int = 0
    weekly_submitted: int = 0


class ParticipantFacts(NamedTuple):
    """What the rule reads of a participant who takes part.

    `alerted_at`, `called_at`, `undelivered_at`: since when an alert or a request for a call is open, or the
    newest message could not be delivered; None where nothing is. `snoozed` are the reasons that rest, and
    `snoozed_at` is when that was decided: what came later does not rest.
    """

    enrolled_at: datetime
    consented: bool = True
    activated: bool = True
    locked: bool = False
    alerted_at: datetime | None = None
    called_at: datetime | None = None
    undelivered_at: datetime | None = None
    forms: tuple[UnsubmittedForm, ...] = ()
    diary: DiaryFacts = DiaryFacts()
    snoozed: frozenset[Reason] = frozenset()
    snoozed_at: datetime | None = None


class WorkReason(NamedTuple):
    """One reason, its moment (the earlier the more urgent) and the forms concerned, the most urgent first.

    A reason stands twice where some of its forms rest and others do not.
    """

    reason: Reason
    at: datetime
    forms: tuple[str, ...] = ()
    snoozed: bool = False


def find_reasons(facts: ParticipantFacts, rule: WorklistRule, now: datetime) -> tuple[WorkReason, ...]:
    """Every reason for which this participant needs somebody, the most urgent first, resting ones last."""
    people: tuple[tuple[Reason, datetime | None], ...] = (
        (Reason.alert, facts.alerted_at),
        (Reason.call, facts.called_at),
        (Reason.locked, facts.enrolled_at if facts.locked else None),
        (Reason.unused, facts.enrolled_at if _is_unused(facts, rule, now) else None),
        (Reason.undelivered, facts.undelivered_at),
        (Reason.diary, facts.enrolled_at if is_diary_neglected(facts.diary, rule) else None),
    )
    reasons = [
        WorkReason(reason, at, snoozed=_rests(facts, reason, at)) for reason, at in people if at is not None
    ]
    possible = [form for form in facts.forms if form.opens_at < form.closes_at]
    bounds = _bound(rule, now)
    for reason, (applies, moment) in _FORM_RULES.items():
        forms = [form for form in possible if applies(form, bounds)]
        if not forms:
            continue
        then = facts.snoozed_at if reason in facts.snoozed else None
        known = _bound(rule, then) if then is not None else None
        resting = [form for form in forms if known is not None and applies(form, known)]
        awake = [form for form in forms if form not in resting] if resting else forms
        for snoozed, some in ((False, awake), (True, resting)):
            if some:
                in_order = sorted([(moment(form), form.key) for form in some])
                keys = tuple([key for _at, key in in_order])
                reasons.append(WorkReason(reason, in_order[0][0], keys, snoozed))
    return tuple(sorted(reasons, key=lambda reason: (reason.snoozed, RANKS[reason.reason])))


def _rests(facts: ParticipantFacts, reason: Reason, at: datetime) -> bool:
    """Whether a reason that is about the person rests: one of a moment only if the moment was known."""
    if reason in STAYING or reason not in facts.snoozed or facts.snoozed_at is None:
        return False  # an alert goes only when it is closed
    return reason not in _MOMENTARY or at <= facts.snoozed_at


_MOMENTARY = frozenset({Reason.call, Reason.undelivered})
"""Reasons that begin with something that happened, so that it can happen again."""


def top_reason(reasons: Iterable[WorkReason]) -> WorkReason | None:
    """The most urgent reason that does not rest; None where the participant is not on the list."""
    return next((reason for reason in reasons if not reason.snoozed), None)


def is_diary_neglected(diary: DiaryFacts, rule: WorklistRule) -> bool:
    """Fewer than half of enough closed entries were made, or as many weekly ones in a row were not."""
    closed = diary.daily_missed + diary.daily_submitted
    daily = closed >= rule.diary_least and diary.daily_submitted * 2 < closed
    return daily or (diary.weekly_missed >= rule.diary_weeks and not diary.weekly_submitted)


def _is_unused(facts: ParticipantFacts, rule: WorklistRule, now: datetime) -> bool:
    if facts.activated or not facts.consented:
        return False
    return now - facts.enrolled_at >= timedelta(days=rule.unused_days)


class _Bounds(NamedTuple):
    """The moments that a rule makes of one moment: until when a form closes soon, and the like."""

    now: datetime
    second: datetime
    closing: datetime
    idle: datetime
    opening: datetime


def _bound(rule: WorklistRule, now: datetime) -> _Bounds:
    return _bound_days(rule.closing_days, rule.idle_days, rule.opens_days, now)


@lru_cache(maxsize=64)  # a page asks about all of its people at one moment
def _bound_days(closing: int, idle: int, opens: int, now: datetime) -> _Bounds:
    return _Bounds(
        now,
        now.replace(microsecond=0),  # windows begin and end on whole seconds, and databases count them so
        now + timedelta(days=closing),
        now - timedelta(days=idle),
        now + timedelta(days=opens),
    )


def _is_closing(form: UnsubmittedForm, at: _Bounds) -> bool:
    return form.visit and form.opens_at <= at.now < form.closes_at <= at.closing


def _is_half_gone(form: UnsubmittedForm, at: _Bounds) -> bool:
    if not form.visit or form.begun_at is not None or form.opens_at > at.now or form.closes_at <= at.closing:
        return False
    return at.second - form.opens_at >= form.closes_at - at.second


def _is_idle(form: UnsubmittedForm, at: _Bounds) -> bool:
    if form.begun_at is None or at.now >= form.grace_until:
        return False
    return max(form.begun_at, form.answered_at or form.begun_at) <= at.idle


def _is_unexplained(form: UnsubmittedForm, at: _Bounds) -> bool:
    return form.visit and not form.explained and at.now >= form.ends_at


def _opens_soon(form: UnsubmittedForm, at: _Bounds) -> bool:
    return form.visit and at.now < form.opens_at <= at.opening


_FormTest = Callable[[UnsubmittedForm, _Bounds], bool]
_FormMoment = Callable[[UnsubmittedForm], datetime]

_FORM_RULES: Mapping[Reason, tuple[_FormTest, _FormMoment]] = {
    Reason.closing: (_is_closing, lambda form: form.closes_at),
    Reason.half: (_is_half_gone, lambda form: form.closes_at),
    Reason.idle: (_is_idle, lambda form: form.grace_until),
    Reason.missed: (_is_unexplained, lambda form: form.closes_at),
    Reason.opens: (_opens_soon, lambda form: form.opens_at),
}
"""Which forms give a reason, and the moment by which it is sorted."""
