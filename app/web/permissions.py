"""The one table of routes and who may call them; a test walks every route and every row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.access import Permission, Scope


class Caller(StrEnum):
    """Whom a route serves."""

    PUBLIC = "public"
    PARTICIPANT = "participant"
    STAFF_HALF = "staff_half"  # password given, second factor not yet
    STAFF = "staff"
    EDC = "edc"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route; `permission` or `scope` None means any signed-in caller of the kind."""

    caller: Caller
    permission: Permission | None = None
    scope: Scope | None = None


PUBLIC = Access(Caller.PUBLIC)
PARTICIPANT = Access(Caller.PARTICIPANT)
STAFF_HALF = Access(Caller.STAFF_HALF)


def staff(permission: Permission | None = None) -> Access:
    """A signed-in member of staff, with this permission at the site concerned."""
    return Access(Caller.STAFF, permission=permission)


def edc(scope: Scope | None = None) -> Access:
    """An EDC client whose token carries this scope."""
    return Access(Caller.EDC, scope=scope)


ROUTES: Mapping[tuple[str, str], Access] = {
    # the installation
    ("GET", "/"): PUBLIC,
    ("GET", "/about"): PUBLIC,
    ("GET", "/favicon.ico"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/static/{digest}/{name:path}"): PUBLIC,
    ("POST", "/language"): PUBLIC,
    # participants
    ("GET", "/a/{link}"): PUBLIC,
    ("POST", "/a/{link}"): PUBLIC,
    ("GET", "/code"): PUBLIC,
    ("POST", "/code"): PUBLIC,
    ("GET", "/help"): PUBLIC,
    ("GET", "/unlock"): PARTICIPANT,
    ("POST", "/unlock"): PARTICIPANT,
    ("GET", "/home"): PARTICIPANT,
    ("GET", "/home/{news}"): PARTICIPANT,
    ("GET", "/f/{slot}"): PARTICIPANT,
    ("POST", "/f/{slot}/begin"): PARTICIPANT,
    ("POST", "/f/{slot}/answers"): PARTICIPANT,
    ("POST", "/f/{slot}/submit"): PARTICIPANT,
    ("GET", "/f/{slot}/done"): PARTICIPANT,
    ("GET", "/f/{slot}/{step}"): PARTICIPANT,
    ("GET", "/sent"): PARTICIPANT,
    ("GET", "/settings"): PARTICIPANT,
    ("POST", "/settings/leave"): PARTICIPANT,
    # site staff
    # EDC clients
}
"""By method and path, as declared; HEAD goes with GET. Every face adds its rows here."""
