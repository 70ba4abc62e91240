"""What each permission lets somebody do, in words that follow "you may not"."""

from collections.abc import Mapping

from app.domain.records.access import Permission
from app.i18n.marking import N_

PERMISSION_WORDS: Mapping[Permission, str] = {
    Permission.PARTICIPANT_SEE: N_("see participants"),
    Permission.PARTICIPANT_ENROL: N_("enrol participants"),
    Permission.ACTIVATION_ISSUE: N_("give out links and sign out phones"),
    Permission.CONTACT_SEE: N_("see addresses and telephone numbers"),
    Permission.ANCHOR_RECORD: N_("record dates and visits"),
    Permission.DISPOSITION_RECORD: N_("record a withdrawal, death or completion"),
    Permission.DISPOSITION_UNDO: N_("undo a withdrawal, death or completion"),
    Permission.REASON_RECORD: N_("record why a form is missing"),
    Permission.REQUEST_CLOSE: N_("close participants' requests"),
    Permission.CONTACT_LOG: N_("log contacts"),
    Permission.REMINDER_SEND: N_("send reminders"),
    Permission.ARM_SEE: N_("see the treatment arm"),
    Permission.TRAIL_SEE: N_("read the audit trail"),
    Permission.STAFF_MANAGE: N_("invite staff, give and revoke roles"),
    Permission.SITE_MANAGE: N_("open, change and close sites"),
    Permission.ACCESS_SEE: N_("read who has access"),
    Permission.PLAN_SEE: N_("see the study plan"),
    Permission.REPORT_SEE: N_("read the report"),
    Permission.ANSWERS_SEE: N_("see participants' answers"),
    Permission.SCORES_SEE: N_("see scores and diary plots"),
    Permission.CORRECTION_PROPOSE: N_("propose corrections of answers"),
    Permission.CORRECTION_DECIDE: N_("sign corrections of answers"),
    Permission.ALERT_SEE: N_("see alerts"),
    Permission.ALERT_HANDLE: N_("deal with alerts"),
    Permission.MATTER_SETTLE: N_("settle open items"),
    Permission.CUT_MAKE: N_("make data cuts"),
    Permission.EXPORT_RUN: N_("export data"),
    Permission.DEVICE_HAND_OVER: N_("hand the clinic's tablet over to participants"),
    Permission.PAPER_ENTER: N_("enter forms that were filled in on paper"),
}
"""A test holds it complete."""


def name_permission(permission: Permission) -> str:
    """The permission's words before translation; its code where it has none yet."""
    return PERMISSION_WORDS.get(permission, permission.value)
