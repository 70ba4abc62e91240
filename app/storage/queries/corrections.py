"""Reading corrections: with their decisions, versions of a response, and who could sign."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.access import ROLE_PERMISSIONS, Permission
from app.storage.queries.staff import GrantRules, find_able_staff
from app.storage.tables.capture import Correction, CorrectionDecision, Response
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site

_DECIDERS = tuple(role for role, may in ROLE_PERMISSIONS.items() if Permission.CORRECTION_DECIDE in may)


class CorrectionRows(NamedTuple):
    """A proposal, its decision (None while it waits), and whom and what it is about."""

    correction: Correction
    decision: CorrectionDecision | None
    participant: Participant
    site: Site
    slot: Slot


def list_study_corrections(
    session: Session, study_id: int, site_ids: Collection[int] | None, *, waiting: bool, limit: int
) -> Sequence[CorrectionRows]:
    """A study's corrections (at some sites): waiting ones, oldest first, or decided ones, newest first."""
    undecided = col(CorrectionDecision.id).is_(None)
    statement = _ROWS.where(
        col(Correction.study_id) == study_id, undecided if waiting else sa.not_(undecided)
    )
    if site_ids is not None:
        statement = statement.where(col(Participant.site_id).in_(site_ids))
    order = (
        (col(Correction.proposed_at), col(Correction.id))
        if waiting
        else (col(CorrectionDecision.decided_at).desc(), col(CorrectionDecision.id).desc())
    )
    return _read(session, statement.order_by(*order).limit(limit))


def list_form_corrections(session: Session, participant_id: int, slot_id: int) -> Sequence[CorrectionRows]:
    """Everything that was proposed for one form, oldest first."""
    statement = _ROWS.where(
        col(Correction.participant_id) == participant_id, col(Correction.slot_id) == slot_id
    )
    return _read(session, statement.order_by(col(Correction.id)))


def list_own_corrections(session: Session, participant_id: int) -> Sequence[CorrectionRows]:
    """Everything that was proposed for one participant's forms, oldest first."""
    statement = _ROWS.where(col(Correction.participant_id) == participant_id)
    return _read(session, statement.order_by(col(Correction.id)))


def find_correction(session: Session, participant_id: int, public_id: str) -> CorrectionRows | None:
    """One proposal about this participant."""
    statement = _ROWS.where(
        col(Correction.participant_id) == participant_id, col(Correction.public_id) == public_id
    )
    rows = _read(session, statement)
    return rows[0] if rows else None


def list_response_versions(session: Session, slot_id: int) -> Sequence[Response]:
    """The versions of a form's response, the first one first."""
    versions = select(Response).where(Response.slot_id == slot_id)
    return session.exec(versions.order_by(col(Response.version))).all()


def read_signers(session: Session, study_id: int, rules: GrantRules) -> frozenset[tuple[str, int | None]]:
    """Who may sign corrections of a study now, as the trail names them, each with a site (None: all)."""
    able = find_able_staff(session, study_id, _DECIDERS, rules)
    return frozenset((f"staff:{staff}", site) for staff, site in able)


def list_waiting_corrections(session: Session, slot_id: int) -> Sequence[str]:
    """The ids of the proposals for a form that nobody has decided."""
    decided = sa.select(col(CorrectionDecision.correction_id))
    waiting = select(Correction.public_id).where(col(Correction.slot_id) == slot_id)
    return session.exec(waiting.where(col(Correction.id).not_in(decided))).all()


def find_forms_in_correction(session: Session, slots: Collection[int]) -> frozenset[int]:
    """The forms among these for which a proposal waits."""
    decided = sa.select(col(CorrectionDecision.correction_id))
    waiting = select(Correction.slot_id).where(col(Correction.slot_id).in_(slots))
    return frozenset(session.exec(waiting.where(col(Correction.id).not_in(decided))))


_ROWS = (
    sa.select(Correction, CorrectionDecision, Participant, Site, Slot)
    .outerjoin(CorrectionDecision, col(CorrectionDecision.correction_id) == col(Correction.id))
    .join(Participant, col(Participant.id) == col(Correction.participant_id))
    .join(Site, col(Site.id) == col(Participant.site_id))
    .join(Slot, col(Slot.id) == col(Correction.slot_id))
)


def _read(session: Session, statement: sa.Select[*tuple[object, ...]]) -> Sequence[CorrectionRows]:
    return [CorrectionRows(*row) for row in session.execute(statement)]
