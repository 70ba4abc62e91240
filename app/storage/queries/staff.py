"""Grants in force, and who administers a study."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.people.role_views import find_view
from app.domain.plans.plan import Plan
from app.domain.plans.windows import ONE_DAY, local_day
from app.domain.records.access import Grant, Role, read_staff_number
from app.domain.refusal import Refused
from app.storage.tables.staff import RoleGrant, Staff, StaffLink
from app.storage.tables.studies import Site, Study

_WHERE_GRANTS_COUNT = (col(Site.zone), col(Study.code), col(Study.plan_version))
"""What says in which zone the last day of a grant is read."""

_NOTHING: sa.ColumnElement[str] = sa.literal_column("''")
IS_ABLE = (
    col(Staff.disabled_at).is_(None),
    col(Staff.password_hash) != _NOTHING,
    col(Staff.totp_sealed) != _NOTHING,
)
"""Whether somebody is able to sign in: not before a link was used, nor while one is out after a reset."""


@dataclass(frozen=True, slots=True)
class GrantRules:
    """Whether a grant is in force at a moment, and what it lets see.

    A last day is read in the zone where the grant counts: that of its site, or of the study for all sites.
    `find_plan` gives the plan of a study by its code and the plan's version.
    """

    at: datetime
    find_plan: Callable[[str, str], Plan]

    @property
    def earliest_day(self) -> date:
        """A day that is over in no zone later than this moment: what ended before it is over everywhere."""
        return (self.at.astimezone(UTC) - ONE_DAY).date()

    def find_day(self, site_zone: str | None, study: str, version: str) -> date:
        """The day that it is where a grant counts."""
        return local_day(self.at, site_zone or self.find_plan(study, version).zone)

    def has_ended(self, ends_on: date | None, site_zone: str | None, study: str, version: str) -> bool:
        """Whether the last day of a grant is over where it counts."""
        return ends_on is not None and self.find_day(site_zone, study, version) > ends_on

    def make_grant(self, role: Role, study_id: int, site_id: int | None, study: str, version: str) -> Grant:
        """The role at that site, with what the study's plan lets it see."""
        views = find_view(self.find_plan(study, version).role_views, role)
        return Grant(role, study_id, site_id, views)


def grant_may_last(earliest_day: date | sa.BindParameter[date]) -> sa.ColumnElement[bool]:
    """Whether a row of `role_grant` is not revoked and may be in force: `GrantRules.has_ended` decides."""
    return sa.and_(
        col(RoleGrant.revoked_at).is_(None),
        sa.or_(col(RoleGrant.ends_on).is_(None), col(RoleGrant.ends_on) >= earliest_day),
    )


def list_grants(session: Session, staff_id: int, rules: GrantRules) -> tuple[Grant, ...]:
    """The grants of an account that are in force at a moment."""
    return tuple(
        rules.make_grant(row.role, row.study_id, row.site_id, study, version)
        for row, study, version in _read_grants(session, staff_id, rules)
    )


def list_grant_rows(session: Session, staff_id: int, rules: GrantRules) -> Sequence[RoleGrant]:
    """The grants of an account that are in force at a moment, as they are stored, oldest first."""
    return [row for row, _study, _version in _read_grants(session, staff_id, rules)]


def _read_grants(session: Session, staff_id: int, rules: GrantRules) -> Sequence[tuple[RoleGrant, str, str]]:
    """The grants with the code and the plan's version of their study."""
    statement = (
        sa.select(RoleGrant, *_WHERE_GRANTS_COUNT)
        .join(Study, col(Study.id) == col(RoleGrant.study_id))
        .outerjoin(Site, col(Site.id) == col(RoleGrant.site_id))
        .where(col(RoleGrant.staff_id) == staff_id, grant_may_last(rules.earliest_day))
        .order_by(col(RoleGrant.id))
    )
    rows = session.execute(statement)
    return [(row, *study) for row, zone, *study in rows if not rules.has_ended(row.ends_on, zone, *study)]


