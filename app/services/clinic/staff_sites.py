"""The sites at which a member of staff may do something."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.definitions.library import Library
from app.domain.plans.plan import Plan
from app.domain.records.access import Actor, Permission
from app.services.core.context import StaffContext
from app.storage.database.plain_reads import PlainRead
from app.storage.tables.studies import PlanAmendment, Site, Study


@dataclass(frozen=True, slots=True)
class StaffSite:
    """A site that a colleague may see, with its study's plan; `earlier` are the versions that it followed
    before, the newest first.
    """

    site_id: int
    code: str
    name: str
    zone: str
    study: str
    plan_version: str
    study_id: int
    closed_at: datetime | None = None
    earlier: tuple[str, ...] = ()

    def list_plans(self, library: Library) -> tuple[Plan, ...]:
        """Every version of its plan that the study has followed, the present one first."""
        return tuple(library.get_plan(self.study, version) for version in (self.plan_version, *self.earlier))


_COLUMNS: list[Any] = [
    col(Site.id),
    col(Site.code),
    col(Site.name),
    col(Site.zone),
    col(Study.code).label("study"),
    col(Study.plan_version),
    col(Site.study_id),
    col(Site.closed_at),
    col(PlanAmendment.from_version),
]
REACHED_SITES = (
    sa.select(*_COLUMNS)
    .join(Study, col(Study.id) == col(Site.study_id))
    .outerjoin(PlanAmendment, col(PlanAmendment.study_id) == col(Study.id))
    .where(
        sa.or_(
            col(Site.study_id).in_(sa.bindparam("studies", expanding=True)),
            col(Site.id).in_(sa.bindparam("sites", expanding=True)),
        )
    )
)
SITE_ORDER: tuple[Any, ...] = (col(Study.code), col(Site.code), col(PlanAmendment.id).desc())
"""By study and code, and for each of them the newest amendment of its plan first."""
_SITES = PlainRead(REACHED_SITES.order_by(*SITE_ORDER))


def list_staff_sites(
    connection: Connection, actor: Actor, permission: Permission = Permission.PARTICIPANT_SEE
) -> tuple[StaffSite, ...]:
    """The sites at which this member of staff may do this, by study and code."""
    values = name_reach(actor, permission)
    return fold_sites(_SITES.fetch(connection, values)) if any(values.values()) else ()


def name_reach(actor: Actor, permission: Permission) -> dict[str, list[int]]:
    """The studies and the sites that this permission reaches, by the names of the parameters."""
    reach = actor.list_reach(permission)
    studies = [study for study, site in reach if site is None]
    return {"studies": studies, "sites": [site for _study, site in reach if site is not None]}


def fold_sites(rows: Iterable[Sequence[Any]]) -> tuple[StaffSite, ...]:
    """Each site once, of rows of `REACHED_SITES` in `SITE_ORDER`."""
    sites: dict[int, StaffSite] = {}
    for *columns, earlier in rows:
        site = sites.setdefault(columns[0], StaffSite(*columns))
        if earlier:
            sites[site.site_id] = replace(site, earlier=(*site.earlier, earlier))
    return tuple(sites.values())


def list_enrolment_sites(context: StaffContext) -> tuple[StaffSite, ...]:
    """The sites at which this member of staff enrols, also those that are closed to it."""
    with context.read_plainly() as connection:
        return list_staff_sites(connection, context.actor, Permission.PARTICIPANT_ENROL)


def list_reached_sites(context: StaffContext, study_id: int, permission: Permission) -> tuple[StaffSite, ...]:
    """The sites of one study that a permission of whoever asks reaches, as `list_study_sites`."""
    with context.read_plainly() as connection:
        return list_study_sites(connection, context.actor, study_id, permission)


def list_study_sites(
    connection: Connection, actor: Actor, study_id: int, permission: Permission
) -> tuple[StaffSite, ...]:
    """The sites of one study that a permission of this actor reaches, by which its lists can be narrowed."""
    return tuple(
        site for site in list_staff_sites(connection, actor, permission) if site.study_id == study_id
    )
