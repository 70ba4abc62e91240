"""Withdrawal, death and the other ways out: what each stops, in one transaction."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.plans.plan import Owner
from app.domain.plans.status import Exit, ExitKind
from app.domain.plans.windows import local_day, start_of_day
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.feed.feed_events import disposition_event
from app.services.schedule.anchors import AnchorEntry, enter_anchor
from app.services.schedule.slots import apply_exit, current_anchors
from app.storage.queries.participants import get_participant, get_site
from app.storage.row_changes import participant_chain
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Activation, Participant
from app.storage.tables.schedule import Disposition
from app.storage.unit_of_work import UnitOfWork

TREATMENT_WITHDRAWAL = "treatment_withdrawal"


@dataclass(frozen=True, slots=True)
class DispositionEntry:
    """A disposition as it is sent in. `stated` is the date as known: a year-month may be all there is."""

    kind: DispositionKind
    stated: str
    source: Owner
    reason: str | None = None


def record_disposition(
    context: StaffContext,
    study_id: int,
    subject: str,
    entry: DispositionEntry,
) -> Disposition:
    """Record it; withdrawal from questionnaires or study, screen failure and death stop everything at once.

    Raises Refused: "bad_date", "date_in_future", "before_enrolment".
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        return enter_disposition(context.installation, work, participant, entry)


def enter_disposition(
    installation: Installation, work: UnitOfWork, participant: Participant, entry: DispositionEntry
) -> Disposition:
    """`record_disposition` inside a transaction that is already open."""
    chain = participant_chain(key_of(participant))
    work.lock(chain)
    effective_on = effective_date(work.session, entry, participant, work.at)
    event = AuditEvent.DISPOSITION_RECORDED if entry.source is Owner.site else AuditEvent.DISPOSITION_RECEIVED
    work.record(event, chain, reason=entry.reason)
    row = Disposition(
        participant_id=key_of(participant),
        kind=entry.kind.value,
        effective_on=effective_on,
        stated_date=entry.stated,
        source=entry.source.value,
        reason=entry.reason,
        recorded_at=work.at,
        recorded_by=work.actor.id,
    )
    _settle(installation, work, participant, row)
    if entry.kind is DispositionKind.withdrew_treatment:
        arrival = AnchorEntry(
            TREATMENT_WITHDRAWAL, effective_on, Owner.site, entry.reason or entry.kind.value
        )
        enter_anchor(installation, work, participant, arrival, confirmed=True)
    return row


def undo_disposition(
    context: StaffContext, study_id: int, subject: str, reason: str, entry_id: int | None = None
) -> Disposition:
    """Take back a disposition in force, by a new entry with a reason. The investigator's act.

    `entry_id` names it; None is the last one. Raises Refused: "reason_needed", "nothing_to_undo".
    """
    if not reason.strip():
        raise Refused("reason_needed", field="reason")
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(key_of(participant))
        work.lock(chain)
        standing = dispositions_in_force(work.session, key_of(participant))
        undone = next((row for row in reversed(standing) if entry_id in (None, row.id)), None)
        if undone is None:
            raise Refused("nothing_to_undo")
        work.record(AuditEvent.DISPOSITION_UNDONE, chain, reason=reason)
        row = Disposition(
            participant_id=key_of(participant),
            kind=undone.kind,
            effective_on=undone.effective_on,
            stated_date=undone.stated_date,
            source=Owner.site.value,
            reason=reason,
            recorded_at=context.at,
            recorded_by=context.actor.id,
            undoes_id=undone.id,
        )
        _settle(context.installation, work, participant, row)
        return row


def dispositions_in_force(session: Session, participant_id: int) -> list[Disposition]:
    """The dispositions not taken back, oldest first."""
    statement = select(Disposition).where(Disposition.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(Disposition.id))).all()
    undone = {row.undoes_id for row in rows}
    return [row for row in rows if row.undoes_id is None and row.id not in undone]


def effective_date(session: Session, entry: DispositionEntry, participant: Participant, at: datetime) -> date:
    """The day that counts. A date known only to the month counts at its end, but never in the future."""
    today = local_day(at, participant.zone)
    matched = re.fullmatch(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", entry.stated)
    if matched is None or (matched[3] is None and entry.kind is not DispositionKind.death):
        raise Refused("bad_date", field="date", allowed="YYYY-MM-DD; YYYY-MM for a death")
    try:
        year, month = int(matched[1]), int(matched[2])
        day = date(year, month, int(matched[3] or calendar.monthrange(year, month)[1]))
        begins = date(year, month, int(matched[3] or 1))
    except (ValueError, calendar.IllegalMonthError) as impossible:
        raise Refused("bad_date", field="date", allowed="YYYY-MM-DD; YYYY-MM for a death") from impossible
    if begins > today:
        raise Refused("date_in_future", date=entry.stated, latest=today)
    enrolled = current_anchors(session, key_of(participant)).get("enrolment")
    if enrolled is not None and day < enrolled.on:
        raise Refused("before_enrolment", date=entry.stated, earliest=enrolled.on)
    return min(day, today)


def _settle(installation: Installation, work: UnitOfWork, participant: Participant, row: Disposition) -> None:
    """Add the entry, repeat the exit that is now in force everywhere, and tell the EDC."""
    session = work.session
    session.add(row)
    session.flush()
    exits = [
        each for each in dispositions_in_force(session, key_of(participant)) if each.kind in set(ExitKind)
    ]
    left = None
    if exits:
        first = min(exits, key=lambda each: (each.effective_on, each.id))
        left = Exit(ExitKind(first.kind), start_of_day(first.effective_on, participant.zone))
    apply_exit(session, get_plan(installation, session, participant.study_id), participant, left, work.at)
    if left is not None:
        _revoke_invitations(session, participant, work.at)
    version = len(
        session.exec(select(Disposition.id).where(Disposition.participant_id == participant.id)).all()
    )
    site = get_site(session, participant)
    work.publish(participant.study_id, disposition_event(participant, site, work.actor, row, version))


def _revoke_invitations(session: Session, participant: Participant, at: datetime) -> None:
    waiting = select(Activation).where(
        Activation.participant_id == participant.id,
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )
    for activation in session.exec(waiting):
        activation.revoked_at = at
