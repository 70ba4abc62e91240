"""What the coded values of records are called where a trail tells of them, before translation."""

from collections.abc import Mapping

from app.domain.alerts.handling import AlertActionKind
from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.corrections import CorrectionEvidence, CorrectionOutcome, CorrectionReason
from app.domain.capture.paper import PaperOutcome, PaperReason
from app.domain.desk.matters import MatterDecision, MatterKind
from app.domain.plans.plan import MissedReason, Owner, ReminderKind
from app.domain.plans.status import Status
from app.domain.records.access import ActorKind, Scope
from app.domain.records.anchors import AnchorStanding
from app.domain.records.dispositions import DispositionKind
from app.domain.records.messages import MessageState
from app.domain.records.participants import HandOverEnd, TeamRequestKind, TextSize
from app.domain.records.visits import VisitState
from app.domain.today.contacts import ContactOutcome
from app.domain.today.reasons import Reason
from app.i18n.marking import N_
from app.services.clinic.report.figures import ReportPart
from app.services.edc.requests import EDC_UPDATE
from app.web.pages.code_words import CHANNEL_WORDS

_WordTable = Mapping[str, str]

ACTOR_WORDS: _WordTable = {
    ActorKind.PARTICIPANT: N_("Participant"),
    ActorKind.EDC: N_("EDC"),
    ActorKind.STAFF: N_("Staff"),
    ActorKind.SYSTEM: "Daybook",
}
_STATUS: _WordTable = {
    Status.planned: N_("Not open yet"),
    Status.open: N_("Open, not due yet"),
    Status.due: N_("Due"),
    Status.overdue: N_("Overdue"),
    Status.in_progress: N_("Started"),
    Status.submitted: N_("Sent"),
    Status.missed: N_("Missed"),
    Status.excused: N_("Excused"),
    Status.not_expected: N_("Not expected"),
    Status.waiting: N_("Waiting for a date"),
}
_EXIT: _WordTable = {
    DispositionKind.withdrew_treatment: N_("Withdrew from treatment"),
    DispositionKind.withdrew_questionnaires: N_("Withdrew from questionnaires"),
    DispositionKind.withdrew_study: N_("Withdrew from the study"),
    DispositionKind.screen_failure: N_("Screen failure"),
    DispositionKind.death: N_("Died"),
    DispositionKind.lost: N_("Lost to follow-up"),
    DispositionKind.completed: N_("Completed the study"),
}
BY_STAFF = N_("Requested by staff")
_KINDS_OF_REMINDERS: _WordTable = {
    ReminderKind.opening: N_("When the form opens"),
    ReminderKind.middle: N_("In the middle of the window"),
    ReminderKind.last_day: N_("The day before it closes"),
    ReminderKind.entry: N_("In the evening of the diary day"),
}
_OUTCOMES: _WordTable = {
    ContactOutcome.reached_will_do: N_("Reached, will do it"),
    ContactOutcome.reached_needs_help: N_("Reached, needs help"),
    ContactOutcome.no_answer: N_("No answer"),
    ContactOutcome.wrong_number: N_("Wrong number"),
    ContactOutcome.refused_visit: N_("Refused this visit"),
    ContactOutcome.too_ill: N_("Too ill"),
    ContactOutcome.other: N_("Other"),
}
FAILURE_WORDS: _WordTable = {
    **_STATUS,
    "window_moved": N_("The window moved"),
    "participation_ended": N_("Participation ended"),
    "reminders_not_wanted": N_("The person doesn't want reminders"),
    "not_wanted": N_("The person doesn't want reminders"),
    "paused": N_("Reminders are paused"),
    "outside_hours": N_("Too late in the day"),
    "reminder_limit": N_("The plan's limit of reminders was reached"),
    "one_a_day": N_("Another reminder was sent that day"),
    "stale": N_("Waited too long"),
    "no_wording": N_("The form may not be shown"),
    "no_contact": N_("No contact details"),
    "no_channel": N_("No way to send it"),
    "unconfirmed": N_("The mail server did not confirm it"),
    "acknowledged": N_("Somebody had acknowledged it already"),
    "worker_lost": N_("The program stopped in between"),
}
NOT_TAKEN = N_("The mail server rejected it")
"""For every other code of why a message did not leave."""

