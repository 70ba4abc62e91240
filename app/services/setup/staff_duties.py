"""Rules that hold for every change of accounts and grants, at the desk and at the command line."""

from sqlmodel import col, select

from app.domain.people.duties import check_separation
from app.domain.records.access import (
    ActorKind,
    Grant,
    Permission,
    read_staff_number,
    staff_actor,
)
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.storage.queries.staff import (
    has_other_admin,
    list_administered_studies,
    list_grants,
    list_unused_links,
)
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import RoleGrant, Staff, StaffSession
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork


def is_self(context: StaffContext, staff_id: int) -> bool:
    """Whether somebody is about to change their own account."""
    return context.actor.kind is ActorKind.STAFF and read_staff_number(context.actor.id) == staff_id


def require_manager(context: StaffContext, study_id: int, site_id: int | None) -> None:
    """Require administration of the site, or of the whole study; the operator needs none.

    Raises Refused("beyond_your_sites").
    """
    if not context.actor.may_administer(Permission.STAFF_MANAGE, study_id, site_id):
        raise Refused("beyond_your_sites", field="site")


def add_grant(context: StaffContext, work: UnitOfWork, staff_id: int, grant: RoleGrant) -> None:
    """Add a grant that is within the rules, while nobody else changes accounts.

    Raises Refused: "own_grant", "beyond_your_sites", "staff_disabled", "admin_conduct" (IAM-14),
    "grant_exists", or as `_require_trusted_links`.
    """
    if is_self(context, staff_id):
        raise Refused("own_grant")
    require_manager(context, grant.study_id, grant.site_id)
    work.lock(INSTALLATION_CHAIN)
    if work.session.get_one(Staff, staff_id).disabled_at is not None:
        raise Refused("staff_disabled")
    _require_trusted_links(context, work, staff_id, grant)
    in_force = list_grants(work.session, staff_id, context.grant_rules)
    check_separation(in_force, Grant(grant.role, grant.study_id, grant.site_id))
    work.session.add(grant)
    work.session.flush()


def _require_trusted_links(context: StaffContext, work: UnitOfWork, staff_id: int, grant: RoleGrant) -> None:
    """Refuse a role while an unused link of the account is known to somebody who could not give that role.

    Whoever makes a link is shown it, and can choose with it what the account's owner should sign in with: so
    nobody may know a link of an account with roles that are beyond them. Whoever resets the account
    administers all of it; this keeps that true while the link is out. Raises Refused("sign_in_not_set_up").
    """
    for link in list_unused_links(work.session, staff_id):
        number = read_staff_number(link.issued_by)
        if number is None or is_self(context, number):
            continue
        issuer = staff_actor(number, list_grants(work.session, number, context.grant_rules))
        if not issuer.may(Permission.STAFF_MANAGE, grant.study_id, grant.site_id):
            raise Refused("sign_in_not_set_up")


def require_remaining_admin(work: UnitOfWork, staff_id: int) -> None:
    """Refuse to let the last administrator of a study go; Refused("last_admin") names the study.

    The caller holds the lock of the installation's chain.
    """
    for study_id in list_administered_studies(work.session, staff_id):
        if not has_other_admin(work.session, study_id, staff_id):
            raise Refused("last_admin", study=work.session.get_one(Study, study_id).code)


def end_sessions(work: UnitOfWork, staff_id: int, spared: str | None = None) -> int:
    """End every open session of an account but the `spared` one (its digest); returns how many."""
    opened = select(StaffSession).where(
        StaffSession.staff_id == staff_id, col(StaffSession.closed_at).is_(None)
    )
    ending = [row for row in work.session.exec(opened) if row.token_hash != spared]
    for row in ending:
        row.closed_at = work.at
    return len(ending)


def revoke_links(work: UnitOfWork, staff_id: int) -> None:
    """Revoke every unused link of an account."""
    for row in list_unused_links(work.session, staff_id):
        row.revoked_at = work.at
