"""Visits, anchors and arms, as the EDC sends them: what they move, shown before or after."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import select

from app.domain.plans.plan import Owner, Plan
from app.domain.plans.rescheduling import WindowMove
from app.domain.plans.windows import local_day
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent, format_instant
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.services.core.context import EdcContext
from app.services.core.plans import get_plan_of
from app.services.edc.records import StoreResult
from app.services.edc.representations import check_visit
from app.services.edc.requests import (
    EDC_UPDATE,
    EdcRequest,
    find_participant,
    is_date_in_force,
    lock_participant,
    record_event,
)
from app.services.feed.feed_events import participant_event, raise_version, visit_event, visit_ref
from app.services.schedule.anchors import (
    AnchorEntry,
    enter_anchor,
    preview_anchor,
    retire_differing,
)
from app.services.schedule.slot_changes import apply_proposal
from app.services.schedule.slots import current_anchors, propose_schedule
from app.storage.queries.participants import get_site
from app.storage.queries.slots import list_slot_records
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import VisitRecord
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AnchorBody:
    """A dated fact as the EDC sends it. `confirm`: forms that it makes missed at once are accepted."""

    kind: str
    on: date
    dated_at: datetime | None
    confirm: bool


@dataclass(frozen=True, slots=True)
class AnchorOutcome:
    """How an anchor stands (`current`, or `differing` from its owner's), and the windows that it moves."""

    standing: str
    moves: tuple[WindowMove, ...]


def receive_visit(
    request: EdcRequest, visit: str, state: VisitState, on: date | None, confirm: bool = False
) -> StoreResult:
    """Record what the EDC says of a visit; its date moves only windows that count from a previous visit.

    Raises Refused: "no_visit" naming those of the plan, "date_needed", "date_in_future" and
    "date_out_of_range" for a visit that occurred, "would_be_missed" naming the forms unless `confirm`,
    "unknown_participant", "version_mismatch", "stale_update".
    """
    body = {"state": state.value, "date": on.isoformat() if on else None}
    with request.unit_of_work(f"visits/{visit}", body) as work:
        participant = lock_participant(work, request)
        plan = get_plan_of(request.context.installation, work.session, participant)
        check_visit(work.session, plan, participant, visit)
        if state is VisitState.occurred:
            _check_day(plan, participant, on, request.at)
        stored = request.store_body(work, participant, f"visits/{visit}", body)
        record_event(work, participant, AuditEvent.VISIT_RECEIVED, stored)
        if stored.acts:
            row = _visit_row(work, participant, visit)
            row.state, row.dated_on = state.value, on
            work.session.flush()
            _reschedule(request, work, plan, participant, confirm)
            site = get_site(work.session, participant)
            version = work.next_version(participant.study_id, visit_ref(participant, visit))
            draft = visit_event(participant, site, work.actor, row, version)
            work.publish(participant.study_id, draft)
        return request.finish_request(work, participant, f"visits/{visit}", stored)


def _check_day(plan: Plan, participant: Participant, on: date | None, at: datetime) -> None:
    if on is None:
        raise Refused("date_needed", field="date")
    today = local_day(at, participant.zone)
    if on > today:
        raise Refused("date_in_future", field="date", date=on, latest=today)
    if on < plan.first_date:
        raise Refused("date_out_of_range", field="date", date=on, low=plan.first_date, high=today)


def _visit_row(work: UnitOfWork, participant: Participant, visit: str) -> VisitRecord:
    statement = select(VisitRecord).where(
        VisitRecord.participant_id == participant.id, VisitRecord.visit == visit
    )
    row = work.session.exec(statement).one_or_none()
    if row is None:
        row = VisitRecord(participant_id=participant.id, visit=visit, state="", recorded_at=work.at)
        work.session.add(row)
    row.recorded_at = work.at
    return row


def _reschedule(
    request: EdcRequest, work: UnitOfWork, plan: Plan, participant: Participant, confirm: bool
) -> None:
    """Move what the changed fact moves; a form is made missed only when that was confirmed."""
    anchors = current_anchors(work.session, participant.id)
    slots = list_slot_records(work.session, participant.id)
    installation = request.context.installation
    library = installation.library
    proposal = propose_schedule(work.session, library, plan, participant, slots, anchors, work.at)
    proposal.require_confirmed(confirm)
    apply_proposal(installation, work, plan, participant, proposal)


def preview_edc_anchor(context: EdcContext, subject: str, body: AnchorBody) -> AnchorOutcome:
    """The windows that this date would move, before and after; nothing is changed or stored.

    Raises as `receive_anchor`, but never "would_be_missed".
    """
    with context.read() as session:
        participant = find_participant(session, context.client, subject)
        plan = get_plan_of(context.installation, session, participant)
        entry = _entry(plan, participant, body)
        proposal = preview_anchor(context.installation, session, participant, entry, context.at)
        return AnchorOutcome(proposal.standing.value, proposal.moves)


def receive_anchor(request: EdcRequest, body: AnchorBody) -> tuple[StoreResult, AnchorOutcome]:
    """Record a dated fact. The owner's date is in force; another's is listed beside it, never over it.

    A fact whose owner is the EDC stands even where forms are missed by it, which it names; of any other
    `confirm` is asked first. Raises Refused: "no_anchor" naming those of the plan, "instant_differs",
    "date_in_future", "before_enrolment", "would_be_missed" naming the forms, "unknown_participant",
    "version_mismatch", "stale_update".
    """
    document = {"date": body.on.isoformat(), "at": format_instant(body.dated_at) if body.dated_at else None}
    part = f"anchors/{body.kind}"
    with request.unit_of_work(part, document) as work:
        participant = lock_participant(work, request)
        plan = get_plan_of(request.context.installation, work.session, participant)
        entry = _entry(plan, participant, body)
        stored = request.store_body(work, participant, part, document)
        in_force = is_date_in_force(work.session, participant, body.kind, body.on, body.dated_at)
        if stored.acts and in_force:
            retire_differing(work.session, participant, body.kind, Owner.edc)
        if not stored.acts or in_force:
            record_event(work, participant, AuditEvent.ANCHOR_RECEIVED, stored)
            standing = AnchorStanding.CURRENT if in_force else AnchorStanding.DIFFERING
            return request.finish_request(work, participant, part, stored), AnchorOutcome(standing.value, ())
        confirmed = body.confirm or plan.is_owner(Owner.edc, body.kind)
        proposal = enter_anchor(request.context.installation, work, participant, entry, confirmed)
        outcome = AnchorOutcome(proposal.standing.value, proposal.moves)
        return request.finish_request(work, participant, part, stored), outcome


def _entry(plan: Plan, participant: Participant, body: AnchorBody) -> AnchorEntry:
    if body.kind not in plan.anchor_kinds:
        raise Refused("no_anchor", kind=body.kind, allowed=plan.anchor_kinds)
    if body.dated_at is not None and local_day(body.dated_at, participant.zone) != body.on:
        raise Refused("instant_differs", field="at", date=body.on, zone=participant.zone)
    return AnchorEntry(body.kind, body.on, Owner.edc, EDC_UPDATE, body.dated_at, body.confirm)


def receive_arm(request: EdcRequest, arm: str, confirm: bool = False) -> StoreResult:
    """Record the randomised group; visits of that arm are expected, those of the other no more.

    Raises Refused: "unknown_arm" naming those of the plan, "would_be_missed" naming the forms unless
    `confirm`, "unknown_participant", "version_mismatch", "stale_update".
    """
    with request.unit_of_work("arm", {"arm": arm}) as work:
        participant = lock_participant(work, request)
        plan = get_plan_of(request.context.installation, work.session, participant)
        if arm not in {arm.code for arm in plan.arms}:
            raise Refused("unknown_arm", field="arm", allowed=tuple(arm.code for arm in plan.arms))
        stored = request.store_body(work, participant, "arm", {"arm": arm})
        record_event(work, participant, AuditEvent.ARM_RECORDED, stored)
        if participant.arm != arm:
            participant.arm = arm
            _reschedule(request, work, plan, participant, confirm)
            site = get_site(work.session, participant)
            version = raise_version(participant)
            draft = participant_event(participant, version, site, work.actor, "updated", ("arm",))
            work.publish(participant.study_id, draft)
        return request.finish_request(work, participant, "arm", stored)