PAPER_REASONS: _WordTable = {
    PaperReason.no_device: N_("Has no suitable phone"),
    PaperReason.prefers_paper: N_("Prefers paper"),
    PaperReason.cannot_use: N_("Cannot use the phone"),
    PaperReason.system_down: N_("The system was down"),
    PaperReason.other: N_("Another reason"),
}

MATTER_KINDS: _WordTable = {
    MatterKind.dates_differ: N_("Dates that differ"),
    MatterKind.dates_order: N_("Dates out of order"),
    MatterKind.quarantine: N_("Answers kept apart"),
    MatterKind.conflict: N_("Answered twice, differently"),
    MatterKind.paper: N_("Paper entries"),
    MatterKind.missed: N_("Missed without a reason"),
    MatterKind.correction: N_("Corrections waiting"),
    MatterKind.edc_message: N_("EDC messages refused"),
    MatterKind.licence: N_("Licences"),
}
REPORT_PARTS: _WordTable = {
    ReportPart.completeness: N_("Completeness"),
    ReportPart.timing: N_("Timing"),
    ReportPart.recruitment: N_("Recruitment"),
    ReportPart.diary: N_("Diary"),
    ReportPart.corrections: N_("Corrections"),
}
REPORT_TABLES: _WordTable = {
    "rates": N_("Completion and available data by visit"),
    "rates_by_arm": N_("The same by treatment arm"),
    "ledger": N_("Outcome of each form"),
    "sites": N_("Completion by site and visit"),
    "reasons": N_("Why forms were missed"),
    "weeks": N_("Sent in time, by week of the target day"),
    "days": N_("Days from the target day"),
    "minutes": N_("Time to complete"),
    "blanks": N_("Questions left blank"),
    "alerts": N_("From an alert to its acknowledgement"),
    "recruitment": N_("Enrolment and first sign-in"),
    "diary": N_("Diary entries by study week"),
    "modes": N_("How forms were filled in"),
    "corrections": N_("Corrections by form"),
    "corrections_by_site": N_("Corrections by site"),
}
VALUE_WORDS: Mapping[str, _WordTable] = {
    "export.fault": {
        "export_room": N_("no room left on the server"),
        "export_folder": N_("the folder of exports can't be written"),
        "export_broken": N_("it failed several times"),
        "exports_off": N_("the server has no folder for exports"),
        "parquet_missing": N_("the server can't write Parquet"),
        "recheck_needs_all": N_("the role no longer sees everything"),
        "unknown_study": N_("the role may no longer export"),
    },
    "slot.published_state": _STATUS,
    "slot.exit_kind": _EXIT,
    "participant.exit_kind": _EXIT,
    "disposition.kind": _EXIT,
    "slot.helped_by": {
        HelpedBy.family: N_("family"),
        HelpedBy.nurse: N_("a nurse"),
        HelpedBy.other: N_("somebody else"),
    },
    "slot.late_reason": {
        LateReason.forgot: N_("Forgot"),
        LateReason.too_ill: N_("Too ill"),
        LateReason.no_phone: N_("Had no phone"),
        LateReason.other: N_("Another reason"),
    },
    "slot.missed_reason": {
        MissedReason.too_ill_patient: N_("Too ill (the participant says)"),
        MissedReason.too_ill_staff: N_("Too ill (staff judge)"),
        MissedReason.refused: N_("Refused or inconvenient"),
        MissedReason.language: N_("Language or reading"),
        MissedReason.administrative: N_("Administrative (not offered, date entered late)"),
        MissedReason.technical: N_("Technical"),
        MissedReason.not_reachable: N_("Not reachable"),
        MissedReason.other: N_("Other, with a note"),
        MissedReason.unknown: N_("Unknown"),
    },
    "participant.identity_check": {
        "id_card": N_("Identity card"),
        "hospital_record": N_("Hospital record"),
        "known_to_staff": N_("Known to staff"),
    },
    "participant.text_size": {
        TextSize.standard: N_("Standard"),
        TextSize.large: N_("Large"),
        TextSize.extra_large: N_("Extra large"),
    },
    "contact.channel": CHANNEL_WORDS,
    "message.channel": CHANNEL_WORDS,
    "anchor.standing": {
        AnchorStanding.CURRENT: N_("in force"),
        AnchorStanding.SUPERSEDED: N_("replaced by a later entry"),
        AnchorStanding.DIFFERING: N_("differs from the date in force"),
    },
    "anchor.source": {Owner.site: N_("site"), Owner.edc: N_("EDC")},
    "disposition.source": {Owner.site: N_("site"), Owner.edc: N_("EDC")},
    "contact_entry.outcome": _OUTCOMES,
    "correction_decision.outcome": {
        CorrectionOutcome.approved: N_("Approved"),
        CorrectionOutcome.declined: N_("Declined"),
    },
    "correction.reason": {
        CorrectionReason.wrong_tap: N_("Tapped the wrong answer"),
        CorrectionReason.misunderstood: N_("Misunderstood the question"),
        CorrectionReason.other_period: N_("Thought of another day or time"),
        CorrectionReason.helper_error: N_("Whoever helped entered it wrongly"),
        CorrectionReason.follows: N_("Follows from another corrected answer"),
    },
    "correction.evidence": {
        CorrectionEvidence.telephone: N_("By telephone"),
        CorrectionEvidence.in_person: N_("In person"),
        CorrectionEvidence.in_writing: N_("In writing"),
    },
    "device.label": {"phone": N_("Phone"), "tablet": N_("Tablet"), "computer": N_("Computer")},
    "message.kind": _KINDS_OF_REMINDERS,
    "message.state": {
        MessageState.queued: N_("Waiting to be sent"),
        MessageState.sending: N_("Being sent"),
        MessageState.sent: N_("Message sent"),
        MessageState.dropped: N_("No longer needed"),
        MessageState.failed: N_("Could not be sent"),
        MessageState.unconfirmed: N_("May have been sent"),
    },
    "message.failure": FAILURE_WORDS,
    "participant_request.kind": {
        TeamRequestKind.call: N_("Asked for a call"),
        TeamRequestKind.correction: N_("Asked for a correction"),
    },
    "quarantine.reason": {
        "arrived_too_late": N_("Came after the closing day, or after the participant had left"),
        "already_submitted": N_("Differ from the answers already sent"),
        "altered": N_("Were changed on the phone after they were given"),
    },
    "paper_entry.reason": PAPER_REASONS,
    "paper_entry.outcome": {
        PaperOutcome.submitted: N_("Became the form's answers"),
        PaperOutcome.kept_apart: N_("Kept apart"),
        PaperOutcome.first: N_("First of two entries"),
        PaperOutcome.differs: N_("Differs from the first entry"),
        PaperOutcome.settled: N_("Chosen between two entries"),
        PaperOutcome.discarded: N_("Both entries set aside"),
    },
    "visit_record.state": {
        VisitState.planned: N_("Planned"),
        VisitState.occurred: N_("Took place"),
        VisitState.missed: N_("Missed"),
        VisitState.cancelled: N_("Cancelled"),
    },
    "snooze.reasons": {
        Reason.alert: N_("Alert"),
        Reason.call: N_("Asked for a call"),
        Reason.closing: N_("Closes soon"),
        Reason.half: N_("Half the window is over"),
        Reason.idle: N_("Started, then stopped"),
        Reason.locked: N_("Locked out"),
        Reason.unused: N_("Never signed in"),
        Reason.undelivered: N_("Message not delivered"),
        Reason.missed: N_("Missed, no reason yet"),
        Reason.diary: N_("Diary entries missing"),
        Reason.opens: N_("Opens soon"),
    },
    "edc_client.scopes": {
        Scope.PARTICIPANTS_WRITE: N_("register participants"),
        Scope.VISITS_WRITE: N_("report visits"),
        Scope.STATUS_WRITE: N_("report the end of participation"),
        Scope.ANCHORS_WRITE: N_("report dates"),
        Scope.ARM_WRITE: N_("report the treatment arm"),
        Scope.ARM_READ: N_("see the treatment arm"),
        Scope.ANSWERS_READ: N_("read answers"),
        Scope.SCORES_READ: N_("read scores"),
        Scope.CUTS_WRITE: N_("make data cuts"),
        Scope.EXPORTS_RUN: N_("export datasets"),
        Scope.DIARY_READ: N_("read the diary"),
    },
    "settlement.kind": MATTER_KINDS,
    "settlement.decision": {
        MatterDecision.date_stands: N_("The date in use is right"),
        MatterDecision.both_right: N_("Both dates are right"),
        MatterDecision.accepted: N_("Accepted"),
        MatterDecision.rejected: N_("Rejected"),
        MatterDecision.later_stands: N_("The later answer is right"),
        MatterDecision.corrected: N_("A correction is proposed"),
        MatterDecision.first_stands: N_("Our record stays as it is"),
        MatterDecision.corrected_by_edc: N_("The second message is right"),
        MatterDecision.renewal: N_("A new licence is on its way"),
        MatterDecision.ends: N_("The licence will not be renewed"),
    },
    "alert_action.kind": {
        AlertActionKind.called: N_("Spoke to the participant"),
        AlertActionKind.not_reached: N_("Called, nobody answered"),
        AlertActionKind.physician_told: N_("Told the physician"),
        AlertActionKind.visit_arranged: N_("Arranged a visit"),
        AlertActionKind.sent_to_hospital: N_("Sent to hospital"),
        AlertActionKind.treatment_changed: N_("Treatment was changed"),
        AlertActionKind.nothing_needed: N_("Nothing needed (with a note)"),
        AlertActionKind.other: N_("Other, with a note"),
    },
    "file.file": {
        "alerts": N_("Alerts"),
        "report": N_("Report"),
        "rows": N_("Rows behind a number of the report"),
        "form": N_("Certified copy of a form"),
    },
    "file.contents": REPORT_TABLES,
    "page.page": {
        "scores": N_("Scores"),
        "score_list": N_("List of scores"),
        "report": N_("Report"),
        "rows": N_("Rows behind a number of the report"),
        "matrix": N_("Matrix"),
        "changes": N_("Changes between cuts"),
        "alert": N_("Alert"),
        "participant": N_("Participant"),
        "history": N_("History"),
        "form": N_("Form"),
        "matter": N_("Matter to settle"),
        "correction": N_("Correction"),
        "dates": N_("Dates"),
        "alerts": N_("Alerts"),
        "today": N_("Today"),
        "call_sheet": N_("Call sheet"),
        "participants": N_("Participants"),
        "to_sign": N_("Corrections"),
        "access": N_("Sign-in problems"),
    },
    "page.contents": {**REPORT_TABLES, **REPORT_PARTS},
    "trail.by": ACTOR_WORDS,
    "trail.file": {"csv": "CSV", "ndjson": "NDJSON"},
}
"""By table and field. A response repeats what its form says (`ALIKE`)."""
HAND_OVER_ENDS: _WordTable = {
    HandOverEnd.sent: N_("The form was sent"),
    HandOverEnd.idle: N_("Nobody used it any more"),
    HandOverEnd.returned: N_("The participant gave it back"),
    HandOverEnd.staff: N_("Staff signed in"),
}
REASON_WORDS: _WordTable = {
    **HAND_OVER_ENDS,
    **_EXIT,
    **VALUE_WORDS["quarantine.reason"],
    EDC_UPDATE: N_("The EDC sent it"),
}
"""Reasons that the program itself gives as codes."""
ALIKE: Mapping[str, str] = {
    "response.helped_by": "slot.helped_by",
    "device.helper": "slot.helped_by",
    "response.late_reason": "slot.late_reason",
    "paper_entry.helped_by": "slot.helped_by",
    "paper_entry.late_reason": "slot.late_reason",
    "alert_message.state": "message.state",
    "alert_message.failure": "message.failure",
    "alert_message.channel": "message.channel",
}


def find_value_words(table: str, field: str) -> _WordTable:
    """The words of the coded values of a field; none where it has no codes."""
    name = f"{table}.{field}"
    return VALUE_WORDS.get(ALIKE.get(name, name), {})
