"""The people whom an administrator sees, and what they may do with their accounts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.access import Actor, Permission, Role
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.second_factor.passkeys import count_passkeys
from app.services.setup.staff_duties import is_self
from app.storage.queries.staff import GrantRules, list_grants
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import RoleGrant, Staff, StaffLink, StaffSession
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

STALE_DAYS = 90
"""An account that nobody used for so long is pointed out at a review (IAM-07)."""


@dataclass(frozen=True, slots=True)
class StaffGrant:
    """A role that somebody has or had in a study; `site` is empty for the whole study."""

    grant_id: int
    role: Role
    study: str
    site: str
    granted_at: datetime
    granted_by: str
    ends_on: date | None
    revoked_at: datetime | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class StaffPerson:
    """An account as an administrator sees it. `link_until`: a link is out that was not used yet.

    `passkeys` can be used; `stopped_passkeys` cannot, since there may be copies of them.
    """

    staff_id: int
    email: str
    name: str
    language: str
    disabled_at: datetime | None
    has_password: bool
    has_second_factor: bool
    passkeys: int
    stopped_passkeys: int
    last_sign_in: datetime | None
    link_until: datetime | None
    created_at: datetime
    grants: Sequence[StaffGrant]

    @property
    def in_force(self) -> Sequence[StaffGrant]:
        """The grants that count now."""
        return [grant for grant in self.grants if grant.in_force]

    def is_stale(self, at: datetime) -> bool:
        """Whether nobody used the account for long."""
        return (at - (self.last_sign_in or self.created_at)).days > STALE_DAYS


def can_reach(actor: Actor, permission: Permission, study_id: int, site_id: int | None) -> bool:
    """Whether a permission reaches a grant's place; people of the whole study are seen from each site."""
    return actor.is_operator or any(
        study == study_id and (own is None or site_id in (None, own))
        for study, own in actor.list_reach(permission)
    )


def list_study_people(
    context: StaffContext, study: str, permission: Permission = Permission.STAFF_MANAGE
) -> tuple[StaffPerson, ...]:
    """Everybody who has or had a role in a study, by name, with the roles there that the caller may see.

    Raises Refused("unknown_study") also for a study in which the caller may not look.
    """
    with context.read() as session:
        row = get_permitted_study(session, context.actor, study, permission)
        grants = _read_grants(session, context, permission, col(RoleGrant.study_id) == row.id)
        return _describe(session, context.grant_rules, grants)


def get_managed_person(context: StaffContext, staff_id: int) -> StaffPerson:
    """An account that has or had a role where the caller manages staff; any account for the operator.

    Raises Refused("unknown_staff").
    """
    with context.read() as session:
        where = col(RoleGrant.staff_id) == staff_id
        grants = _read_grants(session, context, Permission.STAFF_MANAGE, where)
        people = _describe(
            session, context.grant_rules, grants, {staff_id} if context.actor.is_operator else ()
        )
    if not people:
        raise Refused("unknown_staff")
    return people[0]


def require_whole_account(context: StaffContext, work: UnitOfWork, staff_id: int) -> StaffPerson:
    """Require that all of an account is the caller's to manage, and that it is not their own.

    It waits in line with all that changes accounts first: no role is given between this and what follows
    in the same transaction. Raises Refused: "unknown_staff", "own_account", "works_elsewhere" for a person
    with a role in force where the caller does not manage staff.
    """
    work.lock(INSTALLATION_CHAIN)
    person = get_managed_person(context.join_work(work), staff_id)
    if is_self(context, staff_id):
        raise Refused("own_account")
    for grant in list_grants(work.session, staff_id, context.grant_rules):
        if not context.actor.may_administer(Permission.STAFF_MANAGE, grant.study_id, grant.site_id):
            raise Refused("works_elsewhere")
    return person


def get_permitted_study(session: Session, actor: Actor, code: str, permission: Permission) -> Study:
    """The study of this code, where this permission reaches; Refused("unknown_study") otherwise."""
    row = session.exec(select(Study).where(Study.code == code)).one_or_none()
    if row is None or not can_reach(actor, permission, row.id, None):
        raise Refused("unknown_study", study=code)
    return row


