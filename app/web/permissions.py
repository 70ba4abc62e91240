"""Who may call a route: the one table, and the only place that asks it.

Every route stands in `ROUTES` with the kind of caller that it serves and the permission or scope that it
needs. `check_routes` compares routes and table when the application is assembled; the dependencies that
let callers in (marked with `mark_guard`) ask `required_access` at each request and enforce what it says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute

from app.domain.records.access import Permission, Scope
from app.web import urls


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


class RouteMismatch(Exception):
    """The routes and the table of permissions differ; an application cannot be assembled of them."""


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
    ("GET", urls.CODE): PUBLIC,
    ("POST", urls.CODE): PUBLIC,
    ("GET", urls.HELP): PUBLIC,
    ("GET", urls.HANDED_BACK): PUBLIC,
    ("GET", urls.UNLOCK): PARTICIPANT,
    ("POST", urls.UNLOCK): PARTICIPANT,
    ("GET", urls.WELCOME): PARTICIPANT,
    ("POST", urls.WELCOME): PARTICIPANT,
    ("GET", urls.PRACTICE): PARTICIPANT,
    ("POST", urls.PRACTICE): PARTICIPANT,
    ("GET", urls.PATIENT_HOME): PARTICIPANT,
    ("GET", "/home/{news}"): PARTICIPANT,
    ("GET", "/f/{slot}"): PARTICIPANT,
    ("POST", "/f/{slot}/begin"): PARTICIPANT,
    ("GET", "/f/{slot}/who"): PARTICIPANT,
    ("POST", "/f/{slot}/who"): PARTICIPANT,
    ("POST", "/f/{slot}/answers"): PARTICIPANT,
    ("POST", "/f/{slot}/submit"): PARTICIPANT,
    ("POST", "/f/{slot}/late"): PARTICIPANT,
    ("GET", "/f/{slot}/review"): PARTICIPANT,
    ("GET", "/f/{slot}/done"): PARTICIPANT,
    ("GET", "/f/{slot}/blank"): PARTICIPANT,
    ("GET", "/f/{slot}/{step}"): PARTICIPANT,
    ("GET", "/f/{slot}/language/{code}"): PARTICIPANT,
    ("POST", "/f/{slot}/language/{code}"): PARTICIPANT,
    ("GET", "/offline"): PARTICIPANT,
    ("GET", "/sent"): PARTICIPANT,
    ("GET", "/sent/{slot}"): PARTICIPANT,
    ("GET", "/sent/{slot}/asked"): PARTICIPANT,
    ("GET", "/sent/{slot}/correction"): PARTICIPANT,
    ("POST", "/sent/{slot}/correction"): PARTICIPANT,
    ("GET", "/sent/{slot}/correction/withdrawal"): PARTICIPANT,
    ("POST", "/sent/{slot}/correction/withdrawal"): PARTICIPANT,
    ("GET", urls.CALL): PARTICIPANT,
    ("GET", urls.OWN_DIARY): PARTICIPANT,
    ("POST", urls.CALL): PARTICIPANT,
    ("GET", urls.CALL_WITHDRAWAL): PARTICIPANT,
    ("POST", urls.CALL_WITHDRAWAL): PARTICIPANT,
    ("GET", urls.SETTINGS): PARTICIPANT,
    ("GET", "/settings/saved/{what}"): PARTICIPANT,
    ("POST", urls.TEXT_SIZE): PARTICIPANT,
    ("POST", urls.REMINDERS): PARTICIPANT,
    ("POST", urls.REMINDER_HOUR): PARTICIPANT,
    ("POST", urls.REMINDER_PAUSE): PARTICIPANT,
    ("GET", urls.HOME_SCREEN): PARTICIPANT,
    ("POST", urls.HOME_SCREEN): PARTICIPANT,
    ("GET", urls.OWN_ADDRESS): PARTICIPANT,
    ("POST", urls.OWN_ADDRESS): PARTICIPANT,
    ("GET", urls.ADDRESS_CODE): PARTICIPANT,
    ("POST", urls.ADDRESS_CODE): PARTICIPANT,
    ("GET", urls.LEAVE): PARTICIPANT,
    ("POST", urls.LEAVE): PARTICIPANT,
    ("GET", urls.DEVICES): PARTICIPANT,
    ("POST", urls.DEVICES): PARTICIPANT,
    ("POST", "/settings/devices/{device}"): PARTICIPANT,
    ("GET", urls.NEW_PIN): PARTICIPANT,
    ("POST", urls.NEW_PIN): PARTICIPANT,
    ("GET", urls.PEOPLE): PARTICIPANT,
    ("POST", urls.PEOPLE): PARTICIPANT,
    ("GET", urls.MARK): PARTICIPANT,
    ("POST", urls.MARK): PARTICIPANT,
    # site staff
    ("GET", urls.SIGN_IN): PUBLIC,
    ("POST", urls.SIGN_IN): PUBLIC,
    ("GET", urls.SIGN_IN_CODE): STAFF_HALF,
    ("POST", urls.SIGN_IN_CODE): STAFF_HALF,
    ("GET", urls.SIGN_IN_PASSKEY): STAFF_HALF,
    ("POST", urls.SIGN_OUT): staff_access(),
    ("POST", urls.STAFF_LANGUAGE): staff_access(),
    ("GET", urls.DESK): staff_access(),
    ("GET", urls.REPORT): staff_access(Permission.REPORT_SEE),
    ("GET", urls.REPORT_TABLE): staff_access(Permission.REPORT_SEE),
    ("GET", urls.REPORT_ROWS): staff_access(Permission.REPORT_SEE),
    ("GET", urls.REPORT_ROWS_FILE): staff_access(Permission.REPORT_SEE),
    ("GET", urls.MATRIX): staff_access(Permission.TRAIL_SEE),
    ("GET", urls.EXPORTS): staff_access(Permission.EXPORT_RUN),
    ("POST", urls.EXPORTS): staff_access(Permission.CUT_MAKE),
    ("POST", urls.EXPORT_REQUESTS): staff_access(Permission.EXPORT_RUN),
    ("GET", urls.EXPORT_FILE): staff_access(Permission.EXPORT_RUN),
    ("GET", urls.EXPORT_CHECKS): staff_access(Permission.EXPORT_RUN),
    ("POST", urls.EXPORT_CHECKS): staff_access(Permission.EXPORT_RUN),
    ("GET", urls.EXPORT_CHANGES): staff_access(Permission.EXPORT_RUN),
    ("GET", urls.TRAIL): staff_access(Permission.TRAIL_SEE),
    ("GET", urls.TRAIL_CSV): staff_access(Permission.TRAIL_SEE),
    ("GET", urls.TRAIL_NDJSON): staff_access(Permission.TRAIL_SEE),
    ("GET", urls.CALL_SHEET): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", urls.BULK_REMINDERS): staff_access(Permission.REMINDER_SEND),
    ("POST", urls.BULK_ASSIGNMENTS): staff_access(Permission.CONTACT_LOG),
    ("GET", urls.CONTACT_LOG): staff_access(Permission.CONTACT_LOG),
    ("POST", urls.CONTACT_LOG): staff_access(Permission.CONTACT_LOG),
    ("GET", urls.CONTACT_ENTRY): staff_access(Permission.CONTACT_LOG),
    ("POST", urls.CONTACT_ENTRY): staff_access(Permission.CONTACT_LOG),
    ("GET", urls.SNOOZE): staff_access(Permission.CONTACT_LOG),
    ("POST", urls.SNOOZE): staff_access(Permission.CONTACT_LOG),
    ("POST", urls.RESUME): staff_access(Permission.CONTACT_LOG),
    ("GET", urls.ASSIGNMENT): staff_access(Permission.CONTACT_LOG),
    ("POST", urls.ASSIGNMENT): staff_access(Permission.CONTACT_LOG),
    ("GET", urls.PARTICIPANTS): staff_access(Permission.PARTICIPANT_SEE),
    ("GET", urls.ACCESS): staff_access(Permission.PARTICIPANT_SEE),
    ("GET", urls.FIND): staff_access(Permission.PARTICIPANT_SEE),
    ("GET", urls.REQUESTS): staff_access(Permission.REQUEST_CLOSE),
    ("POST", urls.REQUEST): staff_access(Permission.REQUEST_CLOSE),
    ("GET", urls.ENROL): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.ENROL): staff_access(Permission.PARTICIPANT_ENROL),
    ("GET", urls.PARTICIPANT): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", urls.CONTACT): staff_access(Permission.CONTACT_SEE),
    ("GET", urls.REACHING): staff_access(Permission.REMINDER_SEND),
    ("POST", urls.NEW_CONTACT): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.NEW_TELEPHONE): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.REMOVED_CONTACT): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.STAFF_PAUSE): staff_access(Permission.REMINDER_SEND),
    ("POST", urls.STAFF_PAUSE_END): staff_access(Permission.REMINDER_SEND),
    ("POST", urls.INVITATION): staff_access(Permission.ACTIVATION_ISSUE),
    ("POST", urls.PARTICIPANT_DEVICE): staff_access(Permission.ACTIVATION_ISSUE),
    ("GET", urls.BIRTH_DATE): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.BIRTH_DATE): staff_access(Permission.PARTICIPANT_ENROL),
    ("POST", urls.VISITS): staff_access(Permission.ANCHOR_RECORD),
    ("POST", urls.CANCELLED_VISIT): staff_access(Permission.ANCHOR_RECORD),
    ("GET", urls.DATES): staff_access(Permission.ANCHOR_RECORD),
    ("POST", urls.DATES): staff_access(Permission.ANCHOR_RECORD),
    ("GET", urls.DISPOSITION): staff_access(Permission.DISPOSITION_RECORD),
    ("POST", urls.DISPOSITION): staff_access(Permission.DISPOSITION_RECORD),
    ("POST", urls.UNDO_DISPOSITION): staff_access(Permission.DISPOSITION_UNDO),
    ("GET", urls.PARTICIPANT_FORM): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", urls.PARTICIPANT_FORM): staff_access(Permission.REASON_RECORD),
    ("GET", urls.FORM_COPY): staff_access(Permission.ANSWERS_SEE),
    ("GET", urls.DIARY_GAP_LIST): staff_access(Permission.REASON_RECORD),
    ("GET", urls.DIARY_GAPS): staff_access(Permission.REASON_RECORD),
    ("POST", urls.DIARY_GAPS): staff_access(Permission.REASON_RECORD),
    ("POST", urls.EXEMPTION): staff_access(Permission.REASON_RECORD),
    ("GET", urls.FORM_CORRECTION): staff_access(Permission.CORRECTION_PROPOSE),
    ("POST", urls.FORM_CORRECTION): staff_access(Permission.CORRECTION_PROPOSE),
    ("GET", urls.CORRECTIONS): staff_access(Permission.PARTICIPANT_SEE),
    ("GET", urls.CORRECTION): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", urls.CORRECTION): staff_access(Permission.CORRECTION_DECIDE),
    ("GET", urls.ALERTS): staff_access(Permission.ALERT_SEE),
    ("GET", urls.ALERTS_FILE): staff_access(Permission.ALERT_SEE),
    ("GET", urls.ALERT): staff_access(Permission.ALERT_SEE),
    ("POST", urls.ALERT_ACKNOWLEDGEMENT): staff_access(Permission.ALERT_HANDLE),
    ("POST", urls.ALERT_ACTIONS): staff_access(Permission.ALERT_HANDLE),
    ("POST", urls.ALERT_CLOSING): staff_access(Permission.ALERT_HANDLE),
    ("GET", urls.SETTLE): staff_access(Permission.MATTER_SETTLE),
    ("GET", urls.MATTER): staff_access(Permission.MATTER_SETTLE),
    ("POST", urls.MATTER): staff_access(Permission.MATTER_SETTLE),
    ("GET", urls.LICENCE): staff_access(Permission.MATTER_SETTLE),
    ("POST", urls.LICENCE): staff_access(Permission.MATTER_SETTLE),
    ("GET", urls.SCORE_LIST): staff_access(Permission.SCORES_SEE),
    ("GET", urls.SCORES): staff_access(Permission.SCORES_SEE),
    ("GET", urls.HISTORY): staff_access(Permission.PARTICIPANT_SEE),
    ("POST", urls.STAFF_REMINDER): staff_access(Permission.REMINDER_SEND),
    ("GET", urls.HAND_OVER): staff_access(Permission.DEVICE_HAND_OVER),
    ("POST", urls.HAND_OVER): staff_access(Permission.DEVICE_HAND_OVER),
    ("GET", urls.PAPER_FORMS): staff_access(Permission.PAPER_ENTER),
    ("GET", urls.PAPER_ENTRY): staff_access(Permission.PAPER_ENTER),
    ("POST", urls.PAPER_ENTRY): staff_access(Permission.PAPER_ENTER),
    ("GET", urls.PAPER_DIFFERENCES): staff_access(Permission.MATTER_SETTLE),
    ("POST", urls.PAPER_DIFFERENCES): staff_access(Permission.MATTER_SETTLE),
    # people and sites
    ("GET", urls.STAFF): staff_access(Permission.STAFF_MANAGE),
    ("GET", urls.STAFF_INVITATION): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_INVITATION): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_EXISTING): staff_access(Permission.STAFF_MANAGE),
    ("GET", urls.STAFF_PERSON): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_GRANTS): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_GRANT): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_RESET): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_DISABLING): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_ENABLING): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.STAFF_SESSION): staff_access(Permission.STAFF_MANAGE),
    ("GET", urls.JOIN): PUBLIC,
    ("POST", urls.JOIN): PUBLIC,
    ("GET", urls.JOIN_PASSKEY): PUBLIC,
    ("GET", urls.ACCOUNT): staff_access(),
    ("POST", urls.ACCOUNT_PASSWORD): staff_access(),
    ("POST", urls.ACCOUNT_CODES): staff_access(),
    ("POST", urls.ACCOUNT_SESSION): staff_access(),
    ("GET", urls.ACCOUNT_PASSKEY_REQUEST): staff_access(),
    ("POST", urls.ACCOUNT_PASSKEYS): staff_access(),
    ("POST", urls.ACCOUNT_NEW_PASSKEY): staff_access(),
    ("POST", urls.ACCOUNT_PASSKEY): staff_access(),
    ("GET", urls.ACCESS_REVIEW): staff_access(Permission.ACCESS_SEE),
    ("POST", urls.ACCESS_REVIEW): staff_access(Permission.STAFF_MANAGE),
    ("GET", urls.ACCESS_REPORT): staff_access(Permission.ACCESS_SEE),
    ("GET", urls.ROLE_MATRIX): staff_access(Permission.ACCESS_SEE),
    ("GET", urls.SITES): staff_access(Permission.SITE_MANAGE),
    ("POST", urls.SITES): staff_access(Permission.SITE_MANAGE),
    ("GET", urls.SITE): staff_access(Permission.SITE_MANAGE),
    ("POST", urls.SITE): staff_access(Permission.SITE_MANAGE),
    ("POST", urls.SITE_CLOSING): staff_access(Permission.SITE_MANAGE),
    ("POST", urls.SITE_REOPENING): staff_access(Permission.SITE_MANAGE),
    ("GET", urls.STUDIES): staff_access(Permission.PLAN_SEE),
    ("GET", urls.LICENCES): staff_access(Permission.SITE_MANAGE),
    ("GET", urls.CLIENTS): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.CLIENTS): staff_access(Permission.STAFF_MANAGE),
    ("POST", urls.CLIENT_END): staff_access(Permission.STAFF_MANAGE),
    # the study plan
    ("GET", urls.STUDY_PLAN): staff_access(Permission.PLAN_SEE),
    ("GET", urls.PLAN_VERSIONS): staff_access(Permission.PLAN_SEE),
    ("GET", urls.SIMULATION): staff_access(Permission.PLAN_SEE),
    # EDC clients
    ("POST", f"{urls.EDC}/oauth/token"): PUBLIC,
    ("GET", f"{urls.EDC}/openapi.json"): PUBLIC,
    ("GET", f"{urls.EDC}/whoami"): edc_access(),
    ("GET", f"{urls.EDC}/studies/{{study}}"): edc_access(),
    ("GET", f"{urls.EDC}/participants/{{subject}}"): edc_access(),
    ("PUT", f"{urls.EDC}/participants/{{subject}}"): edc_access(Scope.PARTICIPANTS_WRITE),
    ("GET", f"{urls.EDC}/participants/{{subject}}/status"): edc_access(),
    ("PUT", f"{urls.EDC}/participants/{{subject}}/status"): edc_access(Scope.STATUS_WRITE),
    ("GET", f"{urls.EDC}/participants/{{subject}}/visits/{{visit}}"): edc_access(),
    ("GET", f"{urls.EDC}/participants/{{subject}}/visits/{{visit}}/forms"): edc_access(),
    ("PUT", f"{urls.EDC}/participants/{{subject}}/visits/{{visit}}"): edc_access(Scope.VISITS_WRITE),
    ("GET", f"{urls.EDC}/participants/{{subject}}/anchors/{{kind}}"): edc_access(),
    ("PUT", f"{urls.EDC}/participants/{{subject}}/anchors/{{kind}}"): edc_access(Scope.ANCHORS_WRITE),
    ("GET", f"{urls.EDC}/participants/{{subject}}/arm"): edc_access(Scope.ARM_READ),
    ("PUT", f"{urls.EDC}/participants/{{subject}}/arm"): edc_access(Scope.ARM_WRITE),
    ("GET", f"{urls.EDC}/changes"): edc_access(),
    ("GET", f"{urls.EDC}/snapshot"): edc_access(),
    ("GET", f"{urls.EDC}/scores"): edc_access(Scope.SCORES_READ),
    ("GET", f"{urls.EDC}/cuts"): edc_access(),
    ("POST", f"{urls.EDC}/cuts"): edc_access(Scope.CUTS_WRITE),
    ("GET", f"{urls.EDC}/cuts/{{cut}}"): edc_access(),
    ("GET", f"{urls.EDC}/cuts/{{cut}}/changes"): edc_access(),
    ("GET", f"{urls.EDC}/datasets/{{dataset}}"): edc_access(Scope.EXPORTS_RUN),
    ("POST", f"{urls.EDC}/exports"): edc_access(Scope.EXPORTS_RUN),
    ("GET", f"{urls.EDC}/exports"): edc_access(Scope.EXPORTS_RUN),
    ("GET", f"{urls.EDC}/exports/{{export}}"): edc_access(Scope.EXPORTS_RUN),
    ("GET", f"{urls.EDC}/exports/{{export}}/files/{{file}}"): edc_access(Scope.EXPORTS_RUN),
    ("GET", f"{urls.EDC}/assessments/{{assessment}}"): edc_access(),
    ("GET", f"{urls.EDC}/assessments/{{assessment}}/versions/{{version}}"): edc_access(),
}
"""By method and path, as declared; HEAD goes with GET. Every face adds its rows here."""


_GUARDS: dict[Callable[..., object], CallerKind] = {}
_Guard = TypeVar("_Guard", bound=Callable[..., object])


def mark_guard(caller: CallerKind) -> Callable[[_Guard], _Guard]:
    """Mark a dependency, or a handler that authenticates by itself, as letting in this kind of caller."""

    def mark(guard: _Guard) -> _Guard:
        _GUARDS[guard] = caller
        return guard

    return mark


def required_access(request: Request, caller: CallerKind) -> Access:
    """The row of the route that this request reached, for a guard of this kind to enforce.

    Raises HTTPException(404) for a route that has no row, or one for another kind of caller.
    """
    method = "GET" if request.method == "HEAD" else request.method
    access = ROUTES.get((method, request.scope["route"].path))
    if access is None or access.caller is not caller:
        raise HTTPException(404)
    return access


def permission_of(address: str, method: str = "GET") -> Permission | None:
    """What a route of staff asks; None where being signed in is enough."""
    return ROUTES[method, address].permission


def check_routes(routes: Sequence[BaseRoute]) -> None:
    """Compare the routes of an application with the table. Raises RouteMismatch naming the difference."""
    declared = set()
    for route in routes:
        if not isinstance(route, APIRoute):
            raise RouteMismatch(f"{route}: not a route of the table's kind")
        for method in sorted((route.methods or set()) - {"HEAD"}):
            _check_route(method, route)
            declared.add((method, route.path))
    if absent := sorted(ROUTES.keys() - declared):
        raise RouteMismatch(f"in the table, and no route: {absent}")


def _check_route(method: str, route: APIRoute) -> None:
    access = ROUTES.get((method, route.path))
    if access is None:
        raise RouteMismatch(f"{method} {route.path}: not in the table")
    kinds = {_GUARDS[call] for call in _calls(route.dependant) if call and call in _GUARDS}
    if kinds != ({access.caller} - {CallerKind.PUBLIC}):
        raise RouteMismatch(f"{method} {route.path}: for {access.caller}, but lets in {sorted(kinds)}")
    if access.caller is CallerKind.STAFF and "{participant}" in route.path and access.permission is None:
        raise RouteMismatch(f"{method} {route.path}: is about a participant and names no permission")


def _calls(dependant: Dependant) -> Iterator[Callable[..., object] | None]:
    """The handler and everything that it depends on."""
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from _calls(dependency)
