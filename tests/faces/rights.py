"""Who may come to the program and what each of them may do, told here a second time, apart from it."""

from enum import StrEnum

from app.domain.records.access import Permission, Role
from app.web import urls
from app.web.permissions import Access
from app.web.permissions import CallerKind as Kind


class Who(StrEnum):
    """Everybody who may come."""

    stranger = "stranger"
    half = "half"
    nurse = "nurse"
    investigator = "investigator"
    monitor = "monitor"
    data_manager = "data_manager"
    admin = "admin"
    statistician = "statistician"
    sponsor_viewer = "sponsor_viewer"
    participant = "participant"
    locked = "locked"
    edc_without_scopes = "edc_without_scopes"
    edc = "edc"


STAFF = {Who(role.value): role for role in Role}
_EXPORT = f"{urls.EDC}/exports/{{export}}"
NOT_THEIRS = {("GET", urls.EXPORT_FILE), ("GET", _EXPORT), ("GET", f"{_EXPORT}/files/{{file}}")}
"""Exports are for whoever requested them alone: see `test_exports_page` and `test_edc_datasets`."""
NEVER_WITHOUT_A_CODE = {("POST", urls.ADDRESS_CODE)}
"""Nobody knows the code before it was mailed: see `test_own_address`."""
READERS = (Who.monitor, Who.admin, Who.statistician, Who.sponsor_viewer)
"""Roles that change nothing of the trial (IAM-04, INV-06)."""
STILL_OPEN_WHEN_LOCKED = {
    ("GET", "/unlock"),
    ("POST", "/unlock"),
    ("POST", "/settings/leave"),
    ("GET", "/settings/people"),
    ("POST", "/settings/people"),
    ("GET", "/help/call"),
    ("POST", "/help/call"),
}
CLOSED_BY_THE_PLAN = {("GET", "/sent/{slot}"), ("GET", "/f/{slot}/blank")}
"""The shipped plan shows nobody what they answered; a form that is not begun does not open again."""


def is_admitted(who: Who, method: str, path: str, access: Access) -> bool:
    """Whether the table of permissions lets them in."""
    if (method, path) in CLOSED_BY_THE_PLAN | NOT_THEIRS | NEVER_WITHOUT_A_CODE:
        return False
    if access.caller is Kind.PUBLIC:
        return True
    if access.caller is Kind.PARTICIPANT:
        return who is Who.participant or (who is Who.locked and (method, path) in STILL_OPEN_WHEN_LOCKED)
    if access.caller is Kind.STAFF_HALF:
        return who is Who.half
    if access.caller is Kind.STAFF:
        return who in STAFF and (access.permission is None or access.permission in _allowed(who))
    return who is Who.edc or (who is Who.edc_without_scopes and access.scope is None)


def _allowed(who: Who) -> frozenset[Permission]:
    """What this role may do, told here a second time and apart from the program."""
    conduct = {
        Permission.PARTICIPANT_SEE,
        Permission.PARTICIPANT_ENROL,
        Permission.ACTIVATION_ISSUE,
        Permission.CONTACT_SEE,
        Permission.ANCHOR_RECORD,
        Permission.DISPOSITION_RECORD,
        Permission.REASON_RECORD,
        Permission.REQUEST_CLOSE,
        Permission.CONTACT_LOG,
        Permission.CORRECTION_PROPOSE,
        Permission.REMINDER_SEND,
        Permission.REPORT_SEE,
        Permission.ALERT_SEE,
        Permission.ALERT_HANDLE,
        Permission.PAPER_ENTER,
        Permission.DEVICE_HAND_OVER,
    }
    deciding = {Permission.CORRECTION_DECIDE, Permission.MATTER_SETTLE}
    exporting, reports = {Permission.CUT_MAKE, Permission.EXPORT_RUN}, {Permission.REPORT_SEE}
    reading = {Permission.PARTICIPANT_SEE, Permission.ANSWERS_SEE, Permission.TRAIL_SEE, Permission.ALERT_SEE}
    reading |= {*reports, Permission.PLAN_SEE}
    return {
        Who.nurse: frozenset(conduct),
        Who.investigator: frozenset(
            conduct
            | {Permission.DISPOSITION_UNDO, Permission.ACCESS_SEE, Permission.TRAIL_SEE, *deciding}
            | {Permission.ANSWERS_SEE, Permission.SCORES_SEE, Permission.PLAN_SEE}
        ),
        Who.monitor: frozenset(reading | {Permission.ACCESS_SEE}),
        Who.data_manager: frozenset(reading | exporting | {Permission.MATTER_SETTLE}),
        Who.admin: frozenset(
            {Permission.STAFF_MANAGE, Permission.SITE_MANAGE, Permission.ACCESS_SEE, Permission.PLAN_SEE}
        ),
        Who.statistician: frozenset(exporting | {Permission.SCORES_SEE, Permission.ANSWERS_SEE} | reports),
        Who.sponsor_viewer: frozenset(reports | {Permission.EXPORT_RUN}),
    }[who]


_VIEWED_BY_ALL = {
    *(urls.SCORES, urls.SCORE_LIST, urls.REPORT, urls.REPORT_ROWS, urls.MATRIX, urls.EXPORT_CHANGES),
    *(urls.ALERT, urls.TRAIL, urls.TRAIL_CSV, urls.TRAIL_NDJSON, urls.REPORT_TABLE, urls.REPORT_ROWS_FILE),
    *(urls.ALERTS_FILE, urls.FORM_COPY, urls.PAPER_DIFFERENCES),
}
_VIEWED_WITH_ANSWERS = {
    *(urls.PARTICIPANT, urls.PARTICIPANT_FORM, urls.HISTORY, urls.MATTER, urls.FORM_CORRECTION),
    *(urls.CORRECTION, urls.DATES),
}
_WORKED_BY = {urls.DESK, urls.CALL_SHEET, urls.PARTICIPANTS, urls.ACCESS, urls.CORRECTIONS, urls.ALERTS}


def leaves_view(who: Who, path: str) -> bool:
    """Whether the trail tells that this somebody of the staff saw this page (AUD-14, INV-06).

    It tells of scores, the arm and figures by it, of a participant's page to whoever may see answers, and of
    every page with participants on it to those who only read.
    """
    if path in _VIEWED_WITH_ANSWERS:
        return Permission.ANSWERS_SEE in _allowed(who)
    return path in _VIEWED_BY_ALL or (path in _WORKED_BY and who in READERS)
