"""Open requests of participants as site staff see and close them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.list_cursor import ListCursor
from app.domain.records.access import Actor, Permission
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused
from app.domain.typed_text import trim_words
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.clinic.today.contact_log import read_last_reached
from app.services.core.context import StaffContext
from app.storage.queries.corrections import find_forms_in_correction
from app.storage.queries.key_lists import lies_after
from app.storage.queries.participants import find_deceased
from app.storage.row_changes import participant_chain
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant, TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study

LISTED = 100
"""Open requests shown at a time, the oldest first."""
_REQUEST = table_of(TeamRequest)


_CLOSE = Permission.REQUEST_CLOSE
_PARTICIPANT = table_of(Participant).alias("who")
# A look-up for each open request, of which there are few, and never a walk through the participants.
_THEIRS = sa.exists().where(
    _PARTICIPANT.c.id == _REQUEST.c.participant_id,
    sa.or_(
        _PARTICIPANT.c.study_id.in_(sa.bindparam("studies", expanding=True)),
        _PARTICIPANT.c.site_id.in_(sa.bindparam("sites", expanding=True)),
    ),
)
_OPEN_THERE = (_REQUEST.c.closed_at.is_(None), _THEIRS)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """One open request as staff see it; a call has no form, nor has one that would tell the arm.

    `proposed`: a correction of the form waits for its signature already. `reached`: somebody spoke to them
    since they asked.
    """

    request_id: int
    kind: TeamRequestKind
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
    died: bool = False
    proposed: bool = False
    reached: bool = False


@dataclass(frozen=True, slots=True)
class RequestList:
    """The sites at which a colleague may close requests, and the open ones of one site or of all."""

    sites: tuple[StaffSite, ...]
    requests: tuple[OpenRequest, ...]


def list_open_requests(context: StaffContext) -> tuple[OpenRequest, ...]:
    """The open requests at this colleague's sites, oldest first: one more than `LISTED` if there are."""
    with context.read() as session:
        return _list_requests(session, context, "", None)


def read_request_list(context: StaffContext, site: str, after: ListCursor | None) -> RequestList:
    """The list of requests of the site of this code ("" for all), from a cursor on, with the sites."""
    with context.read() as session:
        sites = list_staff_sites(session.connection(), context.actor, _CLOSE)
        return RequestList(tuple(sites), _list_requests(session, context, site, after))


def _list_requests(
    session: Session, context: StaffContext, site: str, after: ListCursor | None
) -> tuple[OpenRequest, ...]:
    studies, sites = _reach(context.actor)
    bounds = {"studies": studies, "sites": sites}
    narrowed = [col(Site.code) == site] if site else []
    if after is not None:
        position = (col(TeamRequest.asked_at), after.at, False), (col(TeamRequest.id), after.key, False)
        narrowed.append(lies_after(*position))
    statement = (
        sa.select(TeamRequest, Participant, Site, col(Study.code), Slot)
        .join(Participant, col(Participant.id) == col(TeamRequest.participant_id))
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .outerjoin(Slot, col(Slot.id) == col(TeamRequest.slot_id))
        .where(*_OPEN_THERE, *narrowed)
        .order_by(col(TeamRequest.asked_at), col(TeamRequest.id))
        .limit(LISTED + 1)
    )
    rows = session.execute(statement, bounds).all()
    dead = find_deceased(session, [row.Participant.id for row in rows])
    corrected = find_forms_in_correction(session, {row.Slot.id for row in rows if row.Slot})
    reached = read_last_reached(session, [row.Participant.id for row in rows])
    requests = [_describe(context, *row, died=row.Participant.id in dead) for row in rows]
    return tuple(
        replace(
            request,
            proposed=bool(request.slot) and row.Slot.id in corrected,
            reached=_was_reached(row.TeamRequest, reached),
        )
        for request, row in zip(requests, rows, strict=True)
    )


def close_request(context: StaffContext, request_id: int, outcome: str) -> None:
    """Close a request with what came of it; the participant may then ask again.

    A request for a call is closed by a contact that reached them since, as on the work list, unless they
    died. Raises Refused: "unknown_request" (also for another site's), "request_closed", "call_not_logged",
    and "outcome_needed" for a correction without one (COR-04), or a call that nobody can make any more.
    """
    outcome = trim_words(outcome)
    with context.unit_of_work() as work:
        row = work.session.get(TeamRequest, request_id)
        participant = work.session.get_one(Participant, row.participant_id) if row else None
        if (
            row is None
            or participant is None
            or not context.actor.may(_CLOSE, participant.study_id, participant.site_id)
        ):
            raise Refused("unknown_request")
        chain = participant_chain(row.participant_id)
        work.lock(chain)
        if row.closed_at is not None:
            raise Refused("request_closed")
        reached = _was_reached(row, read_last_reached(work.session, [participant.id]))
        if (
            row.kind is TeamRequestKind.call
            and not reached
            and not find_deceased(work.session, [participant.id])
        ):
            raise Refused("call_not_logged")
        if not outcome and not reached:
            raise Refused("outcome_needed", field="outcome")
        row.closed_at, row.closed_by, row.outcome = context.at, context.actor.id, outcome or None
        work.record(AuditEvent.REQUEST_CLOSED, chain, reason=outcome or None)


def _was_reached(row: TeamRequest, reached: Mapping[int, datetime]) -> bool:
    """Whether somebody spoke to them since they asked for a call."""
    last = reached.get(row.participant_id)
    return row.kind is TeamRequestKind.call and last is not None and last >= row.asked_at


def _reach(actor: Actor) -> tuple[list[int], list[int]]:
    """The studies of which they may close every request, and the single sites."""
    reach = actor.list_reach(_CLOSE)
    sites = [site for _study, site in reach if site is not None]
    return [study for study, site in reach if site is None], sites


def _describe(
    context: StaffContext,
    row: TeamRequest,
    participant: Participant,
    site: Site,
    study: str,
    slot: Slot | None,
    *,
    died: bool,
) -> OpenRequest:
    entry = OpenRequest(
        request_id=row.id,
        kind=row.kind,
        participant=participant.public_id,
        subject=participant.subject,
        site=site.name,
        zone=participant.zone,
        asked_at=row.asked_at,
        died=died,
    )
    if slot is None or _hidden(context, study, slot):
        return entry
    return replace(
        entry,
        study=study,
        slot=slot.public_id,
        instrument=(slot.instrument, slot.instrument_version),
        visit=slot.visit,
        for_day=slot.for_day,
    )


def _hidden(context: StaffContext, study: str, slot: Slot) -> bool:
    """Whether the very form would tell this colleague the arm."""
    plan = context.installation.library.get_plan(study, slot.plan_version)
    return slot.arm_revealing and not sees_arm(context.actor, plan, slot.study_id, slot.site_id)
