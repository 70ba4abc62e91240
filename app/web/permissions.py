"""The one table of routes and who may call them; a test walks every route and every row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.records.access import Permission, Scope


class CallerKind(StrEnum):
    """Whom a route serves."""

    PUBLIC = "public"
    PARTICIPANT = "participant"
    STAFF_HALF = "staff_half"  # password given, second factor not yet
    STAFF = "staff"
    EDC = "edc"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route; `permission` or `scope` None means any signed-in caller of the kind."""

    caller: CallerKind
    permission: Permission | None = None
    scope: Scope | None = None


PUBLIC = Access(CallerKind.PUBLIC)
PARTICIPANT = Access(CallerKind.PARTICIPANT)
STAFF_HALF = Access(CallerKind.STAFF_HALF)


def staff_access(permission: Permission | None = None) -> Access:
    """A signed-in member of staff, with this permission at the site concerned."""
    return Access(CallerKind.STAFF, permission=permission)


def edc_access(scope: Scope | None = None) -> Access:
    """An EDC client whose token carries this scope."""
    return Access(CallerKind.EDC, scope=scope)


ROUTES: Mapping[tuple[str, str], Access] = {
    # the installation
    ("GET", "/"): PUBLIC,
    ("GET", "/about"): PUBLIC,
    ("GET", "/favicon.ico"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/manifest.webmanifest"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/sw.js"): PUBLIC,
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
    ("GET", "/welcome"): PARTICIPANT,
    ("POST", "/welcome"): PARTICIPANT,
    ("GET", "/welcome/practice"): PARTICIPANT,
    ("POST", "/welcome/practice"): PARTICIPANT,
    ("GET", "/home"): PARTICIPANT,
    ("GET", "/home/{news}"): PARTICIPANT,
    ("GET", "/f/{slot}"): PARTICIPANT,
    ("POST", "/f/{slot}/begin"): PARTICIPANT,
    ("POST", "/f/{slot}/answers"): PARTICIPANT,
    ("POST", "/f/{slot}/submit"): PARTICIPANT,
    ("POST", "/f/{slot}/late"): PARTICIPANT,
    ("GET", "/f/{slot}/done"): PARTICIPANT,
    ("GET", "/f/{slot}/blank"): PARTICIPANT,
    ("GET", "/f/{slot}/{step}"): PARTICIPANT,
    ("GET", "/f/{slot}/language/{code}"): PARTICIPANT,
    ("POST", "/f/{slot}/language/{code}"): PARTICIPANT,
    ("GET", "/offline"): PARTICIPANT,
    ("GET", "/sent"): PARTICIPANT,
    ("GET", "/sent/{slot}"): PARTICIPANT,
    ("GET", "/sent/{slot}/asked"): PARTICIPANT,
    ("POST", "/sent/{slot}/correction"): PARTICIPANT,
    ("POST", "/help/call"): PARTICIPANT,
    ("GET", "/settings"): PARTICIPANT,
    ("GET", "/settings/saved/{what}"): PARTICIPANT,
    ("POST", "/settings/text-size"): PARTICIPANT,
    ("POST", "/settings/reminders"): PARTICIPANT,
    ("POST", "/settings/reminders/hour"): PARTICIPANT,
    ("POST", "/settings/reminders/pause"): PARTICIPANT,
    ("POST", "/settings/leave"): PARTICIPANT,
    ("GET", "/settings/devices"): PARTICIPANT,
    ("POST", "/settings/devices"): PARTICIPANT,
    ("POST", "/settings/devices/{device}"): PARTICIPANT,
    ("GET", "/settings/pin"): PARTICIPANT,
    ("POST", "/settings/pin"): PARTICIPANT,
    ("GET", "/settings/people"): PARTICIPANT,
    ("POST", "/settings/people"): PARTICIPANT,
    # site staff
    ("GET", "/desk/sign-in"): PUBLIC,
    ("POST", "/desk/sign-in"): PUBLIC,
    ("GET", "/desk/sign-in/code"): STAFF_HALF,
    ("POST", "/desk/sign-in/code"): STAFF_HALF,
    ("POST", "/desk/sign-out"): staff_access(),
    ("POST", "/desk/language"): staff_access(),
    ("GET", "/desk"): staff_access(),
    ("GET", "/desk/participants"): staff_access(),
    ("GET", "/desk/access"): staff_access(),
    ("GET", "/desk/requests"): staff_access(Permission.REQUEST_CLOSE),
    ("POST", "/desk/requests/{request}"): staff_access(Permission.REQUEST_CLOSE),
    ("GET", "/desk/enrol"): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", "/desk/enrol"): staff_access(Permission.PARTICIPANT_ENROL),
    ("GET", "/desk/participants/{participant}"): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", "/desk/participants/{participant}/contact"): staff_access(Permission.CONTACT_SEE),
    ("POST", "/desk/participants/{participant}/invitation"): staff_access(Permission.ACTIVATION_ISSUE),
    ("POST", "/desk/participants/{participant}/devices/{device}"): staff_access(Permission.ACTIVATION_ISSUE),
    ("GET", "/desk/participants/{participant}/birth-date"): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", "/desk/participants/{participant}/birth-date"): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", "/desk/participants/{participant}/visits"): staff_access(Permission.ANCHOR_RECORD),
    ("GET", "/desk/participants/{participant}/dates"): staff_access(Permission.ANCHOR_RECORD),
    ("POST", "/desk/participants/{participant}/dates"): staff_access(Permission.ANCHOR_RECORD),
    ("GET", "/desk/participants/{participant}/disposition"): staff_access(Permission.DISPOSITION_RECORD),
    ("POST", "/desk/participants/{participant}/disposition"): staff_access(Permission.DISPOSITION_RECORD),
    ("POST", "/desk/participants/{participant}/disposition/undo"): staff_access(Permission.DISPOSITION_UNDO),
    ("GET", "/desk/participants/{participant}/forms/{slot}"): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", "/desk/participants/{participant}/forms/{slot}"): staff_access(Permission.REASON_RECORD),
    ("POST", "/desk/participants/{participant}/forms/{slot}/exemption"): staff_access(
        Permission.REASON_RECORD
    ),
    # EDC clients
    ("POST", "/api/edc/v1/oauth/token"): PUBLIC,
    ("GET", "/api/edc/v1/openapi.json"): PUBLIC,
    ("GET", "/api/edc/v1/whoami"): edc_access(),
    ("GET", "/api/edc/v1/studies/{study}"): edc_access(),
    ("GET", "/api/edc/v1/participants/{subject}"): edc_access(),
    ("PUT", "/api/edc/v1/participants/{subject}"): edc_access(Scope.PARTICIPANTS_WRITE),
    ("PUT", "/api/edc/v1/participants/{subject}/status"): edc_access(Scope.STATUS_WRITE),
    ("GET", "/api/edc/v1/participants/{subject}/visits/{visit}"): edc_access(),
    ("PUT", "/api/edc/v1/participants/{subject}/visits/{visit}"): edc_access(Scope.VISITS_WRITE),
    ("PUT", "/api/edc/v1/participants/{subject}/anchors/{kind}"): edc_access(Scope.ANCHORS_WRITE),
    ("PUT", "/api/edc/v1/participants/{subject}/arm"): edc_access(Scope.ARM_WRITE),
    ("GET", "/api/edc/v1/changes"): edc_access(),
    ("GET", "/api/edc/v1/snapshot"): edc_access(),
    ("GET", "/api/edc/v1/scores"): edc_access(Scope.SCORES_READ),
    ("GET", "/api/edc/v1/assessments/{assessment}"): edc_access(),
    ("GET", "/api/edc/v1/assessments/{assessment}/versions/{version}"): edc_access(),
}
"""By method and path, as declared; HEAD goes with GET. Every face adds its rows here."""
