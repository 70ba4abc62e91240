"""The work list in four statements: counts by reason, whom to show, what is known of them, their forms."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.plan import Plan
from app.domain.plans.reminders import BY_STAFF
from app.domain.records.messages import WINDOW_MOVED, MessageState
from app.domain.records.participants import TeamRequestKind
from app.domain.today.reasons import RANKS, Reason, TodayCursor
from app.storage.queries.slots import code_literal
from app.storage.queries.today.alerts import count_alerts_of_leavers
from app.storage.queries.today.branches import (
    LIVE,
    SITES,
    SOURCES,
    TodayShape,
    closed_diary,
    diary_counts,
    moment,
    rule_moments,
    shape_of,
    undelivered,
)
from app.storage.tables.capture import Alert, AnswerEvent
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, ContactEntry, Participant, Snooze, TeamRequest
from app.storage.tables.schedule import Slot

COUNTED = 200
"""Nobody reads an exact count beyond this, and counting stops there."""


@dataclass(frozen=True, slots=True)
class TodaySearch:
    """Whom to look for: sites of one study, the moment, and the filters; `locked` cannot pass their PIN."""

    study_id: int
    plan: Plan
    sites: tuple[int, ...]
    at: datetime
    hides_arm: bool = False
    subject: str = ""
    language: str = ""
    locked: tuple[int, ...] = ()

    @property
    def shape(self) -> TodayShape:
        """The shape of this search's statements."""
        return shape_of(self.plan, self.hides_arm, bool(self.subject or self.language))

    def values(self) -> dict[str, Any]:
        """The parameters of this search."""
        plain = self.subject.lower().replace("/", "//").replace("%", "/%").replace("_", "/_")
        filters = {"subject": f"%{plain}%", "language": self.language}
        return rule_moments(self.plan.worklist, self.plan, self.at) | {
            "study": self.study_id,
            "sites": list(self.sites),
            "locked": list(self.locked),
            **(filters if self.shape.filtered else {}),
        }


@dataclass(frozen=True, slots=True)
class TodayCounts:
    """How many participants there are for each reason, in all, and resting; `COUNTED` is so many or more.

    `corrections` are requests of participants to have a form corrected, and `left_alerts` open alerts of
    participants who left; both are dealt with elsewhere.
    """

    by_reason: Mapping[Reason, int]
    every: int
    resting: int
    corrections: int
    left_alerts: int = 0


_LANGUAGE = sa.bindparam("language", type_=sa.String)
_NAMED = (
    sa.select(col(Participant.id))
    .where(
        col(Participant.site_id).in_(SITES),
        sa.func.lower(col(Participant.subject)).like(sa.bindparam("subject"), escape="/"),
        sa.or_(_LANGUAGE == "", col(Participant.language) == _LANGUAGE),
    )
    .cte("named")
)
_NOW = moment("now")


def _source(reason: Reason, shape: TodayShape) -> sa.Subquery:
    return SOURCES[reason](shape).subquery(reason.value)


def _wanted(source: sa.Subquery, shape: TodayShape) -> tuple[sa.ColumnElement[bool], ...]:
    return (source.c.person.in_(sa.select(_NAMED.c.id)),) if shape.filtered else ()


