"""Slots between rows and the domain: windows, facts, and the SQL twin of status."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, select

from app.domain.capture.paper import PaperOutcome
from app.domain.capture.slot_view import SlotDates, SlotView
from app.domain.plans.plan import Plan
from app.domain.plans.schedule import PlannedSlot, is_diary_series
from app.domain.plans.status import Exit, ExitKind, SlotFacts, Status, derive_status, died_in_window
from app.domain.plans.windows import Window
from app.storage.database.grouped_reads import DocumentRows, GroupedRead, cache_document_rows
from app.storage.database.plain_reads import PlainRead
from app.storage.plain_rows import SlotRecord
from app.storage.tables.capture import PaperEntry
from app.storage.tables.schedule import Slot

StoredSlot = Slot | SlotRecord
"""A slot that has its key, whether as a row of a session or as a plain record."""
_COLUMNS: list[Any] = [getattr(Slot, name) for name in SlotRecord._fields]
_THEIRS = col(Slot.participant_id) == sa.bindparam("participant", type_=sa.Integer)
_ORDER: list[Any] = [col(Slot.position), col(Slot.id)]
_RECORDS = PlainRead(sa.select(*_COLUMNS).where(_THEIRS).order_by(*_ORDER))
_OF_PAGES: GroupedRead[SlotRecord] = GroupedRead(
    sa.select(col(Slot.participant_id), *_COLUMNS, *_ORDER).where(_THEIRS),
    lambda columns: SlotRecord._make(columns[1:]),
    sorted_by=len(_ORDER),
    memory=cache_document_rows(64),
)


def is_diary_slot(plan: Plan, slot: SlotView) -> bool:
    """Whether a form is a day of the diary, also while its day waits for a date."""
    return is_diary_series(plan, slot.series)


def window_of_slot(slot: SlotDates) -> Window | None:
    """The slot's window; None while its anchor is not known."""
    # Each column is read once: an attribute of the ORM costs more than the rest of this.
    opens_on, target_on, closes_on = slot.opens_on, slot.target_on, slot.closes_on
    if opens_on is None or target_on is None or closes_on is None:
        return None
    opens_at, due_at, overdue_at = slot.opens_at, slot.due_at, slot.overdue_at
    closes_at, grace_until = slot.closes_at, slot.grace_until
    if not (opens_at and due_at and overdue_at and closes_at and grace_until):
        return None
    return Window(
        opens_on, target_on, closes_on, slot.zone, opens_at, due_at, overdue_at, closes_at, grace_until
    )


def slot_facts(slot: SlotDates) -> SlotFacts:
    """What is known of the slot beside its window."""
    ended = Exit(slot.exit_kind, slot.exit_at) if slot.exit_kind and slot.exit_at else None
    return SlotFacts(slot.begun_at, slot.submitted_at, ended, slot.excused is not None)


def slot_status(slot: SlotDates, at: datetime) -> Status:
    """The slot's state at this moment."""
    return derive_status(window_of_slot(slot), slot_facts(slot), at)


def derive_slot_state(slot: SlotDates, at: datetime) -> tuple[Status, bool]:
    """The slot's state at this moment, and whether death fell inside of its window.

    Most forms of a page were sent, which says all.
    """
    if slot.submitted_at is not None:
        return Status.submitted, False
    window, facts = window_of_slot(slot), slot_facts(slot)
    return derive_status(window, facts, at), died_in_window(window, facts)


def list_slot_transitions(slot: SlotDates) -> Iterator[datetime]:
    """The moments from each of which on `derive_slot_state` may say something else of the same slot."""
    if slot.submitted_at is None:
        moments = slot.opens_at, slot.due_at, slot.overdue_at, slot.closes_at, slot.grace_until, slot.exit_at
        yield from (moment for moment in moments if moment is not None)


def planned_slot(slot: SlotView) -> PlannedSlot:
    """The slot as the domain's schedule names it."""
    return PlannedSlot(
        visit=slot.visit,
        series=slot.series,
        instrument=slot.instrument,
        instrument_version=slot.instrument_version,
        for_day=slot.for_day,
        anchor=slot.anchor,
        window=window_of_slot(slot),
        arm_revealing=slot.arm_revealing,
        plan_version=slot.plan_version,
    )