def list_site_staff(
    session: Session, study_id: int, site_id: int, roles: Collection[Role], rules: GrantRules
) -> Sequence[int]:
    """The accounts with one of these roles at a site, or at all of the study, that are able to sign in."""
    able = find_able_staff(session, study_id, roles, rules)
    return sorted({holder.staff_id for holder in able if holder.site_id in (None, site_id)})


class AbleStaff(NamedTuple):
    """A role in force of somebody who is able to sign in, at a site (None: at all of the study)."""

    staff_id: int
    name: str
    role: Role
    site_id: int | None


def find_able_staff(
    session: Session, study_id: int, roles: Collection[Role], rules: GrantRules
) -> Sequence[AbleStaff]:
    """Who has one of these roles in a study and is able to sign in, a row for each role, by name."""
    statement = (
        sa.select(
            *(col(Staff.id), col(Staff.name), col(RoleGrant.role), col(RoleGrant.site_id)),
            *(col(RoleGrant.ends_on), *_WHERE_GRANTS_COUNT),
        )
        .join_from(RoleGrant, Staff, col(Staff.id) == col(RoleGrant.staff_id))
        .join(Study, col(Study.id) == col(RoleGrant.study_id))
        .outerjoin(Site, col(Site.id) == col(RoleGrant.site_id))
        .where(
            col(RoleGrant.study_id) == study_id,
            col(RoleGrant.role).in_(roles),
            grant_may_last(rules.earliest_day),
            *IS_ABLE,
        )
        .order_by(col(Staff.name), col(RoleGrant.id))
    )
    rows = session.execute(statement)
    return [
        AbleStaff(*able)
        for *able, ends_on, zone, code, plan in rows
        if not rules.has_ended(ends_on, zone, code, plan)
    ]


def get_staff_by_address(session: Session, address: str) -> Staff:
    """The account of an e-mail address, as it is looked up; raises Refused("unknown_staff")."""
    staff = session.exec(select(Staff).where(Staff.email == address)).one_or_none()
    if staff is None:
        raise Refused("unknown_staff", email=address)
    return staff


def find_staff_names(session: Session, actor_ids: Iterable[str]) -> Mapping[str, str]:
    """The names of members of staff by what the trail calls them; nobody else has one here."""
    numbers = {
        number: actor_id for actor_id in actor_ids if (number := read_staff_number(actor_id)) is not None
    }
    rows = session.execute(sa.select(col(Staff.id), col(Staff.name)).where(col(Staff.id).in_(numbers)))
    return {numbers[row.id]: row.name for row in rows}


def list_unused_links(session: Session, staff_id: int) -> Sequence[StaffLink]:
    """The links of an account that were neither used nor revoked, whether or not their time is over."""
    unused = (col(StaffLink.used_at).is_(None), col(StaffLink.revoked_at).is_(None))
    return session.exec(select(StaffLink).where(StaffLink.staff_id == staff_id, *unused)).all()


def list_administered_studies(session: Session, staff_id: int) -> Sequence[int]:
    """The studies of which somebody administers all: such a role has no last day."""
    statement = sa.select(col(RoleGrant.study_id)).where(
        col(RoleGrant.staff_id) == staff_id,
        col(RoleGrant.role) == Role.ADMIN,
        col(RoleGrant.site_id).is_(None),
        col(RoleGrant.revoked_at).is_(None),
    )
    return session.execute(statement.order_by(col(RoleGrant.id))).scalars().all()


def has_other_admin(session: Session, study_id: int, staff_id: int) -> bool:
    """Whether somebody else administers the whole study, without an end, and is able to sign in."""
    other = sa.exists().where(
        col(RoleGrant.study_id) == study_id,
        col(RoleGrant.role) == Role.ADMIN,
        col(RoleGrant.site_id).is_(None),
        col(RoleGrant.staff_id) != staff_id,
        col(RoleGrant.revoked_at).is_(None),
        col(RoleGrant.ends_on).is_(None),
        col(Staff.id) == col(RoleGrant.staff_id),
        *IS_ABLE,
    )
    return bool(session.execute(sa.select(other)).scalar())
