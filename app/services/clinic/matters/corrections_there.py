"""Validating decisions that claim a correction: the correction or EDC message must be stored."""

import json

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.capture.corrections import CorrectionOutcome
from app.domain.desk.matters import MatterDecision
from app.domain.refusal import Refused
from app.storage.queries.contradictions import Contradiction, read_contradiction
from app.storage.queries.matters.refusals import is_refusal_name
from app.storage.queries.matters.rows import MatterRow
from app.storage.tables.capture import Correction, CorrectionDecision
from app.storage.tables.edc import EdcRecord
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


def check_put_right(
    session: Session, participant: Participant, row: MatterRow, decision: MatterDecision
) -> None:
    """Refuse a decision that claims a correction while none is stored; any other decision passes.

    Raises Refused: "correction_not_proposed" before a correction of the form was proposed since, or where it
    was declined; "edc_not_corrected" before the EDC sent something for a later moment.
    """
    if decision is MatterDecision.corrected and not _is_correction_proposed(session, row):
        raise Refused("correction_not_proposed", field="decision")
    if decision is MatterDecision.corrected_by_edc and is_refusal_name(row.ref):
        raise Refused("edc_not_corrected", field="decision")  # it would be open no more
    if decision is MatterDecision.corrected_by_edc:
        contradictions = (read_contradiction(change) for change in json.loads(row.note or "[]"))
        if not all(
            _is_said_anew(session, participant.study_id, contradiction) for contradiction in contradictions
        ):
            raise Refused("edc_not_corrected", field="decision")


def _is_correction_proposed(session: Session, row: MatterRow) -> bool:
    declined = sa.exists().where(
        col(CorrectionDecision.correction_id) == col(Correction.id),
        col(CorrectionDecision.outcome) == CorrectionOutcome.declined,
    )
    proposed = (
        select(Correction.id)
        .join(Slot, col(Slot.id) == col(Correction.slot_id))
        .where(Slot.public_id == row.slot, col(Correction.proposed_at) >= row.at, ~declined)
    )
    return session.exec(proposed.limit(1)).first() is not None


def _is_said_anew(session: Session, study_id: int, contradiction: Contradiction) -> bool:
    newer = select(EdcRecord.id).where(
        EdcRecord.study_id == study_id,
        EdcRecord.resource == contradiction.resource,
        col(EdcRecord.as_of) > contradiction.as_of,
    )
    return session.exec(newer).first() is not None
