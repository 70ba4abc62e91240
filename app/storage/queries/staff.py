"""Grants in force, and who administers a study."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.access import Grant, Role, read_staff_number
from app.domain.refusal import Refused
from app.storage.tables.staff import RoleGrant, Staff, StaffLink


def last_day_of(at: datetime) -> date:
    """The day whose end ends the grants of that day: grants are counted in days of UTC."""
    return at.astimezone(UTC).date()


def grant_in_force(today: date | sa.BindParameter[date]) -> sa.ColumnElement[bool]:
    """Whether a row of `role_grant` is neither revoked nor past its last day."""
    return sa.and_(
        col(RoleGrant.revoked_at).is_(None),
        sa.or_(col(RoleGrant.ends_on).is_(None), col(RoleGrant.ends_on) >= today),
    )


def list_grants(session: Session, staff_id: int, today: date) -> tuple[Grant, ...]:
    """The grants of an account that are in force on a day."""
    return tuple(
        Grant(row.role, row.study_id, row.site_id) for row in list_grant_rows(session, staff_id, today)
    )


def list_grant_rows(session: Session, staff_id: int, today: date) -> Sequence[RoleGrant]:
    """The grants of an account that are in force on a day, as they are stored, oldest first."""
    statement = select(RoleGrant).where(RoleGrant.staff_id == staff_id, grant_in_force(today))
    return session.exec(statement.order_by(col(RoleGrant.id))).all()


def list_site_staff(
    session: Session, study_id: int, site_id: int, roles: Collection[Role], at: datetime
) -> Sequence[int]:
    """The accounts with one of these roles at a site, or at all of the study, that are able to sign in."""
    statement = (
        sa.select(col(Staff.id))
        .join(RoleGrant, col(RoleGrant.staff_id) == col(Staff.id))
        .where(
            col(RoleGrant.study_id) == study_id,
            sa.or_(col(RoleGrant.site_id).is_(None), col(RoleGrant.site_id) == site_id),
            col(RoleGrant.role).in_(roles),
            grant_in_force(last_day_of(at)),
            col(Staff.disabled_at).is_(None),
            col(Staff.password_hash) != "",
        )
        .distinct()
        .order_by(col(Staff.id))
    )
    return session.execute(statement).scalars().all()


def get_staff_by_address(session: Session, address: str) -> Staff:
    """The account of an e-mail address, as it is looked up; raises Refused("unknown_staff")."""
    staff = session.exec(select(Staff).where(Staff.email == address)).one_or_none()
    if staff is None:
        raise Refused("unknown_staff", email=address)
    return staff


def find_staff_names(session: Session, actor_ids: Iterable[str]) -> Mapping[str, str]:
    """The names of members of staff by what the trail calls them; nobody else has one here."""
    numbers = {number: each for each in actor_ids if (number := read_staff_number(each)) is not None}
    found = session.execute(sa.select(col(Staff.id), col(Staff.name)).where(col(Staff.id).in_(numbers)))
    return {numbers[row.id]: row.name for row in found}


def list_unused_links(session: Session, staff_id: int) -> Sequence[StaffLink]:
    """The links of an account that were neither used nor revoked, whether or not their time is over."""
    unused = (col(StaffLink.used_at).is_(None), col(StaffLink.revoked_at).is_(None))
    return session.exec(select(StaffLink).where(StaffLink.staff_id == staff_id, *unused)).all()


def has_other_admin(session: Session, study_id: int, staff_id: int, today: date) -> bool:
    """Whether somebody else administers the whole study, without an end, and is able to sign in."""
    other = sa.exists().where(
        col(RoleGrant.study_id) == study_id,
        col(RoleGrant.role) == Role.ADMIN,
        col(RoleGrant.site_id).is_(None),
        col(RoleGrant.staff_id) != staff_id,
        grant_in_force(today),
        col(RoleGrant.ends_on).is_(None),
        col(Staff.id) == col(RoleGrant.staff_id),
        col(Staff.disabled_at).is_(None),
        col(Staff.password_hash) != "",
        col(Staff.totp_sealed) != "",
    )
    return bool(session.execute(sa.select(other)).scalar())
