"""Withdrawal, death and the other ways out: what each would stop, and stops, in one transaction."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from app.domain.people.names import require_reason
from app.domain.plans.plan import ENROLMENT, TREATMENT_WITHDRAWAL, Owner, Plan
from app.domain.plans.status import ANSWERABLE, Exit, ExitKind, Status, derive_status
from app.domain.plans.windows import local_day, start_of_day
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind, parse_stated_date
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan_of
from app.services.feed.feed_events import disposition_event, status_ref
from app.services.schedule.anchors import AnchorEntry, enter_anchor, withdraw_anchor
from app.services.schedule.slot_changes import apply_exit
from app.services.schedule.slot_publication import publish_acts_of
from app.services.schedule.slots import current_anchors
from app.storage.queries.participants import get_participant, get_site
from app.storage.queries.slots import (
    is_diary_slot,
    list_slot_records,
    slot_facts,
    slot_status,
    window_of_slot,
)
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Activation, Participant
from app.storage.tables.schedule import Disposition
from app.storage.unit_of_work import UnitOfWork

_AHEAD = ANSWERABLE | {Status.planned, Status.waiting}


@dataclass(frozen=True, slots=True)
class DispositionEntry:
    """A disposition as it is sent in. `stated` is the date as known: a year-month may be all there is."""

    kind: DispositionKind
    stated: str
    source: Owner
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DispositionPreview:
    """The day that counts, and what ends: forms asked no more, messages and sign-in, or nothing."""

    effective_on: date
    ends: bool
    forms: tuple[str, ...]
    diary_days: int
    opens_early_termination: bool


def preview_disposition(
    session: Session, plan: Plan, participant: Participant, entry: DispositionEntry, at: datetime
) -> DispositionPreview:
    """What this disposition would end. Changes nothing; raises as `record_disposition`."""
    effective_on = effective_date(session, entry, participant, at)
    ends = entry.kind.value in set(ExitKind)
    if not ends:
        return DispositionPreview(
            effective_on, False, (), 0, entry.kind is DispositionKind.withdrew_treatment
        )
    exit_ = Exit(ExitKind(entry.kind.value), start_of_day(effective_on, participant.zone))
    ended = [
        slot
        for slot in list_slot_records(session, participant.id)
        if slot_status(slot, at) in _AHEAD
        and derive_status(window_of_slot(slot), replace(slot_facts(slot), exit=exit_), at) not in _AHEAD
    ]
    forms = tuple(slot.visit for slot in ended if not is_diary_slot(plan, slot))
    return DispositionPreview(effective_on, True, forms, len(ended) - len(forms), False)


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
    chain = participant_chain(participant.id)
    work.lock(chain)
    effective_on = effective_date(work.session, entry, participant, work.at)
    event = AuditEvent.DISPOSITION_RECORDED if entry.source is Owner.site else AuditEvent.DISPOSITION_RECEIVED
    work.record(event, chain, reason=entry.reason)
    row = Disposition(
        participant_id=participant.id,
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
        _date_withdrawal(installation, work, participant, row, entry.reason or entry.kind.value)
    return row


def _date_withdrawal(
    installation: Installation, work: UnitOfWork, participant: Participant, row: Disposition, reason: str
) -> None:
    """From a withdrawal from treatment visits may be counted, where the plan has that date."""
    plan = get_plan_of(installation, work.session, participant)
    if TREATMENT_WITHDRAWAL in plan.anchor_kinds:
        owner = Owner(row.source)
        dated = AnchorEntry(TREATMENT_WITHDRAWAL, row.effective_on, owner, reason, against_order=True)
        enter_anchor(installation, work, participant, dated, confirmed=True)


def undo_disposition(
    context: StaffContext, study_id: int, subject: str, reason: str, entry_id: int | None = None
) -> Disposition:
    """Take back a disposition in force, by a new entry with a reason. The investigator's act.

    `entry_id` names it; None is the last one. Raises Refused: "reason_needed", "nothing_to_undo".
    """
    require_reason(reason)
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(participant.id)
        work.lock(chain)
        standing = dispositions_in_force(work.session, participant.id)
        undone = next((row for row in reversed(standing) if entry_id in (None, row.id)), None)
        if undone is None:
            raise Refused("nothing_to_undo")
        work.record(AuditEvent.DISPOSITION_UNDONE, chain, reason=reason)
        row = Disposition(
            participant_id=participant.id,
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
        if row.kind == DispositionKind.withdrew_treatment:
            _undo_withdrawal(context.installation, work, participant, reason)
        return row


def _undo_withdrawal(
    installation: Installation, work: UnitOfWork, participant: Participant, reason: str
) -> None:
    """Date the withdrawal that is still in force, or take the date away with the last one."""
    standing = dispositions_in_force(work.session, participant.id)
    still = [row for row in standing if row.kind == DispositionKind.withdrew_treatment]
    if still:
        _date_withdrawal(installation, work, participant, still[-1], reason)
    else:
        withdraw_anchor(installation, work, participant, TREATMENT_WITHDRAWAL, reason)


def dispositions_in_force(session: Session, participant_id: int) -> list[Disposition]:
    """The dispositions not taken back, oldest first."""
    statement = select(Disposition).where(Disposition.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(Disposition.id))).all()
    undone = {row.undoes_id for row in rows}
    return [row for row in rows if row.undoes_id is None and row.id not in undone]


def effective_date(session: Session, entry: DispositionEntry, participant: Participant, at: datetime) -> date:
    """The day that counts. Raises Refused: "bad_date", "date_in_future", "before_enrolment".

    A death that the EDC states may be dated one day ahead: there it may be tomorrow already.
    """
    today = local_day(at, participant.zone)
    stated = parse_stated_date(entry.kind, entry.stated)
    zones_apart = entry.kind is DispositionKind.death and entry.source is Owner.edc
    if stated.first > today + timedelta(days=zones_apart):
        raise Refused("date_in_future", field="date", date=entry.stated, latest=today)
    enrolled = current_anchors(session, participant.id).get(ENROLMENT)
    if enrolled is not None and stated.last < enrolled.on:
        raise Refused("before_enrolment", field="date", date=entry.stated, earliest=enrolled.on)
    return stated.effective_on(today)


def _settle(installation: Installation, work: UnitOfWork, participant: Participant, row: Disposition) -> None:
    """Add the entry, repeat the exit that is now in force everywhere, and tell the EDC."""
    session = work.session
    session.add(row)
    session.flush()
    publish_acts_of(installation, work, participant.id)
    standing = dispositions_in_force(session, participant.id)
    exits = [disposition for disposition in standing if disposition.kind in set(ExitKind)]
    exit_ = None
    if exits:
        first = min(exits, key=lambda exit_row: (exit_row.effective_on, exit_row.id))
        exit_ = Exit(ExitKind(first.kind), start_of_day(first.effective_on, participant.zone))
    apply_exit(installation.library, work, participant, exit_)
    if exit_ is not None:
        _revoke_invitations(session, participant, work.at)
    site = get_site(session, participant)
    version = work.next_version(participant.study_id, status_ref(participant))
    draft = disposition_event(participant, site, work.actor, row, standing, version)
    work.publish(participant.study_id, draft)


def _revoke_invitations(session: Session, participant: Participant, at: datetime) -> None:
    waiting = select(Activation).where(
        Activation.participant_id == participant.id,
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )
    for activation in session.exec(waiting):
        activation.revoked_at = at
