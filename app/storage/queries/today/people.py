"""What is known of participants of the work list, and the forms that matter of theirs."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.reminders import BY_STAFF
from app.domain.records.messages import WINDOW_MOVED, MessageState
from app.domain.records.participants import TeamRequestKind
from app.domain.today.contacts import ContactOutcome
from app.storage.database.grouped_reads import DocumentRows, GroupedRead, PairedRead, cache_document_rows
from app.storage.queries.key_lists import is_among
from app.storage.queries.slots import code_literal
from app.storage.queries.today.branches import (
    LIVE,
    TodayShape,
    bind_moment,
    closed_diary,
    diary_counts,
    match_undelivered,
)
from app.storage.queries.today.rows import TodaySearch
from app.storage.tables.capture import Alert, AnswerEvent
from app.storage.tables.messages import Message
from app.storage.tables.participants import (
    Assignment,
    Contact,
    ContactEntry,
    Participant,
    Snooze,
    TeamRequest,
)
from app.storage.tables.schedule import Slot

_REMEMBERED = 1000
"""Of how many participants, of all studies together, the rows that were read last are remembered."""
_CACHED_PEOPLE, _CACHED_FORMS = cache_document_rows(_REMEMBERED), cache_document_rows(_REMEMBERED)
_PERSON = col(Participant.id)
_NOW = bind_moment("now")
_NONE = sa.literal_column("0", sa.Integer)


class PersonRow(NamedTuple):
    """What is known of a participant beside their forms, by the columns that are read."""

    person: int
    public_id: str
    subject: str
    site_id: int
    language: str
    zone: str
    enrolled_at: datetime
    consent_version: str | None
    activated_at: datetime | None
    reminders_wanted: bool
    remind_at: str | None
    reminders_paused_until: date | None
    reachable: bool
    staff_reminder: str | None
    alerted_at: datetime | None
    called_at: datetime | None
    undelivered_at: datetime | None
    snoozed: str | None
    snoozed_at: datetime | None
    until_at: datetime | None
    snooze_reason: str | None
    outcome: ContactOutcome | None
    next_try_on: date | None
    contacted_at: datetime | None
    assignee_id: int | None
    daily_missed: int
    daily_submitted: int
    weekly_missed: int
    weekly_submitted: int


class FormRow(NamedTuple):
    """A form that matters, by the columns that are read."""

    person: int
    key: str
    visit: str
    instrument: str
    instrument_version: str
    plan_version: str
    for_day: date | None
    target_on: date
    opens_on: date
    closes_on: date
    opens_at: datetime
    closes_at: datetime
    grace_until: datetime
    begun_at: datetime | None
    missed_reason: str | None
    answered: int
    answered_at: datetime | None
    reminded: int


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
    return lost.where(col(Message.participant_id) == _PERSON, *match_undelivered()).scalar_subquery()


def _newest_staff_reminder() -> sa.ScalarSelect[Any]:
    """The kind of the newest reminder that staff had sent, which names its day; one that moved was none."""
    newest = sa.select(sa.func.max(col(Message.kind)))
    return newest.where(
        col(Message.participant_id) == _PERSON,
        col(Message.kind).startswith(BY_STAFF, autoescape=True),
        col(Message.failure).is_distinct_from(WINDOW_MOVED),
    ).scalar_subquery()


_REACHABLE = sa.exists().where(
    col(Contact.participant_id) == _PERSON, col(Contact.address_sealed) != sa.literal_column("''")
)
_KNOWN: tuple[Any, ...] = (
    _PERSON,
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
    _REACHABLE,
    _newest_staff_reminder(),
    _open_alert(),
    _open_call(),
    _lost_message(),
    col(Snooze.reasons),
    col(Snooze.recorded_at),
    col(Snooze.until_at),
    col(Snooze.reason),
    col(ContactEntry.outcome),
    col(ContactEntry.next_try_on),
    col(ContactEntry.contacted_at),
    col(Assignment.assignee_id),
)


_COUNTS = PersonRow._fields[-4:]


def people_statement(shape: TodayShape) -> sa.Select[Any]:
    """What is known of these participants beside their forms."""
    resting = sa.and_(col(Snooze.participant_id) == _PERSON, col(Snooze.until_at) > _NOW)
    statement = (
        sa.select(*_KNOWN)
        .outerjoin(Snooze, resting)
        .outerjoin(ContactEntry, col(ContactEntry.id) == _newest_contact())
        .outerjoin(Assignment, col(Assignment.participant_id) == _PERSON)
        .where(is_among(_PERSON, "people"))
    )
    if not shape.phases:
        return statement.add_columns(*(_NONE.label(f"no_{index}") for index, _name in enumerate(_COUNTS)))
    counts = diary_counts(shape)
    entries: list[Any] = [col(Slot.participant_id), *(count.label(name) for name, count in counts.items())]
    diary = (
        sa.select(*entries)
        .where(is_among(col(Slot.participant_id), "people"), *closed_diary())
        .group_by(col(Slot.participant_id))
        .subquery("diary")
    )
    sums = [sa.func.coalesce(diary.c[name], _NONE).label(name) for name in _COUNTS]
    return statement.outerjoin(diary, diary.c.participant_id == _PERSON).add_columns(*sums)


@lru_cache(maxsize=64)
def _people(shape: TodayShape) -> GroupedRead[PersonRow]:
    return GroupedRead(people_statement(shape), PersonRow._make, memory=_CACHED_PEOPLE)


_OF_SLOT = ("participant_id", "public_id", *FormRow._fields[2:-3])
"""The columns of a form that are its slot's own, in the order of `FormRow`."""


