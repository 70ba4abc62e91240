"""What changed in a row, as the audit trail tells it: old → new per field, secrets never."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import PassiveFlag
from sqlalchemy.orm.attributes import History
from sqlmodel import Session, SQLModel, select

from app.domain.records.audit import GENESIS, FieldChange
from app.storage.database.write_guard import WriteRefused
from app.storage.plain_rows import SlotRecord
from app.storage.tables.columns import table_of
from app.storage.tables.edc import EdcRecord, EdcRefusal
from app.storage.tables.feed import DataExport
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot

TECHNICAL_TABLES = frozenset(
    {
        "audit_chain",
        "audit_entry",
        "feed_head",
        "feed_event",
        "staff_session",
        "used_code",
        "throttle",
        "edc_token",
        "day_seal",
        "key_canary",
        "act_key",
        "page_epoch",
        "staff_view",
    }
)
"""Tables that hold no record of the trial: the trail and feed themselves, sessions, counters, keys, the key's
canary, epochs."""

_IN_OWN_WORDS = frozenset(
    f"{table_of(kind).name}.{column.name}"
    for kind in (DataExport, EdcRefusal)
    for column in table_of(kind).columns
)
"""The trail says in words of its own what was requested, or refused, and what became of it."""

NOT_AUDITED = frozenset(
    {
        "device.seen_at",
        "slot.wake_at",
        "slot.opens_on",
        "slot.target_on",
        "slot.closes_on",
        "slot.for_day",
        "slot.opens_at",
        "slot.due_at",
        "slot.overdue_at",
        "slot.closes_at",
        "slot.grace_until",
        "slot.window_version",
        "slot.published_state",
        "slot.published_window",
        "slot.version",
        "slot.position",
        "participant.version",
        "participant.activated_at",
        "message.lease_until",
        "anchor.reason",
        "disposition.reason",
        "slot.missed_note",
        "participant_request.slot_key",
        "participant_request.outcome",
        "contact_entry.note",
        "contact_entry.reason",
        "snooze.reason",
        "correction.changes",
        "correction.words",
        "correction_decision.note",
        "correction_decision.late_reason",
        "settlement.reason",
        "licence_decision.reason",
        "edc_record.body",
        "response.answers",
        "response.scores",
        "quarantine.answers",
        "paper_entry.answers",
        "paper_entry.note",
        "instrument_pack.content",
        "access_review.notes",
        "data_cut.purpose",
        "plan_amendment.reason",
        "alert.wake_at",
        "alert.closing_note",
        "alert_action.note",
        "alert_message.lease_until",
        *_IN_OWN_WORDS,
    }
)
"""Columns computed from others that are audited, kept alive by every request, append-only themselves, or
people's own words, which stand in the entry's reason."""

BOOKKEEPING = frozenset(
    {
        "device.seen_at",
        "participant.activated_at",
        "slot.wake_at",
        "message.lease_until",
        "message.state",
        "message.attempts",
        "message.failure",
        "alert.wake_at",
        "alert_message.lease_until",
        "alert_message.state",
        "alert_message.attempts",
        "alert_message.failure",
        "data_export.lease_until",
        "data_export.tries",
        "data_export.done",
        "data_export.total",
        "edc_refusal.last_at",
        "edc_refusal.times",
    }
)
"""Columns that a statement without an entry may set: keep-alive, the next due moment, how often the EDC said
the same, and a worker's lease on a message. What finally became of a message is audited."""

_SECRET = frozenset(
    {
        "password_hash",
        "pin_hash",
        "birth_hash",
        "totp_sealed",
        "address_sealed",
        "token_hash",
        "code_hash",
        "credential_id",
        "public_key",
        "secret_hash",
        "next_secret_hash",
    }
)

_AUDITED_OF_SLOTS = frozenset(name for name in SlotRecord._fields if f"slot.{name}" not in NOT_AUDITED)

_WINDOW = ("opens_on", "target_on", "closes_on")
"""The days of a slot's window, told together: a participant has some 245 of them."""