@lru_cache(maxsize=64)
def _counts(shape: TodayShape) -> sa.Select[Any]:
    """Each reason counts at most `COUNTED` rows; a participant counts once for each, and once in all."""
    parts = []
    for reason in SOURCES:
        source = _source(reason, shape)
        # In the order of the list, so that the same index serves both and counting stops early.
        wanted = sa.select(source.c.person).where(*_wanted(source, shape))
        some = wanted.order_by(source.c.at, source.c.person).limit(COUNTED).subquery()
        rank = sa.literal_column(str(RANKS[reason]), sa.Integer).label("rank")
        parts.append(sa.select(rank, some.c.person))
    found = sa.union_all(*parts).cte("found")
    each = [
        sa.func.count(sa.distinct(sa.case((found.c.rank == RANKS[reason], found.c.person)))).label(
            reason.value
        )
        for reason in SOURCES
    ]
    resting = sa.select(sa.func.count()).select_from(_resting(shape).subquery()).scalar_subquery()
    every = sa.func.count(sa.distinct(found.c.person)).label("every")
    asked = (
        sa.select(sa.func.count())
        .select_from(TeamRequest)
        .join(Participant, col(Participant.id) == col(TeamRequest.participant_id))
        .where(
            col(TeamRequest.kind) == code_literal(TeamRequestKind.correction),
            col(TeamRequest.closed_at).is_(None),
            col(Participant.site_id).in_(SITES),
        )
        .scalar_subquery()
    )
    others = (
        resting.label("resting"),
        asked.label("corrections"),
        count_alerts_of_leavers().label("left_alerts"),
    )
    columns: list[Any] = [*each, every, *others]
    return sa.select(*columns)


def _resting(shape: TodayShape) -> sa.Select[Any]:
    named = (col(Participant.id).in_(sa.select(_NAMED.c.id)),) if shape.filtered else ()
    columns: list[Any] = [col(Participant.id).label("person"), col(Snooze.until_at).label("at")]
    return (
        sa.select(*columns)
        .join(Snooze, col(Snooze.participant_id) == col(Participant.id))
        .where(
            col(Participant.site_id).in_(SITES),
            col(Participant.exit_kind).is_(None),
            col(Snooze.until_at) > _NOW,
            *named,
        )
    )


def count_reasons(connection: Connection, search: TodaySearch) -> TodayCounts:
    """How many participants stand on the list for each reason."""
    row = connection.execute(_counts(search.shape), search.values()).mappings().one()
    counts = {reason: min(int(row[reason.value]), COUNTED) for reason in SOURCES}
    others = (int(row[name]) for name in ("every", "resting", "corrections", "left_alerts"))
    return TodayCounts(counts, *others)


@lru_cache(maxsize=256)
def _entries(shape: TodayShape, reasons: tuple[Reason, ...], first_is_cut: bool) -> sa.Select[Any]:
    """Who stands on the list, reason after reason, each in the order of its index."""
    parts = []
    for place, reason in enumerate(reasons):
        source = _source(reason, shape)
        at, person = source.c.at, source.c.person
        cut: tuple[sa.ColumnElement[bool], ...] = ()
        if first_is_cut and place == 0:
            later = sa.or_(
                at > moment("after_at"), person > sa.bindparam("after_person", type_=sa.BigInteger)
            )
            cut = (at >= moment("after_at"), later)
        rank = sa.literal_column(str(RANKS[reason]), sa.Integer).label("rank")
        part = sa.select(rank, at.label("at"), person.label("person"))
        part = part.where(*_wanted(source, shape), *cut).order_by(at, person)
        parts.append(sa.select(part.limit(sa.bindparam("most", type_=sa.Integer)).subquery()))
    found = sa.union_all(*parts).subquery()
    return sa.select(found).order_by(found.c.rank, found.c.at, found.c.person)


def list_entries(
    connection: Connection,
    search: TodaySearch,
    reasons: Sequence[Reason],
    after: TodayCursor | None,
    most: int,
) -> list[TodayCursor]:
    """Who stands on the list for these reasons, from a cursor on; with each of their reasons."""
    wanted = tuple(each for each in reasons if after is None or RANKS[each] >= after.rank)
    if not wanted:
        return []
    cut = after is not None and RANKS[wanted[0]] == after.rank
    values = search.values() | {"most": most}
    if after is not None and cut:
        values |= {"after_at": after.at, "after_person": after.person}
    statement = _entries(search.shape, wanted, cut).limit(sa.bindparam("most", type_=sa.Integer))
    rows = connection.execute(statement, values)
    return [TodayCursor(row.rank, row.at, row.person) for row in rows]


