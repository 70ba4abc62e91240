"""What participants ask of their team: to be called, or to have a form that they sent corrected.

Nobody edits what was sent (COR-01): a request goes to the nurse's list, where it is closed with what
came of it. One of each kind (and form) is open at a time, so that asking twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.capture import own_slot
from app.services.entry import Visitor
from app.services.installation import Installation
from app.storage.changes import chain_of_participant
from app.storage.columns import table_of
from app.storage.people import Participant, ParticipantRequest, RequestKind
from app.storage.schedule import Slot
from app.storage.study import Site, Study
from app.storage.unit_of_work import UnitOfWork

LISTED = 100
"""Open requests shown at a time, the oldest first."""
_REQUEST = table_of(ParticipantRequest)


_CLOSE = Permission.REQUEST_CLOSE
_WHO = table_of(Participant).alias("who")
# A look-up for each open request, of which there are few, and never a walk through the participants.
_THEIRS = sa.exists().where(
    _WHO.c.id == _REQUEST.c.participant_id,
    sa.or_(
        _WHO.c.study_id.in_(sa.bindparam("studies", expanding=True)),
        _WHO.c.site_id.in_(sa.bindparam("sites", expanding=True)),
    ),
)
_OPEN_THERE = (_REQUEST.c.closed_at.is_(None), _THEIRS)
_COUNT = sa.select(sa.func.count()).select_from(_REQUEST).where(*_OPEN_THERE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One open request as staff see it; a call has no form, nor has one that would tell the arm."""

    request_id: int
    kind: RequestKind
    participant: str
    subject: str
    site: str
    zone: str
    asked_at: datetime
    study: str = ""
    slot: str = ""
    instrument: tuple[str, str] | None = None
    visit: str = ""
    for_day: date | None = None


def ask_for_call(installation: Installation, visitor: Visitor, at: datetime) -> None:
    """Ask the team to call; whoever has asked already has only asked once."""
    with installation.work(visitor.actor, at) as work:
        _ask(work, visitor, RequestKind.call, None, Event.CALL_REQUESTED)


def ask_for_correction(installation: Installation, visitor: Visitor, slot_id: str, at: datetime) -> None:
    """Say that something is wrong in a form of one's own that was sent (COR-02).

    Raises Refused("unknown_slot") for one that was not sent, and for anybody else's.
    """
    with installation.work(visitor.actor, at) as work:
        slot = own_slot(work.session, visitor, slot_id)
        if slot.submitted_at is None:
            raise Refused("unknown_slot")
        _ask(work, visitor, RequestKind.correction, slot.id, Event.CORRECTION_REQUESTED)


def called_for(installation: Installation, visitor: Visitor) -> datetime | None:
    """When this participant asked for the call that is still to come; None when there is none."""
    with installation.read() as session:
        found = session.exec(_open(visitor, RequestKind.call)).first()
    return found.asked_at if found else None


def corrections_asked(installation: Installation, visitor: Visitor) -> Mapping[int, datetime]:
    """The forms (by the key of their slot) with an open request for correction, and when it was made."""
    with installation.read() as session:
        found = session.exec(_open(visitor, RequestKind.correction)).all()
    return {row.slot_key: row.asked_at for row in found}


def count_requests(session: Session, actor: Actor) -> int:
    """How many requests are open at the sites where this colleague may close them: one query."""
    studies, sites = _places(actor)
    if not studies and not sites:
        return 0
    counted = session.connection().execute(_COUNT, {"studies": studies, "sites": sites})
    return int(counted.scalar_one())


def open_requests(installation: Installation, session: Session, actor: Actor) -> tuple[Asked, ...]:
    """The open requests at this colleague's sites, oldest first, at most `LISTED`."""
    studies, sites = _places(actor)
    bounds = {"studies": studies, "sites": sites}
    statement = (
        sa.select(ParticipantRequest, Participant, Site, col(Study.code), Slot)
        .join(Participant, col(Participant.id) == col(ParticipantRequest.participant_id))
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .outerjoin(Slot, col(Slot.id) == col(ParticipantRequest.slot_id))
        .where(*_OPEN_THERE)
        .order_by(col(ParticipantRequest.asked_at), col(ParticipantRequest.id))
        .limit(LISTED)
    )
    return tuple(_told(installation, actor, *row) for row in session.execute(statement, bounds))


def close_request(
    installation: Installation, actor: Actor, request_id: int, outcome: str, at: datetime
) -> None:
    """Close a request with what came of it; the participant may then ask again.

    Raises Refused: "unknown_request" (also for another site's), "request_closed", and
    "outcome_needed" for a correction without one (COR-04).
    """
    said = outcome.strip()
    with installation.work(actor, at) as work:
        found = work.session.get(ParticipantRequest, request_id)
        who = work.session.get_one(Participant, found.participant_id) if found else None
        if found is None or who is None or not actor.may(_CLOSE, who.study_id, who.site_id):
            raise Refused("unknown_request")
        chain = chain_of_participant(found.participant_id)
        work.lock(chain)
        if found.closed_at is not None:
            raise Refused("request_closed")
        if found.kind is RequestKind.correction and not said:
            raise Refused("outcome_needed", field="outcome")
        found.closed_at, found.closed_by, found.outcome = at, actor.id, said or None
        work.record(Event.REQUEST_CLOSED, chain, reason=said or None)


def _ask(work: UnitOfWork, visitor: Visitor, kind: RequestKind, slot: int | None, event: Event) -> None:
    chain = chain_of_participant(visitor.participant_id)
    work.lock(chain)
    wanted = _open(visitor, kind).where(ParticipantRequest.slot_key == (slot or 0))
    if work.session.exec(wanted).first() is not None:
        return
    work.session.add(
        ParticipantRequest(
            participant_id=visitor.participant_id,
            kind=kind,
            slot_id=slot,
            slot_key=slot or 0,
            asked_at=work.at,
        )
    )
    work.record(event, chain)


def _open(visitor: Visitor, kind: RequestKind) -> SelectOfScalar[ParticipantRequest]:
    return select(ParticipantRequest).where(
        ParticipantRequest.participant_id == visitor.participant_id,
        ParticipantRequest.kind == kind,
        col(ParticipantRequest.closed_at).is_(None),
    )


def _places(actor: Actor) -> tuple[list[int], list[int]]:
    """The studies of which they may close every request, and the single sites."""
    reach = actor.reach(_CLOSE)
    sites = [site for _study, site in reach if site is not None]
    return [study for study, site in reach if site is None], sites


def _told(
    installation: Installation,
    actor: Actor,
    row: ParticipantRequest,
    who: Participant,
    site: Site,
    study: str,
    slot: Slot | None,
) -> Asked:
    asked = Asked(row.id or 0, row.kind, who.public_id, who.subject, site.name, who.zone, row.asked_at)
    if slot is None or _hidden(installation, actor, study, slot):
        return asked
    return replace(
        asked,
        study=study,
        slot=slot.public_id,
        instrument=(slot.instrument, slot.instrument_version),
        visit=slot.visit,
        for_day=slot.for_day,
    )


def _hidden(installation: Installation, actor: Actor, study: str, slot: Slot) -> bool:
    """Whether the very form would tell this colleague the arm."""
    plan = installation.library.plan(study, slot.plan_version)
    sees = not plan.blinded or actor.may(Permission.ARM_SEE, slot.study_id, slot.site_id)
    return slot.arm_revealing and not sees
