"""Reading corrections: with their decisions, versions of a response, and who could sign."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.domain.desk.list_cursor import ListCursor
from app.domain.records.access import ROLE_PERMISSIONS, Permission, Role
from app.storage.queries.key_lists import lies_after
from app.storage.queries.staff import AbleStaff, GrantRules, find_able_staff
from app.storage.tables.capture import Correction, CorrectionDecision, Response
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site

_DECIDERS = tuple(role for role, may in ROLE_PERMISSIONS.items() if Permission.CORRECTION_DECIDE in may)
MOST_NAMED = 3
"""So many administrators are named where nobody can sign."""


class CorrectionRows(NamedTuple):
    """A proposal, its decision (None while it waits), and whom and what it is about."""

    correction: Correction
    decision: CorrectionDecision | None
    participant: Participant
    site: Site
    slot: Slot


def list_study_corrections(
    session: Session,
    study_id: int,
    site_ids: Collection[int],
    *,
    waiting: bool,
    limit: int,
    after: ListCursor | None = None,
) -> Sequence[CorrectionRows]:
    """A study's corrections at some sites: waiting ones, oldest first, or decided ones, newest first."""
    undecided = col(CorrectionDecision.id).is_(None)
    statement = _ROWS.where(
        col(Correction.study_id) == study_id, undecided if waiting else sa.not_(undecided)
    )
    statement = statement.where(col(Participant.site_id).in_(site_ids))
    order = (
        (col(Correction.proposed_at), col(Correction.id))
        if waiting
        else (col(CorrectionDecision.decided_at).desc(), col(CorrectionDecision.id).desc())
    )
    if after is not None:
        at, key = (
            (col(Correction.proposed_at), col(Correction.id))
            if waiting
            else (col(CorrectionDecision.decided_at), col(CorrectionDecision.id))
        )
        statement = statement.where(lies_after((at, after.at, not waiting), (key, after.key, not waiting)))
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


class SupersededBase(NamedTuple):
    """A proposal whose form has another version by now: the one that it rests on, and the newest."""

    correction: Correction
    slot: Slot
    base: Response
    newest: Response


def list_superseded_bases(session: Session, corrections: Collection[str]) -> Sequence[SupersededBase]:
    """The proposals among these whose form has a newer version than the one they rest on."""
    base, newest = aliased(Response), aliased(Response)
    latest = sa.select(sa.func.max(Response.version)).where(col(Response.slot_id) == col(Correction.slot_id))
    statement = (
        sa.select(Correction, Slot, base, newest)
        .join(Slot, col(Slot.id) == col(Correction.slot_id))
        .join(
            base,
            (col(base.slot_id) == col(Slot.id)) & (col(base.version) == col(Correction.response_version)),
        )
        .join(
            newest,
            (col(newest.slot_id) == col(Slot.id)) & (col(newest.version) == latest.scalar_subquery()),
        )
        .where(col(Correction.public_id).in_(corrections), col(newest.version) > col(base.version))
    )
    return [SupersededBase(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class CorrectionSigners:
    """Who may sign corrections of a study now, and who may give somebody that role."""

    signers: Sequence[AbleStaff] = ()
    administrators: Sequence[AbleStaff] = ()

    def can_sign(self, proposed_by: str, site_id: int) -> bool:
        """Whether anybody beside the one who proposed may sign at a site; the trail names them."""
        return any(
            f"staff:{signer.staff_id}" != proposed_by and signer.site_id in (None, site_id)
            for signer in self.signers
        )

    def list_administrators(self, site_id: int) -> tuple[str, ...]:
        """The names of those who may give a role at a site, at most `MOST_NAMED`."""
        names = [
            administrator.name
            for administrator in self.administrators
            if administrator.site_id in (None, site_id)
        ]
        return tuple(dict.fromkeys(names))[:MOST_NAMED]


def read_signers(session: Session, study_id: int, rules: GrantRules) -> CorrectionSigners:
    """Who may sign corrections of a study now, and who administers it."""
    able = find_able_staff(session, study_id, (*_DECIDERS, Role.ADMIN), rules)
    return CorrectionSigners(
        [holder for holder in able if holder.role in _DECIDERS],
        [holder for holder in able if holder.role is Role.ADMIN],
    )


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
