"""What participants ask of their study team: to be called, or to have a submitted form corrected.

Nobody edits what was submitted (COR-01): a request goes to the nurse's list, where it is closed with its
outcome. One of each kind (and form) is open at a time, so that asking twice changes nothing. Whoever asked
may withdraw an open request, until the team has closed it or proposed the correction.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused
from app.services.capture.forms import get_own_slot
from app.services.core.context import ParticipantContext, ParticipantSession
from app.storage.queries.corrections import list_waiting_corrections
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import TeamRequest
from app.storage.unit_of_work import UnitOfWork


def request_call(context: ParticipantContext) -> None:
    """Ask the team to call; whoever has asked already has only asked once."""
    with context.unit_of_work() as work:
        _record_request(work, context.participant, TeamRequestKind.call, None, AuditEvent.CALL_REQUESTED)


def request_correction(context: ParticipantContext, slot_id: str) -> None:
    """Say that something is wrong in a form of one's own that was sent (COR-02).

    Raises Refused("unknown_slot") for one that was not sent, and for anybody else's.
    """
    with context.unit_of_work() as work:
        slot = get_own_slot(work.session, context.participant, slot_id)
        if slot.submitted_at is None:
            raise Refused("unknown_slot")
        _record_request(
            work, context.participant, TeamRequestKind.correction, slot.id, AuditEvent.CORRECTION_REQUESTED
        )


def withdraw_call(context: ParticipantContext) -> None:
    """Close one's own open request for a call. Raises Refused("request_closed") where none is open."""
    with context.unit_of_work() as work:
        _withdraw(work, context.participant, TeamRequestKind.call, 0, AuditEvent.CALL_WITHDRAWN)


def withdraw_correction(context: ParticipantContext, slot_id: str) -> None:
    """Close one's own open request for the correction of a form.

    Raises Refused: "unknown_slot", "correction_under_way" once a correction is proposed and not decided,
    "request_closed" where no request is open.
    """
    with context.unit_of_work() as work:
        slot_key = get_own_slot(work.session, context.participant, slot_id).id
        work.lock(participant_chain(context.participant.participant_id))
        if list_waiting_corrections(work.session, slot_key):
            raise Refused("correction_under_way")
        kind, event = TeamRequestKind.correction, AuditEvent.CORRECTION_WITHDRAWN
        _withdraw(work, context.participant, kind, slot_key, event)


def pending_call_request(context: ParticipantContext) -> datetime | None:
    """When this participant asked for the call that is still to come; None when there is none."""
    with context.read() as session:
        request = session.exec(_open(context.participant, TeamRequestKind.call)).first()
    return request.asked_at if request else None


def pending_corrections(context: ParticipantContext) -> Mapping[int, datetime]:
    """The forms (by the key of their slot) with an open request for correction, and when it was made."""
    with context.read() as session:
        requests = session.exec(_open(context.participant, TeamRequestKind.correction)).all()
    return {request.slot_key: request.asked_at for request in requests}


def _record_request(
    work: UnitOfWork,
    participant: ParticipantSession,
    kind: TeamRequestKind,
    slot: int | None,
    event: AuditEvent,
) -> None:
    chain = participant_chain(participant.participant_id)
    work.lock(chain)
    same = _open(participant, kind).where(TeamRequest.slot_key == (slot or 0))
    if work.session.exec(same).first() is not None:
        return
    work.session.add(
        TeamRequest(
            participant_id=participant.participant_id,
            kind=kind,
            slot_id=slot,
            slot_key=slot or 0,
            asked_at=work.at,
        )
    )
    work.record(event, chain)


def _withdraw(
    work: UnitOfWork, participant: ParticipantSession, kind: TeamRequestKind, slot_key: int, event: AuditEvent
) -> None:
    chain = participant_chain(participant.participant_id)
    work.lock(chain)
    row = work.session.exec(_open(participant, kind).where(TeamRequest.slot_key == slot_key)).first()
    if row is None:
        raise Refused("request_closed")
    row.closed_at, row.closed_by = work.at, work.actor.id
    work.record(event, chain)


def _open(participant: ParticipantSession, kind: TeamRequestKind) -> SelectOfScalar[TeamRequest]:
    return select(TeamRequest).where(
        TeamRequest.participant_id == participant.participant_id,
        TeamRequest.kind == kind,
        col(TeamRequest.closed_at).is_(None),
    )
