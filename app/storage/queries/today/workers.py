"""Who may work the list of today, and at which sites of a study: to whom participants can be assigned."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from app.domain.records.access import ROLE_PERMISSIONS, Permission, Role
from app.storage.queries.slots import code_literal
from app.storage.queries.staff import IS_ABLE, GrantRules, grant_may_last
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Site, Study

WORKING_ROLES = tuple(role for role in Role if Permission.CONTACT_LOG in ROLE_PERMISSIONS[role])
"""The roles that work the list: who has none of them sees it at most."""


class WorkerGrant(NamedTuple):
    """A role that works the list, at a site (None: at all of the study), of somebody who can sign in."""

    grant_id: int
    staff_id: int
    name: str
    study_id: int
    site_id: int | None
    ends_on: date | None
    zone: str | None
    study: str
    plan_version: str


_COLUMNS: list[Any] = [
    *(col(RoleGrant.id), col(Staff.id).label("staff"), col(Staff.name)),
    *(col(RoleGrant.study_id), col(RoleGrant.site_id), col(RoleGrant.ends_on)),
    *(col(Site.zone), col(Study.code), col(Study.plan_version)),
]
_OF_SITES = sa.select(col(Site.study_id)).where(col(Site.id).in_(sa.bindparam("sites", expanding=True)))
_ABLE = (
    sa.select(*_COLUMNS)
    .join_from(RoleGrant, Staff, col(Staff.id) == col(RoleGrant.staff_id))
    .join(Study, col(Study.id) == col(RoleGrant.study_id))
    .outerjoin(Site, col(Site.id) == col(RoleGrant.site_id))
    .where(
        col(RoleGrant.role).in_([code_literal(role) for role in WORKING_ROLES]),
        grant_may_last(sa.bindparam("earliest_day", type_=sa.Date)),
        *IS_ABLE,
    )
)
WORKER_GRANTS = _ABLE.where(
    sa.or_(
        col(RoleGrant.study_id).in_(sa.bindparam("studies", expanding=True)),
        col(RoleGrant.study_id).in_(_OF_SITES),
    )
)
"""The grants of whoever works the list in these studies or those of these sites; `keep_lasting` decides."""
_AT_SITE = _ABLE.where(
    col(RoleGrant.study_id) == sa.bindparam("study", type_=sa.Integer),
    sa.or_(
        col(RoleGrant.site_id).is_(None), col(RoleGrant.site_id) == sa.bindparam("site", type_=sa.Integer)
    ),
)


def keep_lasting(grants: Iterable[WorkerGrant], rules: GrantRules) -> tuple[WorkerGrant, ...]:
    """The grants whose last day is not over where they count."""
    return tuple(
        grant
        for grant in grants
        if not rules.has_ended(grant.ends_on, grant.zone, grant.study, grant.plan_version)
    )


def name_workers(grants: Iterable[WorkerGrant], site_id: int) -> dict[int, str]:
    """Who of them works the list at this site, by number, in the order of their names."""
    here = {grant.staff_id: grant.name for grant in grants if grant.site_id in (None, site_id)}
    return dict(sorted(here.items(), key=lambda item: (item[1], item[0])))


def find_workers(connection: Connection, study_id: int, site_id: int, rules: GrantRules) -> dict[int, str]:
    """Who works the list at a site of a study, by number, in the order of their names."""
    values = {"study": study_id, "site": site_id, "earliest_day": rules.earliest_day}
    grants = [WorkerGrant(*row) for row in connection.execute(_AT_SITE, values)]
    return name_workers(keep_lasting(grants, rules), site_id)


def find_names_of(session: Session, staff_ids: Collection[int]) -> Mapping[int, str]:
    """The names of these members of staff, whatever became of them."""
    if not staff_ids:
        return {}
    rows = session.execute(sa.select(col(Staff.id), col(Staff.name)).where(col(Staff.id).in_(staff_ids)))
    return {row.id: row.name for row in rows}
