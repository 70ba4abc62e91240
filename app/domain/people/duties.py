"""Which roles one person may hold together, and which end by themselves."""

from collections.abc import Collection
from datetime import date, timedelta

from app.domain.records.access import Grant, Role
from app.domain.refusal import Refused

ENDING_ROLES = frozenset({Role.MONITOR})
"""Roles of people who come from outside to read: each of their grants ends by itself (INV-06)."""
LONGEST_VISIT = timedelta(days=366)
"""How long such a grant lasts at most, and without a day of its own."""


def check_separation(in_force: Collection[Grant], granted: Grant) -> None:
    """Separation of duties: refuse a grant that joins administration and conduct of a study (IAM-14).

    Raises Refused: "admin_conduct", "grant_exists" for what the person holds already.
    """
    of_study = [grant for grant in in_force if grant.study_id == granted.study_id]
    if any((grant.role is Role.ADMIN) is not (granted.role is Role.ADMIN) for grant in of_study):
        raise Refused("admin_conduct", field="role", role=granted.role.value)
    if any(grant.role is granted.role and grant.site_id in (None, granted.site_id) for grant in of_study):
        raise Refused("grant_exists", field="role")


def choose_last_day(role: Role, chosen: date | None, today: date) -> date | None:
    """The last day of a new grant, given `today` where it counts; None: it lasts until it is revoked.

    Raises Refused: "last_day_past", "last_day_too_late" for a role that ends, "admin_has_no_end".
    """
    latest = today + LONGEST_VISIT if role in ENDING_ROLES else None
    if chosen is None:
        return latest
    if role is Role.ADMIN:
        raise Refused("admin_has_no_end", field="ends_on")
    if chosen < today:
        raise Refused("last_day_past", field="ends_on", earliest=today)
    if latest is not None and chosen > latest:
        raise Refused("last_day_too_late", field="ends_on", latest=latest)
    return chosen
