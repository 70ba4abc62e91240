"""The watched clock and the trail: beginning to watch, an operator's confirmation, and what it sets free."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.clock_trust import ClockReading, choose_anchor, follows_anchor, is_behind_trail
from app.domain.people.names import require_reason
from app.domain.records.audit import AuditEvent, format_instant
from app.domain.refusal import Refused
from app.domain.typed_text import trim_words
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.row_changes import INSTALLATION_CHAIN, participant_chain
from app.storage.tables.audit import AuditEntry, ClockConfirmation
from app.storage.tables.capture import Alert
from app.storage.tables.columns import table_of
from app.storage.tables.feed import DataExport
from app.storage.tables.messages import MESSAGE_WAITING, AlertMessage, Message
from app.storage.tables.schedule import Slot

_LONGEST_REASON = 400
_LONGEST_WAIT = timedelta(hours=1)
"""No message waits for longer before it is tried again."""
_SLOT, _ALERT = table_of(Slot), table_of(Alert)
_MESSAGES, _EXPORT = (table_of(Message), table_of(AlertMessage)), table_of(DataExport)


def update_clock_trust(installation: Installation) -> None:
    """Begin to watch the clock, or look for a confirmation while it is not trusted.

    A clock that is watched and trusted costs no query.
    """
    watch = installation.clock_watch
    if watch.untrusted:
        with installation.read() as session:
            newest, confirmed = _newest_entry(session), _confirmed_reading(session, watch.boot_id)
        watch.set_anchor(newest.at if newest else None, confirmed)


def check_clock(installation: Installation, reading: ClockReading, boot_id: str, gap: timedelta) -> None:
    """Refuse to act by a wall clock that the newest audit entry contradicts, until it is confirmed.

    Raises Refused (TIM-04): "clock_behind" the entry, or "clock_ahead" of it by more than `gap`.
    """
    with installation.read() as session:
        newest, confirmed = _newest_entry(session), _confirmed_reading(session, boot_id)
    if newest is None:
        return
    if not follows_anchor(choose_anchor(reading, newest.at, confirmed, gap), reading):
        code = "clock_behind" if is_behind_trail(reading, newest.at) else "clock_ahead"
        raise Refused(code, clock=format_instant(reading.wall), newest=format_instant(newest.at))


def confirm_clock(context: StaffContext, reading: ClockReading, boot_id: str, reason: str) -> None:
    """Record that the wall clock is right as it reads now, and why it was in doubt (audited).

    Where it was ahead before, what then was put off into a future that never was falls due now: slots and
    alerts are judged anew, and messages and exports wait no longer. What was written in that future stays
    as it was written.
    Raises Refused: "reason_needed", "words_too_long".
    """
    require_reason(reason)
    if len(reason) > _LONGEST_REASON:
        raise Refused("words_too_long", most=_LONGEST_REASON)
    with context.read() as session:
        ahead = _newest_entry(session)
    if is_behind_trail(reading, ahead.at if ahead else None):
        _wake_what_was_put_off(context)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        newest = _newest_entry(work.session)
        work.session.add(
            ClockConfirmation(
                confirmed_at=reading.wall,
                boot_id=boot_id,
                boot_ms=reading.boot // timedelta(milliseconds=1),
                newest_entry_id=newest.id if newest else None,
                newest_entry_at=newest.at if newest else None,
            )
        )
        work.record(AuditEvent.CLOCK_CONFIRMED, INSTALLATION_CHAIN, reason=trim_words(reason))


def list_put_off(at: datetime) -> Mapping[sa.Column[datetime], sa.ColumnElement[bool]]:
    """Every column that says when something is done next, with the rows that may wait for a wrong future."""
    unfinished = _SLOT.c.submitted_at.is_(None) & (_SLOT.c.grace_until > at)
    owed = _ALERT.c.wake_at > at
    leased = {
        message.c.lease_until: sa.and_(MESSAGE_WAITING, message.c.lease_until > at + _LONGEST_WAIT)
        for message in _MESSAGES
    }
    claimed = _EXPORT.c.ended_at.is_(None) & (_EXPORT.c.lease_until > at + _LONGEST_WAIT)
    return {_SLOT.c.wake_at: unfinished, _ALERT.c.wake_at: owed, **leased, _EXPORT.c.lease_until: claimed}


def _wake_what_was_put_off(context: StaffContext) -> None:
    """Before the confirmation, while nothing ticks; each participant under their own chain, as always."""
    put_off = dict(list_put_off(context.at))
    claimed = put_off.pop(_EXPORT.c.lease_until)
    with context.unit_of_work() as work:
        work.update_bookkeeping(_EXPORT, claimed, {"lease_until": context.at})
    whose = [sa.select(column.table.c.participant_id).where(rows) for column, rows in put_off.items()]
    with context.read() as session:
        participants = sorted(session.execute(sa.union(*whose)).scalars())
    for participant_id in participants:
        with context.unit_of_work() as work:
            work.lock(participant_chain(participant_id))
            for column, rows in put_off.items():
                own = column.table.c.participant_id == participant_id
                work.update_bookkeeping(column.table, own & rows, {column.name: context.at})


def _newest_entry(session: Session) -> AuditEntry | None:
    """The entry that was written last, whatever time it says."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()


def _confirmed_reading(session: Session, boot_id: str) -> ClockReading | None:
    """What was confirmed last on this machine since it started: boot clocks of others cannot be compared."""
    statement = select(ClockConfirmation).where(ClockConfirmation.boot_id == boot_id)
    row = session.exec(statement.order_by(col(ClockConfirmation.id).desc()).limit(1)).first()
    return ClockReading(row.confirmed_at, timedelta(milliseconds=row.boot_ms)) if row else None
