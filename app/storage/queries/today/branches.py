"""One select a reason: who stands on the work list for it, and since or until when.

Each is the SQL twin of a part of `app.domain.today.reasons.find_reasons` (a test proves the two equal),
is bounded by now and numbers of the plan, and is read through a partial index, so that closed forms cost
nothing. A reason more is a row in `SOURCES`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.domain.plans.plan import Plan
from app.domain.plans.windows import Unit
from app.domain.records.messages import MessageState
from app.domain.records.participants import TeamRequestKind
from app.domain.today.assignment import Assigned
from app.domain.today.reasons import Reason
from app.storage.queries.slots import awaits_answers, code_literal
from app.storage.queries.today.moment_functions import DaysAfter, HalfGone
from app.storage.tables.capture import Alert, AnswerEvent
from app.storage.tables.messages import MESSAGE_UNDELIVERED, Message
from app.storage.tables.participants import Contact, Participant, Snooze, TeamRequest
from app.storage.tables.schedule import Slot

_MOMENT = sa.inspect(Slot).columns.closes_at.type
_WEEK = 7


@dataclass(frozen=True, slots=True)
class TodayShape:
    """By what statements of the work list differ: they are built once for each and differ in values alone.

    `filtered`: people are narrowed by code, language or (`by_visit`) an outstanding form of one visit, or by
    whom they are assigned to (`assigned`).

    `phases` are the beginnings of the diary's codes, the longest first, and whether each is weekly. Those of
    a `whole_study` find visits by the study, not by its sites.
    """

    phases: tuple[tuple[str, bool], ...]
    hides_arm: bool
    filtered: bool
    whole_study: bool
    by_visit: bool = False
    assigned: Assigned | None = None


def shape_of(
    plans: Iterable[Plan], *, hides_arm: bool, filtered: bool, whole_study: bool, by_visit: bool = False
) -> TodayShape:
    """The shape of the statements for the versions of a plan, a reader and their filters."""
    phases = [phase for plan in plans if plan.diary for phase in plan.diary.phases]
    named = {(phase.code.partition("{")[0], phase.unit is Unit.weeks) for phase in phases}
    longest_first = tuple(sorted(named, key=lambda pair: (-len(pair[0]), pair[0])))
    return TodayShape(longest_first, hides_arm, filtered, whole_study, by_visit)


def rule_moments(plans: Sequence[Plan], at: datetime) -> dict[str, Any]:
    """The moments that the plan's numbers make of now, by the names of the parameters.

    The rule is that of the first plan; forms of the other versions reach as far as theirs. Of a form that is
    half gone less than half of the longest window is left; one that closed until `settled` takes no answers
    any more, and one that opens until `opening` closes until `reached`.
    """
    plan, rule = plans[0], plans[0].worklist
    entry_days = max(plan.diary.entry_days if plan.diary else 0 for plan in plans)
    days = {
        "closing": rule.closing_days,
        "idle": -rule.idle_days,
        "unused": -rule.unused_days,
        "undelivered": -rule.undelivered_days,
        "opening": rule.opens_days,
        "diary_from": -rule.diary_days - 1,
        "weekly_from": -rule.diary_weeks * _WEEK,
        "diary_closed_from": -max(rule.diary_days + 1, rule.diary_weeks * _WEEK),
    }
    moments = {name: at + timedelta(days=number) for name, number in days.items()}
    longest = timedelta(days=max(plan.longest_window_days for plan in plans) + 1)
    return moments | {
        "now": at,
        "second": at.replace(microsecond=0),
        "half_gone": at + longest / 2,
        "settled": at - timedelta(hours=max(plan.grace_hours for plan in plans)),
        "reached": moments["opening"] + longest,
        "diary_day": (moments["diary_closed_from"] - timedelta(days=entry_days + 2)).date(),
        "diary_form": plan.diary.instrument if plan.diary else "",
        "diary_least": rule.diary_least,
        "diary_weeks": rule.diary_weeks,
        "closing_days": rule.closing_days,
        "idle_days": -rule.idle_days,
        "opens_days": rule.opens_days,
    }


def bind_moment(name: str) -> sa.BindParameter[datetime]:
    """A parameter that holds a moment."""
    return sa.bindparam(name, type_=_MOMENT)


_NOW = bind_moment("now")
SITES = sa.bindparam("sites", type_=sa.Integer, expanding=True)
LOCKED = sa.bindparam("locked", type_=sa.BigInteger, expanding=True)


_SNOOZED_AT = col(Snooze.recorded_at)


def _later(days: str) -> sa.ColumnElement[datetime]:
    """So many days after a snooze was recorded."""
    return DaysAfter(_SNOOZED_AT, sa.bindparam(days, type_=sa.Integer))


def _awake(
    person: sa.orm.Mapped[Any], reason: Reason, *known: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """That this reason of a participant does not rest; a snooze is of what was `known` when it was made."""
    rests = sa.exists().where(
        col(Snooze.participant_id) == person,
        col(Snooze.until_at) > _NOW,
        col(Snooze.reasons).like(sa.literal_column(f"'% {reason.value} %'")),
        *known,
    )
    return ~rests


LIVE = (*awaits_answers(), col(Slot.exit_kind).is_(None))
"""A form that is still expected: of these conditions the partial indexes of slots are made."""
_THERE = col(Slot.site_id).in_(SITES)
_IN_STUDY = col(Slot.study_id) == sa.bindparam("study", type_=sa.Integer)


def _visit(form: type[Slot]) -> tuple[sa.ColumnElement[bool], ...]:
    """That a form of a visit is still expected."""
    of_visit = (col(form.for_day).is_(None), col(form.opens_at) < col(form.closes_at))
    return (*awaits_answers(form), col(form.exit_kind).is_(None), *of_visit)


def _over(form: type[Slot]) -> sa.ColumnElement[bool]:
    """That nobody may go on with a form that is closed."""
    return sa.or_(col(form.begun_at).is_(None), col(form.grace_until) <= _NOW)


_VISIT, _OVER = _visit(Slot), _over(Slot)

TodaySource = sa.Select[Any]
"""Rows of a participant's key (`person`) and a moment (`at`)."""


