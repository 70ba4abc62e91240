"""Moving a running study to another version of its plan, one participant after another.

The study follows it first, so that whoever is enrolled from then on does; then each participant, in a
transaction of their own. One that was stopped in between is finished by beginning again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, select

from app.domain.people.names import parse_reason
from app.domain.plans.plan import Plan
from app.domain.plans.rescheduling import SlotMove
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.report.spreads import visit_order
from app.services.core.context import StaffContext
from app.services.core.plans import list_plans
from app.services.schedule.amendment.amendment_checks import check_fits, check_newer, check_version
from app.services.schedule.slot_changes import apply_proposal
from app.services.schedule.slots import (
    ScheduleProposal,
    current_anchors,
    propose_amendment,
)
from app.storage.queries.participants import get_study
from app.storage.queries.slots import list_slot_records, list_slots
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.capture import PaperEntry
from app.storage.tables.participants import Participant
from app.storage.tables.studies import PlanAmendment


@dataclass(frozen=True, slots=True)
class Amendment:
    """A version of its plan that a study is to follow, and `waiting` the participants who do not yet, by key.

    `begun`: the study does, and whoever is enrolled.
    """

    study_id: int
    plan: Plan
    present: str
    begun: bool
    waiting: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ParticipantMove:
    """What following another version does to the forms of one participant."""

    subject: str
    proposal: ScheduleProposal

    @property
    def appearing(self) -> tuple[SlotMove, ...]:
        """The forms that are new."""
        return tuple(move for move in self.proposal.changes if move.standing is None)

    @property
    def vanishing(self) -> tuple[SlotMove, ...]:
        """The forms that are not expected any more."""
        return tuple(move for move in self.proposal.changes if move.planned is None)

    @property
    def moving(self) -> tuple[SlotMove, ...]:
        """The forms whose window is another one."""
        moves = {move.key: move for move in self.proposal.moves}
        return tuple(move for move in self.following if move.key in moves)

    @property
    def following(self) -> tuple[SlotMove, ...]:
        """The forms that exist and are of the new version from now on."""
        return tuple(
            move for move in self.proposal.changes if move.standing is not None and move.planned is not None
        )


def open_amendment(context: StaffContext, study: str, version: str) -> Amendment:
    """Read what is left to do until everybody in a study follows this version; nothing is changed.

    Raises Refused: "unknown_study", "unknown_plan", "draft_plan" (a trial takes none), "older_plan", as
    `packs.check_packs`; BadDefinition for a plan that cannot follow the present one.
    """
    with context.read() as session:
        row = get_study(session, study)
        followed = list_plans(context.installation, session, row.id)
        present, plan = followed[0], context.installation.library.get_plan(study, version)
        waiting = _list_waiting(session, row.id, version)
        begun = present.version == version
        if waiting or not begun:
            check_version(context, row, present, plan)
            check_fits(session, row.id, followed, plan)
    return Amendment(row.id, plan, present.version, begun, waiting)


def preview_moves(context: StaffContext, amendment: Amendment) -> Iterator[ParticipantMove]:
    """What it would do to each participant who waits, with nothing changed: what would be written."""
    for participant_id in amendment.waiting:
        with context.read() as session:
            participant = session.get_one(Participant, participant_id)
            yield ParticipantMove(participant.subject, _propose(context, session, amendment, participant))


def begin_amendment(context: StaffContext, amendment: Amendment, reason: str) -> None:
    """Let the study follow the version, so that whoever is enrolled from now on does; once.

    Raises Refused("state_changed") where the study follows another version by now, or as `parse_reason`;
    BadDefinition as `open_amendment`.
    """
    reason, plan = parse_reason(reason), amendment.plan
    chain = study_chain(amendment.study_id)
    with context.unit_of_work() as work:
        work.lock(chain, amendment.study_id)
        row = get_study(work.session, plan.id)
        if row.plan_version != amendment.present:
            raise Refused("state_changed")
        followed = list_plans(context.installation, work.session, amendment.study_id)
        check_fits(work.session, amendment.study_id, followed, plan)
        work.session.add(
            PlanAmendment(
                study_id=amendment.study_id,
                from_version=row.plan_version,
                to_version=plan.version,
                to_sha256=plan.sha256,
                reason=reason,
                began_at=context.at,
                began_by=context.actor.id,
            )
        )
        row.plan_version, row.plan_sha256 = plan.version, plan.sha256
        work.record(AuditEvent.PLAN_AMENDED, chain, amendment.study_id, reason=reason)


def follow_amendment(
    context: StaffContext, amendment: Amendment, participant_id: int, reason: str, confirmed: bool
) -> ParticipantMove | None:
    """Let one participant follow the version; None for one who does already.

    Their forms change, the feed is told and the trail has it in one transaction. Raises Refused:
    "would_be_missed" naming the forms, unless `confirmed`; "older_plan" for one who follows a later version.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        if participant.plan_version == amendment.plan.version:
            return None
        check_newer(amendment.plan, participant.plan_version)
        proposal = _propose(context, work.session, amendment, participant)
        proposal.require_confirmed(confirmed)
        work.record(AuditEvent.PLAN_FOLLOWED, chain, reason=parse_reason(reason))
        participant.plan_version = amendment.plan.version
        apply_proposal(context.installation, work, amendment.plan, participant, proposal)
        _order_slots(work.session, participant_id, amendment.plan, proposal)
    return ParticipantMove(participant.subject, proposal)


def _propose(
    context: StaffContext, session: Session, amendment: Amendment, participant: Participant
) -> ScheduleProposal:
    key = participant.id
    slots, anchors = list_slot_records(session, key), current_anchors(session, key)
    entered = session.exec(select(PaperEntry.slot_id).where(PaperEntry.participant_id == key)).all()
    library = context.installation.library
    return propose_amendment(library, amendment.plan, participant, slots, anchors, entered, context.at)


def _order_slots(session: Session, participant_id: int, plan: Plan, proposal: ScheduleProposal) -> None:
    """Let each form stand where the plan has its visit, those that keep their version too."""
    visits = visit_order(plan)
    positions = {planned.key: position for position, planned in enumerate(proposal.planned)}
    for slot in list_slots(session, participant_id):
        if slot.plan_version == plan.version or slot.visit in visits:
            slot.position = positions.get((slot.visit, slot.instrument), slot.position)


def _list_waiting(session: Session, study_id: int, version: str) -> tuple[int, ...]:
    """The participants of a study who do not follow this version of its plan."""
    waiting = select(Participant.id).where(
        Participant.study_id == study_id, Participant.plan_version != version
    )
    return tuple(session.exec(waiting.order_by(col(Participant.id))))
