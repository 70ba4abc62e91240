"""Recording a dated fact: previewed, owned by site or EDC, never silently creating missed forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.plans.anchor_order import DateContradiction, check_date_range, find_contradictions
from app.domain.plans.plan import ENROLMENT, Owner, Plan
from app.domain.plans.schedule import AnchorDate
from app.domain.plans.windows import local_day
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan_of
from app.services.feed.feed_events import StatedAnchor, anchor_event, anchor_ref
from app.services.schedule.slot_changes import apply_proposal
from app.services.schedule.slots import ScheduleProposal, current_anchors, propose_schedule
from app.storage.queries.participants import get_participant, get_site
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AnchorEntry:
    """A dated fact as it is sent in: its kind, day (and instant where known), source and reason.

    `against_order`: whoever says it knows that it contradicts another date, and means it.
    """

    kind: str
    on: date
    source: Owner
    reason: str | None = None
    at: datetime | None = None
    against_order: bool = False


def preview_anchor(
    installation: Installation, session: Session, participant: Participant, entry: AnchorEntry, at: datetime
) -> ScheduleProposal:
    """What recording this would do, with nothing changed. Raises as `record_anchor`."""
    plan = get_plan_of(installation, session, participant)
    anchors = current_anchors(session, participant.id)
    if _find_standing(session, plan, participant, anchors, entry, at) is AnchorStanding.DIFFERING:
        return ScheduleProposal((), (), standing=AnchorStanding.DIFFERING)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    slots = list_slot_records(session, participant.id)
    return propose_schedule(session, installation.library, plan, participant, slots, anchors, at)


def record_anchor(
    context: StaffContext,
    study_id: int,
    subject: str,
    entry: AnchorEntry,
    confirmed: bool,
) -> ScheduleProposal:
    """Record a dated fact and move the windows that depend on it, in one transaction.

    Raises Refused: "unknown_anchor", "date_in_future", "date_out_of_range", "before_enrolment",
    "dates_contradict" naming the other date, "reason_needed" when a date in force changes or is recorded
    against the plan's order, "would_be_missed" naming the slots unless `confirmed`.
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        return enter_anchor(context.installation, work, participant, entry, confirmed)


def enter_anchor(
    installation: Installation,
    work: UnitOfWork,
    participant: Participant,
    entry: AnchorEntry,
    confirmed: bool,
) -> ScheduleProposal:
    """`record_anchor` inside a transaction that is already open."""
    session, at = work.session, work.at
    chain = participant_chain(participant.id)
    work.lock(chain)
    plan = get_plan_of(installation, session, participant)
    anchors = current_anchors(session, participant.id)
    standing = _find_standing(session, plan, participant, anchors, entry, at)
    event = AuditEvent.ANCHOR_RECORDED if entry.source is Owner.site else AuditEvent.ANCHOR_RECEIVED
    work.record(event, chain, reason=entry.reason)
    _keep(session, work, participant, entry, standing)
    if standing is AnchorStanding.DIFFERING:
        return ScheduleProposal((), (), standing=standing)
    slots = list_slot_records(session, participant.id)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    proposal = propose_schedule(session, installation.library, plan, participant, slots, anchors, at)
    proposal.require_confirmed(confirmed)
    apply_proposal(installation, work, plan, participant, proposal)
    _publish(work, plan, participant, StatedAnchor(anchors[entry.kind], entry.source, entry.reason))
    return proposal


def withdraw_anchor(
    installation: Installation, work: UnitOfWork, participant: Participant, kind: str, reason: str
) -> None:
    """Take a date back together with the act that brought it; forms that rest on it leave the plan."""
    plan = get_plan_of(installation, work.session, participant)
    row = _current(work.session, participant, kind)
    if row is None:
        return
    row.standing = AnchorStanding.SUPERSEDED
    work.session.flush()
    anchors = current_anchors(work.session, participant.id)
    slots = list_slot_records(work.session, participant.id)
    library = installation.library
    proposal = propose_schedule(work.session, library, plan, participant, slots, anchors, work.at)
    apply_proposal(installation, work, plan, participant, proposal)
    dated = AnchorDate(kind, row.dated_on)
    _publish(work, plan, participant, StatedAnchor(dated, row.source, reason, withdrawn=True))


def confirm_anchor(
    installation: Installation, work: UnitOfWork, participant: Participant, kind: str, reason: str
) -> None:
    """Publish the date in force again, with a reason, where the EDC has another one; nothing without one."""
    row = _current(work.session, participant, kind)
    if row is not None:
        plan = get_plan_of(installation, work.session, participant)
        _publish(work, plan, participant, StatedAnchor(_dated(row), row.source, reason))


