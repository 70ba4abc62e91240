"""Recording a dated fact: previewed, owned by site or EDC, never silently creating missed forms."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from app.domain.plans.plan import AnchorKind, Owner, Plan
from app.domain.plans.schedule import AnchorDate
from app.domain.plans.windows import local_day
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.feed.feed_events import anchor_event
from app.services.schedule.slots import ScheduleProposal, apply_proposal, current_anchors, propose_schedule
from app.storage.queries.participants import get_participant, get_site
from app.storage.queries.slots import list_slots
from app.storage.row_changes import participant_chain
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AnchorEntry:
    """A dated fact as it is sent in: its kind, day (and instant where known), source and reason."""

    kind: str
    on: date
    source: Owner
    reason: str | None = None
    at: datetime | None = None


def preview_anchor(
    installation: Installation, session: Session, participant: Participant, entry: AnchorEntry, at: datetime
) -> ScheduleProposal:
    """What recording this would do, with nothing changed. Raises as `record_anchor`."""
    plan = get_plan(installation, session, participant.study_id)
    anchors = current_anchors(session, key_of(participant))
    check_anchor(plan, participant, anchors, entry, at)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    return propose_schedule(plan, participant, list_slots(session, key_of(participant)), anchors, at)


def record_anchor(
    context: StaffContext,
    study_id: int,
    subject: str,
    entry: AnchorEntry,
    confirmed: bool,
) -> ScheduleProposal:
    """Record a dated fact and move the windows that depend on it, in one transaction.

    Raises Refused: "unknown_anchor", "date_in_future", "before_enrolment", "reason_needed" when
    a date in force changes, "would_be_missed" naming the slots unless `confirmed`.
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
    chain = participant_chain(key_of(participant))
    work.lock(chain)
    plan = get_plan(installation, session, participant.study_id)
    anchors = current_anchors(session, key_of(participant))
    kind = check_anchor(plan, participant, anchors, entry, at)
    standing = _standing(session, participant, kind, entry)
    event = AuditEvent.ANCHOR_RECORDED if entry.source is Owner.site else AuditEvent.ANCHOR_RECEIVED
    work.record(event, chain, reason=entry.reason)
    _keep(session, work, participant, entry, standing)
    slots = list_slots(session, key_of(participant))
    if standing is AnchorStanding.DIFFERING:
        return propose_schedule(plan, participant, slots, anchors, at)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    proposal = propose_schedule(plan, participant, slots, anchors, at)
    if proposal.would_be_missed and not confirmed:
        raise Refused(
            "would_be_missed", slots=[f"{visit} {form}" for visit, form in proposal.would_be_missed]
        )
    apply_proposal(work, plan, participant, proposal)
    _tell(work, participant, anchors[entry.kind], entry, plan)
    return proposal


def check_anchor(
    plan: Plan, participant: Participant, anchors: dict[str, AnchorDate], entry: AnchorEntry, at: datetime
) -> AnchorKind:
    """The plan's anchor kind, once the date can stand; raises Refused as `record_anchor` says."""
    kind = next((anchor for anchor in plan.anchors if anchor.kind == entry.kind), None)
    if kind is None:
        raise Refused("unknown_anchor", kind=entry.kind, allowed=plan.anchor_kinds)
    today = local_day(at, participant.zone)
    if entry.on > today:
        raise Refused("date_in_future", date=entry.on, latest=today)
    enrolled = anchors.get("enrolment")
    if enrolled is not None and entry.kind != "enrolment" and entry.on < enrolled.on:
        raise Refused("before_enrolment", date=entry.on, earliest=enrolled.on)
    current = anchors.get(entry.kind)
    if current is not None and current.on != entry.on and not entry.reason:
        raise Refused("reason_needed", field="reason")
    return kind


def _standing(
    session: Session, participant: Participant, kind: AnchorKind, entry: AnchorEntry
) -> AnchorStanding:
    """The owner's date is in force; another's stands only while the owner has said nothing."""
    current = _current(session, participant, entry.kind)
    if current is None or entry.source is kind.owner or current.source == entry.source:
        return AnchorStanding.CURRENT
    return AnchorStanding.CURRENT if current.dated_on == entry.on else AnchorStanding.DIFFERING


def _current(session: Session, participant: Participant, kind: str) -> Anchor | None:
    statement = select(Anchor).where(
        Anchor.participant_id == participant.id,
        Anchor.kind == kind,
        Anchor.standing == AnchorStanding.CURRENT,
    )
    return session.exec(statement).one_or_none()


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
            participant_id=key_of(participant),
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


def _tell(
    work: UnitOfWork, participant: Participant, anchor: AnchorDate, entry: AnchorEntry, plan: Plan
) -> None:
    count = select(func.count(col(Anchor.id))).where(
        Anchor.participant_id == participant.id, Anchor.kind == entry.kind
    )
    version = work.session.exec(count).one() + 1
    site = get_site(work.session, participant)
    revealing = plan.blinded and plan.reveals_arm(anchor.kind)
    draft = anchor_event(
        participant, site, work.actor, anchor, version, entry.source, entry.reason, revealing
    )
    work.publish(participant.study_id, draft)
