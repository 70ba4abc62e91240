"""Recording a dated fact: previewed, owned by site or EDC, never silently creating missed forms."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from app.domain.access import Actor
from app.domain.audit import Event
from app.domain.plan import AnchorKind, Owner, Plan
from app.domain.refusal import Refused
from app.domain.schedule import AnchorDate
from app.domain.window import local_day
from app.services.feed_events import told_of_anchor
from app.services.installation import Installation
from app.services.participants import participant_of, site_of
from app.services.scheduling import Proposal, anchors_of, carry_out, plan_of, propose
from app.storage.changes import chain_of_participant
from app.storage.people import Participant
from app.storage.schedule import Anchor, Standing
from app.storage.slots import slots_of
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
) -> Proposal:
    """What recording this would do, with nothing changed. Raises as `record_anchor`."""
    plan = plan_of(installation, session, participant.study_id)
    anchors = anchors_of(session, participant.id or 0)
    check_entry(plan, participant, anchors, entry, at)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    return propose(plan, participant, slots_of(session, participant.id or 0), anchors, at)


def record_anchor(
    installation: Installation,
    actor: Actor,
    study_id: int,
    subject: str,
    entry: AnchorEntry,
    at: datetime,
    confirmed: bool,
) -> Proposal:
    """Record a dated fact and move the windows that depend on it, in one transaction.

    Raises Refused: "unknown_anchor", "date_in_future", "before_enrolment", "reason_needed" when
    a date in force changes, "would_be_missed" naming the slots unless `confirmed`.
    """
    with installation.work(actor, at) as work:
        participant = participant_of(work.session, study_id, subject)
        return enter_anchor(installation, work, participant, entry, confirmed)


def enter_anchor(
    installation: Installation,
    work: UnitOfWork,
    participant: Participant,
    entry: AnchorEntry,
    confirmed: bool,
) -> Proposal:
    """`record_anchor` inside a transaction that is already open."""
    session, at = work.session, work.at
    chain = chain_of_participant(participant.id or 0)
    work.lock(chain)
    plan = plan_of(installation, session, participant.study_id)
    anchors = anchors_of(session, participant.id or 0)
    kind = check_entry(plan, participant, anchors, entry, at)
    standing = _standing(session, participant, kind, entry)
    event = Event.ANCHOR_RECORDED if entry.source is Owner.site else Event.ANCHOR_RECEIVED
    work.record(event, chain, reason=entry.reason)
    _keep(session, work, participant, entry, standing)
    slots = slots_of(session, participant.id or 0)
    if standing is Standing.DIFFERING:
        return propose(plan, participant, slots, anchors, at)
    anchors[entry.kind] = AnchorDate(entry.kind, entry.on, entry.at)
    proposal = propose(plan, participant, slots, anchors, at)
    if proposal.would_be_missed and not confirmed:
        raise Refused(
            "would_be_missed", slots=[f"{visit} {form}" for visit, form in proposal.would_be_missed]
        )
    carry_out(session, plan, participant, proposal, at)
    _tell(work, participant, anchors[entry.kind], entry, plan)
    return proposal


def check_entry(
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


def _standing(session: Session, participant: Participant, kind: AnchorKind, entry: AnchorEntry) -> Standing:
    """The owner's date is in force; another's stands only while the owner has said nothing."""
    current = _current(session, participant, entry.kind)
    if current is None or entry.source is kind.owner or current.source == entry.source:
        return Standing.CURRENT
    return Standing.CURRENT if current.dated_on == entry.on else Standing.DIFFERING


def _current(session: Session, participant: Participant, kind: str) -> Anchor | None:
    statement = select(Anchor).where(
        Anchor.participant_id == participant.id, Anchor.kind == kind, Anchor.standing == Standing.CURRENT
    )
    return session.exec(statement).one_or_none()


def _keep(
    session: Session, work: UnitOfWork, participant: Participant, entry: AnchorEntry, standing: Standing
) -> None:
    current = _current(session, participant, entry.kind)
    if current is not None and standing is Standing.CURRENT:
        differs = current.source != entry.source and current.dated_on != entry.on
        current.standing = Standing.DIFFERING if differs else Standing.SUPERSEDED
        session.flush()  # the database allows one current row per kind, at every moment
    session.add(
        Anchor(
            participant_id=participant.id or 0,
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
    site = site_of(work.session, participant)
    revealing = plan.blinded and plan.reveals_arm(anchor.kind)
    draft = told_of_anchor(
        participant, site, work.actor, anchor, version, entry.source, entry.reason, revealing
    )
    work.publish(participant.study_id, draft)