def list_permitted_studies(context: StaffContext, permission: Permission) -> tuple[str, ...]:
    """The codes of the studies in which this permission reaches."""
    reached = {study for study, _site in context.actor.list_reach(permission)}
    with context.read() as session:
        codes = select(Study.code).where(col(Study.id).in_(reached)).order_by(Study.code)
        return tuple(session.exec(codes))


@dataclass(frozen=True, slots=True)
class _StoredGrant:
    """A row of `role_grant` with the codes of its study and site, and what says where its days are read."""

    grant: RoleGrant
    study: str
    site: str | None
    site_zone: str | None
    plan_version: str

    def has_ended(self, rules: GrantRules) -> bool:
        """Whether its last day is over where it counts."""
        return rules.has_ended(self.grant.ends_on, self.site_zone, self.study, self.plan_version)


def _read_grants(
    session: Session, context: StaffContext, permission: Permission, where: sa.ColumnElement[bool]
) -> list[_StoredGrant]:
    statement = (
        sa.select(RoleGrant, col(Study.code), col(Site.code), col(Site.zone), col(Study.plan_version))
        .join(Study, col(Study.id) == col(RoleGrant.study_id))
        .outerjoin(Site, col(Site.id) == col(RoleGrant.site_id))
        .where(where)
        .order_by(col(RoleGrant.id))
    )
    rows = (_StoredGrant(*row) for row in session.execute(statement))
    return [
        row for row in rows if can_reach(context.actor, permission, row.grant.study_id, row.grant.site_id)
    ]


def _describe(
    session: Session, rules: GrantRules, grants: Sequence[_StoredGrant], requested: Collection[int] = ()
) -> tuple[StaffPerson, ...]:
    """The accounts of these grants, and those that were asked for whether they have any or not."""
    ids = {row.grant.staff_id for row in grants} | set(requested)
    accounts = session.exec(select(Staff).where(col(Staff.id).in_(ids))).all()
    signed_in = dict(_newest(session, col(StaffSession.staff_id), col(StaffSession.second_factor_at), ids))
    links = (col(StaffLink.used_at).is_(None), col(StaffLink.revoked_at).is_(None))
    waiting = dict(_newest(session, col(StaffLink.staff_id), col(StaffLink.expires_at), ids, *links))
    passkeys = count_passkeys(session, ids)
    people = []
    for row in accounts:
        until = waiting.get(row.id)
        people.append(
            StaffPerson(
                staff_id=row.id,
                email=row.email,
                name=row.name,
                language=row.language,
                disabled_at=row.disabled_at,
                has_password=bool(row.password_hash),
                has_second_factor=bool(row.totp_sealed),
                passkeys=passkeys[row.id, False],
                stopped_passkeys=passkeys[row.id, True],
                last_sign_in=signed_in.get(row.id),
                link_until=until if until is not None and until > rules.at else None,
                created_at=row.created_at,
                grants=[_grant(grant, rules) for grant in grants if grant.grant.staff_id == row.id],
            )
        )
    return tuple(sorted(people, key=lambda person: (person.disabled_at is not None, person.name)))


def _newest(
    session: Session,
    person: sa.orm.Mapped[int],
    moment: sa.orm.Mapped[datetime] | sa.orm.Mapped[datetime | None],
    ids: set[int],
    *where: sa.ColumnElement[bool],
) -> list[tuple[int, datetime]]:
    statement = sa.select(person, sa.func.max(moment)).where(person.in_(ids), *where).group_by(person)
    return [(row[0], row[1]) for row in session.execute(statement) if row[1] is not None]


def _grant(row: _StoredGrant, rules: GrantRules) -> StaffGrant:
    grant = row.grant
    return StaffGrant(
        grant_id=grant.id,
        role=grant.role,
        study=row.study,
        site=row.site or "",
        granted_at=grant.granted_at,
        granted_by=grant.granted_by,
        ends_on=grant.ends_on,
        revoked_at=grant.revoked_at,
        in_force=grant.revoked_at is None and not row.has_ended(rules),
    )