def list_resting(
    connection: Connection, search: TodaySearch, after: TodayCursor | None, most: int
) -> list[TodayCursor]:
    """Whose row rests, the soonest to come back first."""
    resting = _resting(search.shape).subquery()
    at, person = resting.c.at, resting.c.person
    statement = sa.select(at, person).order_by(at, person).limit(most)
    if after is not None:
        later = sa.or_(at > after.at, sa.and_(at == after.at, person > after.person))
        statement = statement.where(later)
    return [TodayCursor(0, row.at, row.person) for row in connection.execute(statement, search.values())]


_KEYS = sa.bindparam("people", type_=sa.BigInteger, expanding=True)


_PERSON = col(Participant.id)


def _newest_contact() -> sa.ScalarSelect[Any]:
    """The entry of a participant's newest try that no other corrects."""
    entry, correction = sa.orm.aliased(ContactEntry), sa.orm.aliased(ContactEntry)
    corrected = sa.exists().where(col(correction.corrects_id) == col(entry.id))
    newest = sa.select(col(entry.id)).where(col(entry.participant_id) == _PERSON, ~corrected)
    return newest.order_by(col(entry.contacted_at).desc(), col(entry.id).desc()).limit(1).scalar_subquery()


def _open_alert() -> sa.ScalarSelect[Any]:
    """Since when the oldest open alert of a participant waits to be closed."""
    oldest = sa.select(sa.func.min(col(Alert.raised_at)))
    return oldest.where(
        col(Alert.participant_id) == _PERSON, col(Alert.closed_at).is_(None)
    ).scalar_subquery()


def _open_call() -> sa.ScalarSelect[Any]:
    """Since when a participant waits for a call."""
    return (
        sa.select(sa.func.min(col(TeamRequest.asked_at)))
        .where(
            col(TeamRequest.participant_id) == _PERSON,
            col(TeamRequest.kind) == code_literal(TeamRequestKind.call),
            col(TeamRequest.closed_at).is_(None),
        )
        .scalar_subquery()
    )


def _lost_message() -> sa.ScalarSelect[Any]:
    """When a participant's newest message reached nobody."""
    lost = sa.select(sa.func.max(col(Message.settled_at)))
    return lost.where(col(Message.participant_id) == _PERSON, *undelivered()).scalar_subquery()


def _newest_staff_reminder() -> sa.ScalarSelect[Any]:
    """The kind of the newest reminder that staff had sent, which names its day; one that moved was none."""
    newest = sa.select(sa.func.max(col(Message.kind)))
    return newest.where(
        col(Message.participant_id) == _PERSON,
        col(Message.kind).startswith(BY_STAFF, autoescape=True),
        col(Message.failure).is_distinct_from(WINDOW_MOVED),
    ).scalar_subquery()


_REACHABLE = sa.exists().where(col(Contact.participant_id) == _PERSON)
_KNOWN: tuple[Any, ...] = (
    _PERSON.label("person"),
    col(Participant.public_id),
    col(Participant.subject),
    col(Participant.site_id),
    col(Participant.language),
    col(Participant.zone),
    col(Participant.enrolled_at),
    col(Participant.consent_version),
    col(Participant.activated_at),
    col(Participant.reminders_wanted),
    col(Participant.remind_at),
    col(Participant.reminders_paused_until),
    _REACHABLE.label("reachable"),
    _newest_staff_reminder().label("staff_reminder"),
    _open_alert().label("alerted_at"),
    _open_call().label("called_at"),
    _lost_message().label("undelivered_at"),
    col(Snooze.reasons).label("snoozed"),
    col(Snooze.recorded_at).label("snoozed_at"),
    col(Snooze.until_at),
    col(Snooze.reason).label("snooze_reason"),
    col(ContactEntry.outcome),
    col(ContactEntry.next_try_on),
    col(ContactEntry.contacted_at),
)


