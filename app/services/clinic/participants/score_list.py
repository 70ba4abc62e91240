"""Who has scores: participants with the newest form that was scored, for roles that see scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.desk.arm_blinding import sees_arm
from app.domain.records.access import Permission
from app.services.clinic.staff_sites import StaffSite, list_study_sites
from app.services.core.context import StaffContext
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot

PAGE = 50


@dataclass(frozen=True, slots=True)
class ScoredParticipant:
    """A participant and the newest form of theirs that has scores."""

    participant: str
    subject: str
    site: StaffSite
    visit: str
    instrument: str
    instrument_version: str
    submitted_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class ScoredList:
    """One page by code, the code after which the next begins ("" for none), and the sites to narrow it by."""

    rows: tuple[ScoredParticipant, ...] = ()
    after: str = ""
    sites: tuple[StaffSite, ...] = ()


def list_scored_participants(
    context: StaffContext, study_id: int, after: str = "", most: int = PAGE, site: str = ""
) -> ScoredList:
    """One page of the participants of a study, or of the site of this code, who have scores.

    Where the plan is blinded, forms that would reveal the arm are left out for whoever may not see it.
    """
    with context.read() as session:
        reached = list_study_sites(session.connection(), context.actor, study_id, Permission.SCORES_SEE)
        sites = [reached_site for reached_site in reached if site in ("", reached_site.code)]
        rows, further = _read_page(context, session, sites, after, most) if sites else ((), "")
        return ScoredList(rows, further, reached)


def _read_page(
    context: StaffContext, session: Session, sites: list[StaffSite], after: str, most: int
) -> tuple[tuple[ScoredParticipant, ...], str]:
    by_id = {site.site_id: site for site in sites}
    reached = sa.and_(col(Participant.site_id).in_(by_id), col(Participant.subject) > after)
    newest_forms = (
        _rank_forms(context, sites)
        .join(Participant, col(Participant.id) == col(Slot.participant_id))
        .where(reached)
    )
    ranked = newest_forms.subquery()
    statement = (
        sa.select(Participant, ranked)
        .join(ranked, ranked.c.person == col(Participant.id))
        .where(ranked.c.rank == 1)
        .order_by(col(Participant.subject))
        .limit(most + 1)
    )
    rows = session.execute(statement).all()
    page = tuple(
        ScoredParticipant(
            participant=row.Participant.public_id,
            subject=row.Participant.subject,
            site=by_id[row.Participant.site_id],
            visit=row.visit,
            instrument=row.instrument,
            instrument_version=row.instrument_version,
            submitted_at=row.submitted_at,
            zone=row.Participant.zone,
        )
        for row in rows[:most]
    )
    return page, page[-1].subject if page and len(rows) > most else ""


def _rank_forms(context: StaffContext, sites: Sequence[StaffSite]) -> sa.Select[Any]:
    """Every scored form of these sites' study that was sent, the newest of each participant first."""
    library = context.installation.library
    plan = library.get_plan(sites[0].study, sites[0].plan_version)
    scored = [name for (name, _version), instrument in library.instruments.items() if instrument.scales]
    sees = sees_arm(context.actor, plan, sites[0].study_id, *(site.site_id for site in sites))
    newest = sa.func.row_number().over(
        partition_by=col(Slot.participant_id),
        order_by=(col(Slot.submitted_at).desc(), col(Slot.id).desc()),
    )
    return sa.select(
        col(Slot.participant_id).label("person"),
        col(Slot.visit),
        col(Slot.instrument),
        col(Slot.instrument_version),
        col(Slot.submitted_at),
        newest.label("rank"),
    ).where(
        col(Slot.submitted_at).is_not(None),
        col(Slot.for_day).is_(None),
        col(Slot.instrument).in_(scored),
        ~col(Slot.arm_revealing) if not sees else sa.true(),
    )