def retire_differing(session: Session, participant: Participant, kind: str, source: Owner) -> None:
    """Close the differing dates of this source, which were never in force, once it states the one that is."""
    rows = select(Anchor).where(
        Anchor.participant_id == participant.id,
        Anchor.kind == kind,
        Anchor.source == source.value,
        Anchor.standing == AnchorStanding.DIFFERING,
    )
    for row in session.exec(rows):
        row.standing = AnchorStanding.SUPERSEDED


def _dated(row: Anchor) -> AnchorDate:
    return AnchorDate(row.kind, row.dated_on, row.dated_at)


def _stands(
    plan: Plan, participant: Participant, anchors: Mapping[str, AnchorDate], entry: AnchorEntry, at: datetime
) -> bool:
    """Whether the date can be in force; one of the EDC that contradicts another is stored beside it.

    Raises Refused as `record_anchor` says.
    """
    if entry.kind not in plan.anchor_kinds:
        raise Refused("unknown_anchor", kind=entry.kind, allowed=plan.anchor_kinds)
    current = anchors.get(entry.kind)
    check_all(
        lambda: check_date_range(plan, entry.kind, entry.on, local_day(at, participant.zone)),
        lambda: _check_reason(entry, current),
    )
    after = {**anchors, entry.kind: AnchorDate(entry.kind, entry.on, entry.at)}
    against = [
        contradiction
        for contradiction in find_contradictions(plan, after)
        if entry.kind in _kinds(contradiction)
    ]
    if not against:
        return True
    if entry.source is Owner.edc:
        return entry.against_order
    if not (plan.confirms_contradictions and entry.against_order):
        _refuse(entry, against[0])
    if not entry.reason:
        raise Refused("reason_needed", field="reason")
    return True


def _check_reason(entry: AnchorEntry, current: AnchorDate | None) -> None:
    if current is not None and current.on != entry.on and not entry.reason:
        raise Refused("reason_needed", field="reason")


def _kinds(contradiction: DateContradiction) -> tuple[str, str]:
    return contradiction.earlier.kind, contradiction.later.kind


def _refuse(entry: AnchorEntry, contradiction: DateContradiction) -> NoReturn:
    earlier, later = contradiction.earlier, contradiction.later
    if earlier.kind == ENROLMENT and entry.kind != ENROLMENT:
        raise Refused("before_enrolment", date=entry.on, earliest=earlier.on)
    other = earlier if entry.kind == later.kind else later
    raise Refused("dates_contradict", date=entry.on, kind=other.kind, other=other.on)


def _find_standing(
    session: Session,
    plan: Plan,
    participant: Participant,
    anchors: Mapping[str, AnchorDate],
    entry: AnchorEntry,
    at: datetime,
) -> AnchorStanding:
    """Whether the date would be in force. Raises as `_stands`."""
    if not _stands(plan, participant, anchors, entry, at):
        return AnchorStanding.DIFFERING
    return _standing(session, participant, plan, entry)


def _standing(session: Session, participant: Participant, plan: Plan, entry: AnchorEntry) -> AnchorStanding:
    """The owner's date is in force; another's stands only while the owner has said nothing."""
    current = _current(session, participant, entry.kind)
    owned = plan.is_owner(entry.source, entry.kind)
    if current is None or owned or current.source == entry.source:
        return AnchorStanding.CURRENT
    return AnchorStanding.CURRENT if current.dated_on == entry.on else AnchorStanding.DIFFERING


_CURRENT = sa.select(Anchor).where(
    col(Anchor.participant_id) == sa.bindparam("participant"),
    col(Anchor.kind) == sa.bindparam("of_kind"),
    col(Anchor.standing) == AnchorStanding.CURRENT,
)


def _current(session: Session, participant: Participant, kind: str) -> Anchor | None:
    return session.scalars(_CURRENT, {"participant": participant.id, "of_kind": kind}).one_or_none()


def _keep(
    session: Session, work: UnitOfWork, participant: Participant, entry: AnchorEntry, standing: AnchorStanding
) -> None:
    current = _current(session, participant, entry.kind)
    if current is not None and standing is AnchorStanding.CURRENT:
        differs = current.source != entry.source and current.dated_on != entry.on
        current.standing = AnchorStanding.DIFFERING if differs else AnchorStanding.SUPERSEDED
        session.flush()  # the database allows one current row per kind, at every moment
    session.add(
        Anchor(
            participant_id=participant.id,
            kind=entry.kind,
            dated_on=entry.on,
            dated_at=entry.at,
            standing=standing,
            source=entry.source.value,
            reason=entry.reason,
            recorded_at=work.at,
            recorded_by=work.actor.id,
        )
    )


def _publish(work: UnitOfWork, plan: Plan, participant: Participant, stated: StatedAnchor) -> None:
    kind = stated.anchor.kind
    version = work.next_version(participant.study_id, anchor_ref(participant, kind))
    revealing = plan.blinded and plan.reveals_arm(kind)
    site = get_site(work.session, participant)
    draft = anchor_event(participant, site, work.actor, stated, version, revealing)
    work.publish(participant.study_id, draft)