PUBLISHED_FACTS = (
    "visit",
    "for_day",
    "window_version",
    "submitted_at",
    "excused",
    "exit_kind",
    "exit_at",
    "out_of_plan",
)
"""Columns of a slot on which rests what the feed says of it. New slots are the clock's to tell."""


def changes_published_fact(row: SQLModel) -> bool:
    """Whether a stored slot changes in something that the feed has to be told."""
    if row.__tablename__ != "slot":
        return False
    state: sa.orm.InstanceState[Any] = sa.inspect(row)
    return state.key is not None and any(
        state.get_history(column, PassiveFlag.PASSIVE_NO_FETCH).has_changes()
        for column in PUBLISHED_FACTS
        if column in state.committed_state
    )


_HEADS = frozenset({"audit_chain", "feed_head"})
_OF_A_HEAD = ("seq", "hash")
_OF_AN_OWNER = ("participant_id", "slot_id", "study_id")


def check_row_change(row: SQLModel, *, deleted: bool) -> None:
    """Raise WriteRefused for a change that no event can answer for.

    Entries and events of the feed are stored by storage alone, which also moves heads; and a row keeps its
    key, and whose it is.
    """
    table, state = str(row.__tablename__), _state(row)
    if table in ("audit_entry", "feed_event") or (deleted and table in _HEADS):
        raise WriteRefused(f"rows of {table} are storage's own")
    if state.key is None:
        if table in _HEADS and (row.seq, row.hash) != (0, GENESIS):  # type: ignore[attr-defined]  # a head has both
            raise WriteRefused(f"a new {table} begins at 0")
        return
    fixed = (*(column.key for column in sa.inspect(type(row)).primary_key), *_OF_AN_OWNER)
    for column in (*fixed, *(_OF_A_HEAD if table in _HEADS else ())):
        if column in state.committed_state and _has_changed(state, column):
            raise WriteRefused(f"{table}.{column} never changes so")


def _state(row: SQLModel) -> sa.orm.InstanceState[Any]:
    state: sa.orm.InstanceState[Any] = sa.inspect(row)
    return state


def _has_changed(state: sa.orm.InstanceState[Any], column: str) -> bool:
    """Whether a column that was set held another value; one that was not read could have held any."""
    return state.committed_state[column] not in (None, state.dict[column])


PARTICIPANT_CHAIN = "participant:"
"""With what the name of a participant's chain begins, before their key."""


def participant_chain(participant_id: int) -> str:
    """The name of a participant's audit chain."""
    return f"{PARTICIPANT_CHAIN}{participant_id}"


def is_participant_chain(chain: str) -> bool:
    """Whether a chain tells of one participant."""
    return chain.startswith(PARTICIPANT_CHAIN)


def study_chain(study_id: int) -> str:
    """The name of a study's audit chain."""
    return f"study:{study_id}"


INSTALLATION_CHAIN = "installation"


_OF_INSTALLATION = frozenset({"role_grant"})
"""Tables whose rows name a study and are told in the installation's chain, as the accounts that have them."""


def chain_of_row(row: SQLModel, session: Session) -> str:
    """The chain to which a row belongs: of a participant, else of a study, else of the installation."""
    table = str(row.__tablename__)
    if table == "participant":
        return participant_chain(row.id)  # type: ignore[attr-defined]  # the table was just tested
    participant_id = getattr(row, "participant_id", None)
    if participant_id is None and (slot_id := getattr(row, "slot_id", None)) is not None:
        participant_id = session.get_one(Slot, slot_id).participant_id
    if isinstance(row, EdcRecord):
        addressed = select(Participant.id).filter_by(study_id=row.study_id, subject=row.subject)
        participant_id = session.exec(addressed).one()
    if participant_id is not None:
        return participant_chain(participant_id)
    study_id = getattr(row, "id" if table == "study" else "study_id", None)
    return INSTALLATION_CHAIN if study_id is None or table in _OF_INSTALLATION else study_chain(study_id)