_PERSON = col(Participant.id)


def is_here(shape: TodayShape) -> sa.ColumnElement[bool]:
    """That a form belongs to the sites, or to the study where all of them are its own.

    An index by study has its forms in the order of the list. One by site has those of each in theirs: of many
    sites all would be read before the first is known.
    """
    return _IN_STUDY if shape.whole_study else _THERE


def _slots(at: sa.orm.Mapped[Any], shape: TodayShape, *conditions: sa.ColumnElement[bool]) -> TodaySource:
    shown = (col(Slot.arm_revealing).is_(sa.false()),) if shape.hides_arm else ()
    columns: list[Any] = [col(Slot.participant_id).label("person"), at.label("at")]
    return sa.select(*columns).where(*conditions, *shown)


def _people(at: sa.orm.Mapped[Any], *conditions: sa.ColumnElement[bool]) -> TodaySource:
    columns: list[Any] = [col(Participant.id).label("person"), at.label("at")]
    return sa.select(*columns).where(
        col(Participant.site_id).in_(SITES), col(Participant.exit_kind).is_(None), *conditions
    )


def select_outstanding(shape: TodayShape) -> sa.Select[Any]:
    """Who has a form of one visit that is open, opens soon, or was missed without a reason."""
    due = (col(Slot.opens_at) <= bind_moment("opening"), col(Slot.closes_at) <= bind_moment("reached"))
    of_visit = col(Slot.visit) == sa.bindparam("visit", type_=sa.String)
    shown = (col(Slot.arm_revealing).is_(sa.false()),) if shape.hides_arm else ()
    return sa.select(col(Slot.participant_id)).where(
        *_VISIT, is_here(shape), *due, of_visit, col(Slot.missed_reason).is_(None), *shown
    )


def _closing(shape: TodayShape) -> TodaySource:
    closes = col(Slot.closes_at)
    soon = (closes > _NOW, closes <= bind_moment("closing"), col(Slot.opens_at) <= _NOW)
    known = (closes <= _later("closing_days"), col(Slot.opens_at) <= _SNOOZED_AT)
    awake = _awake(col(Slot.participant_id), Reason.closing, *known)
    return _slots(closes, shape, *_VISIT, is_here(shape), *soon, awake)


def _half(shape: TodayShape) -> TodaySource:
    opens, closes = col(Slot.opens_at), col(Slot.closes_at)
    later = (
        closes > bind_moment("closing"),
        closes > _NOW,
        closes <= bind_moment("half_gone"),
        opens <= _NOW,
    )
    gone: sa.ColumnElement[bool] = HalfGone(opens, closes, bind_moment("second"))
    known: sa.ColumnElement[bool] = HalfGone(opens, closes, _SNOOZED_AT)
    awake = _awake(col(Slot.participant_id), Reason.half, known)
    half = (*later, col(Slot.begun_at).is_(None), gone, awake)
    return _slots(closes, shape, *_VISIT, is_here(shape), *half)