@lru_cache(maxsize=2)
def _forms(hides_arm: bool) -> GroupedRead[FormRow]:
    """The forms of these participants that are wanted, were missed without a reason, or open soon.

    Two parts, each by an index of its own, so that neither what was explained nor old entries of the diary
    are read: those that may still be open, and visits that are over.
    """
    shown = (col(Slot.arm_revealing).is_(sa.false()),) if hides_arm else ()
    theirs = (is_among(col(Slot.participant_id), "people"), *LIVE, *shown)
    closes, begun = col(Slot.closes_at), col(Slot.begun_at).is_not(None)
    unexplained = sa.and_(col(Slot.for_day).is_(None), col(Slot.missed_reason).is_(None))
    displayed = sa.or_(closes > _NOW, sa.and_(begun, col(Slot.grace_until) > _NOW), unexplained)
    near = (closes > bind_moment("settled"), closes <= bind_moment("reached"), displayed)
    parts = [
        sa.select(*(getattr(Slot, name) for name in (*_OF_SLOT, "id"))).where(
            *theirs, *conditions, col(Slot.opens_at) <= bind_moment("opening")
        )
        for conditions in (near, (closes <= bind_moment("settled"), unexplained))
    ]
    form = sa.union_all(*parts).subquery("form")
    answers = sa.and_(col(AnswerEvent.slot_id) == form.c.id, form.c.begun_at.is_not(None))
    answered = sa.select(sa.func.count(sa.distinct(col(AnswerEvent.item)))).where(answers)
    last = sa.select(sa.func.max(col(AnswerEvent.received_at))).where(answers)
    submitted = sa.select(sa.func.count()).where(
        col(Message.slot_id) == form.c.id, col(Message.state) == code_literal(MessageState.sent)
    )
    columns = (answered.scalar_subquery(), last.scalar_subquery(), submitted.scalar_subquery())
    listed = sa.select(*(form.c[name] for name in _OF_SLOT), *columns, form.c.closes_at, form.c.id)
    return GroupedRead(listed, FormRow._make, sorted_by=2, memory=_CACHED_FORMS)


@lru_cache(maxsize=64)
def _work(shape: TodayShape) -> PairedRead[PersonRow, FormRow]:
    return PairedRead(_people(shape), _forms(shape.hides_arm))


def read_work(
    connection: Connection, search: TodaySearch, people: Collection[int]
) -> Mapping[int, tuple[DocumentRows[PersonRow], DocumentRows[FormRow]]]:
    """What is known of these participants, one row by each of their keys, and their forms that matter, those
    that close first first."""
    return _work(search.shape).fetch(connection, search.values | {"people": list(people)})