def window_columns(window: Window | None) -> dict[str, Any]:
    """A window, or that there is none, by the names of the columns."""
    return {
        "opens_on": window.opens_on if window else None,
        "target_on": window.target_on if window else None,
        "closes_on": window.closes_on if window else None,
        "opens_at": window.opens_at if window else None,
        "due_at": window.due_at if window else None,
        "overdue_at": window.overdue_at if window else None,
        "closes_at": window.closes_at if window else None,
        "grace_until": window.grace_until if window else None,
    }


def with_window(slot: SlotRecord, window: Window | None) -> SlotRecord:
    """The slot with another window, or none; a new version of the window begins."""
    return slot._replace(**window_columns(window), window_version=slot.window_version + 1)


_THEIR_ROWS = select(Slot).where(_THEIRS).order_by(*_ORDER)


def list_slots(session: Session, participant_id: int, only: Collection[int] | None = None) -> Sequence[Slot]:
    """All slots of a participant, or those of these keys, in the plan's order."""
    statement = _THEIR_ROWS if only is None else _THEIR_ROWS.where(col(Slot.id).in_(only))
    return session.exec(statement, params={"participant": participant_id}).all()


def list_slot_records(session: Session, participant_id: int) -> Sequence[SlotRecord]:
    """A participant's slots as plain records, which cost a fraction; what the session changed is flushed."""
    session.flush()
    rows = _RECORDS.fetch(session.connection(), {"participant": participant_id})
    return [SlotRecord._make(row) for row in rows]


def read_slot_records(connection: Connection, participant_id: int) -> DocumentRows[SlotRecord]:
    """A participant's slots as stored, for pages that read a hundred of them and change none."""
    return _OF_PAGES.fetch(connection, {"participant": participant_id}).get(participant_id, DocumentRows())


def code_literal(code: StrEnum) -> sa.ColumnElement[str]:
    """A code in a query, written out: constants that are bound are sent and typed anew each time."""
    return sa.literal_column(f"'{code.value}'", sa.String)


def awaits_answers(form: type[Slot] = Slot) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions of a form of the plan that is neither submitted nor excused, and whose date is known.

    They are those of the partial indexes; whether it is open, missed or not expected is not asked here.
    """
    return (
        col(form.submitted_at).is_(None),
        col(form.excused).is_(None),
        col(form.opens_at).is_not(None),
        col(form.out_of_plan).is_(sa.false()),
    )


def paper_waits() -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions of a paper entry that waits for a second one, or for the data manager.

    The newest one of its form decides; what lies apart is none of the two entries, and ends no wait. The
    first condition is that of the index, written out so that it is used.
    """
    newer = sa.orm.aliased(PaperEntry)
    later = sa.exists().where(
        col(newer.slot_id) == col(PaperEntry.slot_id),
        col(newer.id) > col(PaperEntry.id),
        col(newer.outcome) != code_literal(PaperOutcome.kept_apart),
    )
    return sa.literal_column("paper_entry.outcome IN ('first', 'differs')"), ~later


def status_expression(now: sa.ColumnElement[datetime], slot: type[Slot] = Slot) -> sa.ColumnElement[str]:
    """The SQL twin of `app.domain.plans.status.derive_status`, of the table of slots or an alias of it.

    A test proves the two equal.
    """
    opens, closes, exit_at = col(slot.opens_at), col(slot.closes_at), col(slot.exit_at)
    died = col(slot.exit_kind) == code_literal(ExitKind.death)
    exited = col(slot.exit_kind).is_not(None)
    usual = sa.case((col(slot.begun_at).is_not(None), col(slot.grace_until)), else_=closes)
    ends = sa.case((sa.and_(exited, exit_at < usual), exit_at), else_=usual)
    gone = sa.or_(
        opens >= closes,
        sa.and_(exited, sa.or_(opens.is_(None), exit_at < sa.case((died, closes), else_=opens))),
    )
    return sa.case(
        (col(slot.submitted_at).is_not(None), code_literal(Status.submitted)),
        (gone, code_literal(Status.not_expected)),
        (col(slot.excused).is_not(None), code_literal(Status.excused)),
        (opens.is_(None), code_literal(Status.waiting)),
        (now >= ends, code_literal(Status.missed)),
        (now < opens, code_literal(Status.planned)),
        (sa.and_(now >= col(slot.overdue_at), now < closes), code_literal(Status.overdue)),
        (col(slot.begun_at).is_not(None), code_literal(Status.in_progress)),
        (col(slot.due_at) <= now, code_literal(Status.due)),
        else_=code_literal(Status.open),
    )