def _idle(shape: TodayShape) -> TodaySource:
    def answered_after(when: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        answer = sa.orm.aliased(AnswerEvent)
        later = sa.exists().where(col(answer.slot_id) == col(Slot.id), col(answer.received_at) > when)
        return later.correlate(Slot, Snooze)  # by itself it sees no farther than the statement around it

    begun = (col(Slot.begun_at).is_not(None), col(Slot.begun_at) <= bind_moment("idle"))
    open_still = (col(Slot.grace_until) > _NOW, col(Slot.opens_at) < col(Slot.closes_at))
    known = (col(Slot.begun_at) <= _later("idle_days"), ~answered_after(_later("idle_days")))
    awake = _awake(col(Slot.participant_id), Reason.idle, *known)
    idle = (*begun, *open_still, ~answered_after(bind_moment("idle")), awake)
    return _slots(col(Slot.grace_until), shape, *LIVE, _THERE, *idle)


def _missed(shape: TodayShape) -> TodaySource:
    """The earliest such form of each participant alone: over the years there may be several."""
    earlier = sa.orm.aliased(Slot)
    before = sa.and_(
        col(earlier.closes_at) <= col(Slot.closes_at),  # by which the index is read up to it alone
        sa.or_(col(earlier.closes_at) < col(Slot.closes_at), col(earlier.id) < col(Slot.id)),
    )
    shown = (col(earlier.arm_revealing).is_(sa.false()),) if shape.hides_arm else ()
    another = sa.exists().where(
        col(earlier.participant_id) == col(Slot.participant_id),
        *_visit(earlier),
        col(earlier.missed_reason).is_(None),
        _over(earlier),
        _unexplained_awake(earlier),
        before,
        *shown,
    )
    closed = (col(Slot.missed_reason).is_(None), col(Slot.closes_at) <= _NOW, _OVER)
    awake = _unexplained_awake(Slot)
    return _slots(col(Slot.closes_at), shape, *_VISIT, is_here(shape), *closed, awake, ~another)


def _unexplained_awake(form: type[Slot]) -> sa.ColumnElement[bool]:
    over = sa.or_(col(form.begun_at).is_(None), col(form.grace_until) <= _SNOOZED_AT)
    return _awake(col(form.participant_id), Reason.missed, col(form.closes_at) <= _SNOOZED_AT, over)


def _opens(shape: TodayShape) -> TodaySource:
    opens = col(Slot.opens_at)
    awake = _awake(col(Slot.participant_id), Reason.opens, opens <= _later("opens_days"))
    soon = (opens > _NOW, opens <= bind_moment("opening"), awake)
    return _slots(opens, shape, *_VISIT, is_here(shape), *soon)


def _alert(_shape: TodayShape) -> TodaySource:
    """Participants with an open alert, by the oldest; no alert rests."""
    own = (col(Alert.closed_at).is_(None), col(Alert.study_id) == sa.bindparam("study", type_=sa.Integer))
    oldest: Any = sa.func.min(col(Alert.raised_at))
    open_ones = _people(oldest, *own).join(Alert, col(Alert.participant_id) == col(Participant.id))
    return open_ones.group_by(col(Participant.id))


def _call(_shape: TodayShape) -> TodaySource:
    kind = col(TeamRequest.kind) == code_literal(TeamRequestKind.call)
    awake = _awake(_PERSON, Reason.call, col(TeamRequest.asked_at) <= _SNOOZED_AT)
    source = _people(col(TeamRequest.asked_at), kind, col(TeamRequest.closed_at).is_(None), awake)
    return source.join(TeamRequest, col(TeamRequest.participant_id) == col(Participant.id))


def _locked(_shape: TodayShape) -> TodaySource:
    locked = col(Participant.id).in_(LOCKED)
    return _people(col(Participant.enrolled_at), locked, _awake(_PERSON, Reason.locked))


def _unused(_shape: TodayShape) -> TodaySource:
    return _people(
        col(Participant.enrolled_at),
        col(Participant.activated_at).is_(None),
        col(Participant.consent_version).is_not(None),
        col(Participant.enrolled_at) <= bind_moment("unused"),
        _awake(_PERSON, Reason.unused),
    )


def match_undelivered() -> tuple[sa.ColumnElement[bool], ...]:
    """What a message fulfils that reached nobody and is a participant's newest, with an address as old."""
    later = sa.orm.aliased(Message)
    newer = sa.exists().where(
        col(later.participant_id) == col(Message.participant_id),
        col(later.settled_at) > col(Message.settled_at),
        sa.or_(
            col(later.state).in_([code_literal(MessageState.sent), code_literal(MessageState.failed)]),
            col(later.failure).in_([sa.literal_column("'no_contact'"), sa.literal_column("'no_channel'")]),
        ),
    )
    changed = sa.exists().where(
        col(Contact.participant_id) == col(Message.participant_id),
        col(Contact.recorded_at) > col(Message.settled_at),
    )
    reached_nobody: Any = MESSAGE_UNDELIVERED
    return reached_nobody, col(Message.settled_at) > bind_moment("undelivered"), ~newer, ~changed


def _undelivered(_shape: TodayShape) -> TodaySource:
    awake = _awake(_PERSON, Reason.undelivered, col(Message.settled_at) <= _SNOOZED_AT)
    failed = _people(col(Message.settled_at), *match_undelivered(), awake)
    return failed.join(Message, col(Message.participant_id) == col(Participant.id))


def diary_is_weekly(shape: TodayShape) -> sa.ColumnElement[bool]:
    """Whether a slot of the diary belongs to a weekly phase, by the beginning of its code."""
    cases = [
        (col(Slot.visit).startswith(code, autoescape=True), sa.literal(weekly))
        for code, weekly in shape.phases
    ]
    return sa.case(*cases, else_=sa.false())


def diary_counts(shape: TodayShape) -> dict[str, sa.ColumnElement[int]]:
    """Sums over closed entries of the diary, daily and weekly, by the names of `DiaryFacts`."""
    weekly = diary_is_weekly(shape)
    recent = {
        "daily": sa.and_(~weekly, col(Slot.opens_at) > bind_moment("diary_from")),
        "weekly": sa.and_(weekly, col(Slot.closes_at) > bind_moment("weekly_from")),
    }
    outcomes = {
        "missed": sa.and_(col(Slot.submitted_at).is_(None), _OVER),
        "submitted": col(Slot.submitted_at).is_not(None),
    }
    return {
        f"{phase}_{what}": sa.func.coalesce(sa.func.sum(sa.case((sa.and_(when, how), 1), else_=0)), 0)
        for phase, when in recent.items()
        for what, how in outcomes.items()
    }


def closed_diary() -> tuple[sa.ColumnElement[bool], ...]:
    """Entries of the diary that are expected and closed, of late enough for both rules."""
    return (
        col(Slot.exit_kind).is_(None),
        col(Slot.excused).is_(None),
        col(Slot.out_of_plan).is_(sa.false()),
        col(Slot.instrument) == sa.bindparam("diary_form", type_=sa.String),
        col(Slot.for_day).is_not(None),
        col(Slot.for_day) >= sa.bindparam("diary_day", type_=sa.Date),
        col(Slot.opens_at) < col(Slot.closes_at),
        col(Slot.closes_at) <= _NOW,
        col(Slot.closes_at) > bind_moment("diary_closed_from"),
    )


def _diary(shape: TodayShape) -> TodaySource:
    """Only who missed something is looked at twice: first their missed entries, by the index of live ones."""
    if not shape.phases:
        return _people(col(Participant.enrolled_at), sa.false())
    missed = (
        sa.select(col(Slot.participant_id))
        .where(*LIVE, _THERE, *closed_diary(), _OVER)
        .group_by(col(Slot.participant_id))
    )
    counts = diary_counts(shape)
    daily, submitted = counts["daily_missed"], counts["daily_submitted"]
    neglected = sa.or_(
        sa.and_(
            daily + submitted >= sa.bindparam("diary_least", type_=sa.Integer),
            submitted * 2 < daily + submitted,
        ),
        sa.and_(
            counts["weekly_missed"] >= sa.bindparam("diary_weeks", type_=sa.Integer),
            counts["weekly_submitted"] == 0,
        ),
    )
    neglecting = (
        sa.select(col(Slot.participant_id))
        .where(col(Slot.participant_id).in_(missed), *closed_diary())
        .group_by(col(Slot.participant_id))
        .having(neglected)
    )
    neglects = col(Participant.id).in_(neglecting)
    return _people(col(Participant.enrolled_at), neglects, _awake(_PERSON, Reason.diary))


SOURCES: Mapping[Reason, Callable[[TodayShape], TodaySource]] = {
    Reason.alert: _alert,
    Reason.call: _call,
    Reason.closing: _closing,
    Reason.half: _half,
    Reason.idle: _idle,
    Reason.locked: _locked,
    Reason.unused: _unused,
    Reason.undelivered: _undelivered,
    Reason.missed: _missed,
    Reason.diary: _diary,
    Reason.opens: _opens,
}
"""Who is listed for each reason that has records to rest on, where the reason does not rest."""