@lru_cache(maxsize=64)
def people_statement(shape: TodayShape) -> sa.Select[Any]:
    """What is known of these participants beside their forms."""
    resting = sa.and_(col(Snooze.participant_id) == _PERSON, col(Snooze.until_at) > _NOW)
    statement = (
        sa.select(*_KNOWN)
        .outerjoin(Snooze, resting)
        .outerjoin(ContactEntry, col(ContactEntry.id) == _newest_contact())
        .where(_PERSON.in_(_KEYS))
    )
    if not shape.phases:
        return statement
    whose = (col(Slot.participant_id) == _PERSON, *closed_diary())
    sums = [
        sa.select(sum_).where(*whose).scalar_subquery().label(name)
        for name, sum_ in diary_counts(shape).items()
    ]
    return statement.add_columns(*sums)


def read_people(
    connection: Connection, search: TodaySearch, people: Collection[int]
) -> Mapping[int, sa.RowMapping]:
    """What is known of these participants, by their keys."""
    values = search.values() | {"people": list(people)}
    rows = connection.execute(people_statement(search.shape), values).mappings()
    return {row["person"]: row for row in rows}


@lru_cache(maxsize=2)
def _forms(hides_arm: bool) -> sa.Select[Any]:
    """The forms of these participants that are wanted, were missed without a reason, or open soon."""
    answers = col(AnswerEvent.slot_id) == col(Slot.id)
    begun = col(Slot.begun_at).is_not(None)
    answered = sa.select(sa.func.count(sa.distinct(col(AnswerEvent.item)))).where(answers, begun)
    last = sa.select(sa.func.max(col(AnswerEvent.received_at))).where(answers, begun)
    sent = sa.select(sa.func.count()).where(
        col(Message.slot_id) == col(Slot.id), col(Message.state) == code_literal(MessageState.sent)
    )
    wanted = sa.or_(
        col(Slot.closes_at) > _NOW,
        sa.and_(begun, col(Slot.grace_until) > _NOW),
        sa.and_(col(Slot.for_day).is_(None), col(Slot.missed_reason).is_(None)),
    )
    columns: list[Any] = [
        col(Slot.participant_id).label("person"),
        col(Slot.public_id).label("key"),
        col(Slot.visit),
        col(Slot.instrument),
        col(Slot.instrument_version),
        col(Slot.plan_version),
        col(Slot.for_day),
        col(Slot.target_on),
        col(Slot.opens_on),
        col(Slot.closes_on),
        col(Slot.opens_at),
        col(Slot.due_at),
        col(Slot.closes_at),
        col(Slot.grace_until),
        col(Slot.begun_at),
        col(Slot.missed_reason),
        answered.scalar_subquery().label("answered"),
        last.scalar_subquery().label("answered_at"),
        sent.scalar_subquery().label("reminded"),
    ]
    shown = (col(Slot.arm_revealing).is_(sa.false()),) if hides_arm else ()
    statement = sa.select(*columns).where(col(Slot.participant_id).in_(_KEYS), *LIVE, *shown)
    return statement.where(wanted, col(Slot.opens_at) <= moment("opening")).order_by(
        col(Slot.participant_id), col(Slot.closes_at), col(Slot.id)
    )


def list_forms(
    connection: Connection, search: TodaySearch, people: Collection[int]
) -> Mapping[int, list[sa.RowMapping]]:
    """The forms that matter of these participants, by their keys, those that close first first."""
    forms: dict[int, list[sa.RowMapping]] = {person: [] for person in people}
    for row in connection.execute(
        _forms(search.hides_arm), search.values() | {"people": list(people)}
    ).mappings():
        forms[row["person"]].append(row)
    return forms


def next_opening(connection: Connection, search: TodaySearch) -> datetime | None:
    """When the next form of a visit opens at these sites; None when none is planned."""
    visit = (*LIVE, col(Slot.for_day).is_(None), col(Slot.site_id).in_(SITES), col(Slot.opens_at) > _NOW)
    found: datetime | None = connection.execute(
        sa.select(col(Slot.opens_at)).where(*visit).order_by(col(Slot.opens_at)).limit(1), search.values()
    ).scalar_one_or_none()
    return found
