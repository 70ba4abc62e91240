"""Granting and revoking roles, disabling and enabling accounts, by an administrator; effective at once."""

from datetime import date

from sqlmodel import select

from app.domain.people.names import parse_reason
from app.domain.records.access import Permission, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_address
from app.services.core.context import StaffContext
from app.services.people.managed_people import (
    get_managed_person,
    get_permitted_study,
    require_whole_account,
)
from app.services.setup.staff_duties import is_self, require_manager
from app.services.setup.studies import choose_grant_end, disable_staff, enable_staff, grant_role
from app.storage.queries.staff import has_other_admin
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Study


def grant_to_person(
    context: StaffContext,
    staff_id: int,
    role: Role,
    study: str,
    site: str | None,
    ends_on: date | None,
    reason: str,
) -> None:
    """Give one more role to somebody whom the caller manages.

    Raises Refused: "unknown_staff", or as `parse_reason` and `grant_role`.
    """
    get_managed_person(context, staff_id)
    _require_study(context, study)
    grant_role(context, staff_id, role, study, site, ends_on, parse_reason(reason))


def grant_to_address(
    context: StaffContext,
    email: str,
    role: Role,
    study: str,
    site: str | None,
    ends_on: date | None,
    reason: str,
) -> int:
    """Give a role to the person of an address who has an account already; returns the account's number.

    Raises Refused: "no_account", or as `parse_reason` and `grant_role`.
    """
    reason = parse_reason(reason)
    _require_study(context, study)
    staff_id = find_account(context, email)
    grant_role(context, staff_id, role, study, site, ends_on, reason)
    return staff_id


def find_account(context: StaffContext, email: str) -> int:
    """The number of the account that has this address. Raises Refused("no_account")."""
    with context.read() as session:
        account = session.exec(select(Staff.id).where(Staff.email == narrow_address(email))).one_or_none()
    if account is None:
        raise Refused("no_account", field="email")
    return account


def check_grant(
    context: StaffContext, role: str, study: str, site: str | None, ends_on: date | None, reason: str
) -> None:
    """Every field of a new role by itself: "role_needed", or as `choose_grant_end` and `parse_reason`."""
    check_all(lambda: _check_role(context, role, study, site, ends_on), lambda: parse_reason(reason))


def _check_role(context: StaffContext, role: str, study: str, site: str | None, ends_on: date | None) -> None:
    if role not in tuple(Role):
        raise Refused("role_needed", field="role")
    choose_grant_end(context, Role(role), ends_on, study, site)


def revoke_grant(context: StaffContext, staff_id: int, grant_id: int, reason: str) -> None:
    """Take a role back at once (IAM-06).

    Raises Refused: "unknown_grant", "own_grant", "grant_ended", "last_admin", or as `parse_reason` and
    `require_manager`.
    """
    reason = parse_reason(reason)
    get_managed_person(context, staff_id)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        grant = work.session.get(RoleGrant, grant_id)
        if grant is None or grant.staff_id != staff_id:
            raise Refused("unknown_grant")
        if is_self(context, staff_id):
            raise Refused("own_grant")
        require_manager(context, grant.study_id, grant.site_id)
        if grant.revoked_at is not None:
            raise Refused("grant_ended")
        if grant.role is Role.ADMIN and grant.site_id is None:
            study = work.session.get_one(Study, grant.study_id)
            if not has_other_admin(work.session, grant.study_id, staff_id):
                raise Refused("last_admin", study=study.code)
        grant.revoked_at = context.at
        work.record(AuditEvent.ROLE_REVOKED, INSTALLATION_CHAIN, reason=reason)


def disable_person(context: StaffContext, staff_id: int, reason: str) -> None:
    """Disable an account at once. Raises as `require_whole_account` and `disable_staff`."""
    with context.unit_of_work() as work:
        person = require_whole_account(context, work, staff_id)
        disable_staff(context.join_work(work), person.email, reason)


def enable_person(context: StaffContext, staff_id: int, reason: str) -> None:
    """Enable a disabled account for the same person. Raises as `require_whole_account` and `enable_staff`."""
    with context.unit_of_work() as work:
        person = require_whole_account(context, work, staff_id)
        enable_staff(context.join_work(work), person.email, reason)


def _require_study(context: StaffContext, study: str) -> None:
    with context.read() as session:
        get_permitted_study(session, context.actor, study, Permission.STAFF_MANAGE)