def record_name(row: SQLModel) -> str:
    """How the trail names a record: its table and public id (or key)."""
    public = getattr(row, "public_id", None)
    if row.__tablename__ == "slot":
        return f"slot:{row.visit}/{row.instrument}"  # type: ignore[attr-defined]  # the table was just tested
    if public is not None:
        return f"{row.__tablename__}:{public}"
    keys = sa.inspect(row).identity or sa.inspect(type(row)).primary_key_from_instance(row)
    return f"{row.__tablename__}:{'/'.join(str(key) for key in keys)}"


def new_slot_changes(slot: Mapping[str, Any]) -> list[FieldChange]:
    """What `row_changes` tells of a new slot that is given by the names of its columns."""
    days = _days([slot[day] for day in _WINDOW])
    return [FieldChange(f"slot:{slot['visit']}/{slot['instrument']}", "window", None, days)]


def changed_slot_changes(slot: SlotRecord, new: SlotRecord) -> list[FieldChange]:
    """The changes of a slot that is to be changed."""
    name = f"slot:{new.visit}/{new.instrument}"
    before, after = [[getattr(dates, day) for day in _WINDOW] for dates in (slot, new)]
    changes = [] if before == after else [FieldChange(name, "window", _days(before), _days(after))]
    for column, was, now in zip(slot._fields, slot, new, strict=True):
        if was != now and column in _AUDITED_OF_SLOTS:
            changes.append(FieldChange(name, column, was, now))
    return changes


def rests_feed_on(slot: SlotRecord, new: SlotRecord) -> bool:
    """Whether a slot is to be changed in something that the feed has to be told."""
    return any(getattr(slot, column) != getattr(new, column) for column in PUBLISHED_FACTS)


def row_changes(row: SQLModel, deleted: bool) -> Iterator[FieldChange]:
    """The told changes of one flushed row."""
    table = str(row.__tablename__)
    if table in TECHNICAL_TABLES:
        return
    state: sa.orm.InstanceState[Any] = sa.inspect(row)
    name = record_name(row)
    fresh = state.key is None
    if table == "slot":
        yield from _window_change(state, name, fresh)
    for column in _audited_columns(type(row)):
        if fresh and (column == "id" or table == "slot"):
            continue
        if deleted:
            yield FieldChange(name, column, _spell_audited(column, getattr(row, column)), None)
        elif column in state.committed_state:  # it was set; to the same value, perhaps
            history = state.get_history(column, PassiveFlag.PASSIVE_NO_FETCH)
            if history.has_changes() and _old(history) != _new(history):
                yield FieldChange(
                    name, column, _spell_audited(column, _old(history)), _spell_audited(column, _new(history))
                )


@cache
def _audited_columns(kind: type[SQLModel]) -> tuple[str, ...]:
    """The columns of a table whose changes an entry tells."""
    keys = (attribute.key for attribute in sa.inspect(kind).column_attrs)
    return tuple(key for key in keys if f"{kind.__tablename__}.{key}" not in NOT_AUDITED)


def _window_change(state: sa.orm.InstanceState[Any], name: str, fresh: bool) -> Iterator[FieldChange]:
    if not fresh and state.committed_state.keys().isdisjoint(_WINDOW):
        return
    histories = [state.get_history(day, PassiveFlag.PASSIVE_NO_FETCH) for day in _WINDOW]
    if not fresh and not any(history.has_changes() for history in histories):
        return
    before = None if fresh else _days([_was(history) for history in histories])
    after = _days([_is(history) for history in histories])
    yield FieldChange(name, "window", before, after)


def _days(days: list[object]) -> str:
    return "waiting" if None in days else "/".join(str(day) for day in days)


def _was(history: History) -> object:
    return next(iter([*history.deleted, *history.unchanged]), None)


def _is(history: History) -> object:
    return next(iter([*history.added, *history.unchanged]), None)


def _old(history: History) -> object:
    return history.deleted[0] if history.deleted else None


def _new(history: History) -> object:
    return history.added[0] if history.added else None


def _spell_audited(column: str, value: object) -> object:
    if value is None:
        return None
    if column in _SECRET:
        return "secret"
    return value
