"""What each field of a plan is called where two versions of it are compared, before translation."""

from collections.abc import Mapping

from app.clinic.trail.value_words import VALUE_WORDS
from app.domain.instruments.definition import Comparison
from app.domain.plans.plan import Anchoring, Appearance, Owner, SecondCheck
from app.domain.plans.windows import Unit
from app.domain.records.access import Permission
from app.i18n.marking import N_
from app.web.pages.code_words import ROLE_WORDS

PARTS: Mapping[str, str] = {
    "title": N_("Title of the study"),
    "neutral_name": N_("Name of the study for participants"),
    "zone": N_("Time zone"),
    "languages": N_("Languages"),
    "blinded": N_("Blinded"),
    "participants": N_("Number of participants"),
    "subject_pattern": N_("Pattern of participant codes"),
    "arms": N_("Treatment arm"),
    "anchors": N_("Kind of date"),
    "instruments": N_("Questionnaire"),
    "visits": N_("Visit"),
    "diary": N_("Diary"),
    "grace_hours": N_("Hours for finishing a started form after it closed"),
    "follow_up_weeks": N_("Weeks of follow-up"),
    "reminders": N_("Reminders"),
    "idle_minutes": N_("Minutes until the phone locks"),
    "second_check": N_("Second check of the participant"),
    "outbox": N_("Answers wait on the phone without a connection"),
    "opens_offline": N_("Forms open without a connection"),
    "shows_answers": N_("Participants can read what they sent"),
    "reads_aloud": N_("The phone can read questions out"),
    "appearance": N_("Look of the form"),
    "missed_reasons": N_("Reasons for missed forms"),
    "exemptions": N_("Exemptions"),
    "exemption_labels": N_("Name of the exemption"),
    "monitoring": N_("Who watches the answers"),
    "monitoring_reason": N_("Why nobody watches the answers"),
    "first_date": N_("No date is earlier than"),
    "last_date": N_("No date is later than"),
    "confirms_contradictions": N_("Dates out of order can be confirmed"),
    "worklist": N_("Work list"),
    "correction_days": N_("Days after which a correction needs a second reason"),
    "double_paper_entry": N_("Paper forms are entered twice"),
    "alert_rules": N_("Alert"),
    "out_of_hours": N_("At night and on holidays"),
    "emergency_phone": N_("Emergency number"),
    "role_views": N_("What a role may see"),
}
"""By field of the plan; a test holds it complete."""

ASPECTS: Mapping[str, str] = {
    # dates
    "owner": N_("Recorded by"),
    "arm_revealing": N_("Reveals the treatment arm"),
    "labels": N_("Title"),
    "after": N_("Not before"),
    "planned": N_("Can lie ahead"),
    # arms and questionnaires
    "name": N_("Title"),
    "version": N_("Version"),
    "leave_out": N_("Questions left out"),
    "urgent": N_("Answers that mean “call now”"),
    "ask": N_("Only questions asked"),
    "form_names": N_("Title"),
    "thresholds": N_("Thresholds on the plots"),
    # visits and diary
    "series": N_("Series"),
    "anchor": N_("Counted from"),
    "anchoring": N_("How it is counted"),
    "unit": N_("Unit"),
    "offsets": N_("Distance"),
    "before": N_("Days open before the target day"),
    "overdue_after": N_("Days until it is overdue"),
    "closes_with": N_("Closes early with"),
    "arms": N_("Only for the arms"),
    "instruments": N_("Questionnaires"),
    "waits": N_("Expected before the date is known"),
    "on_request": N_("Only when staff request it"),
    "repeatable": N_("Can be repeated"),
    "occasion": N_("Name for participants"),
    "instrument": N_("Questionnaire"),
    "phases": N_("Phases"),
    "entry_days": N_("Days in which an entry can be made later"),
    "opens_at": N_("Earliest time of day for an entry"),
    "reason_after": N_("Days late after which a reason is asked"),
    # reminders
    "moments": N_("Reminders of a visit"),
    "at": N_("Time of day for visits"),
    "diary_at": N_("Time of day for the diary"),
    # the work list
    "closing_days": N_("Days before a form closes"),
    "idle_days": N_("Days since a form was started"),
    "unused_days": N_("Days without signing in after enrolment"),
    "undelivered_days": N_("Days in which a message was not delivered"),
    "diary_days": N_("Diary days that are looked at"),
    "diary_least": N_("Least number of closed diary days"),
    "diary_weeks": N_("Diary weeks missed in a row"),
    "opens_days": N_("Days before a form opens"),
    # roles
    "sees": N_("What a role may see"),
    # alerts
    "item": N_("Question"),
    "scale": N_("Scale"),
    "op": N_("Comparison"),
    "value": N_("Threshold"),
    "tell": N_("Told at once"),
    "within_hours": N_("Hours to acknowledge"),
    "escalate_to": N_("Told if nobody acknowledges"),
    "escalate_after_hours": N_("Hours until then"),
}
"""By field of the things of a plan; a test holds it complete but for the codes that name them."""

OPEN_AFTER = N_("Days open after the target day")
"""What `after` is of a visit."""

CODES: Mapping[str, str] = {
    "yes": N_("yes"),
    "no": N_("no"),
    "alerts": N_("Alerts, by rules"),
    Comparison.EQUAL: N_("exactly"),
    Comparison.AT_LEAST: N_("at least"),
    Comparison.AT_MOST: N_("at most"),
    Unit.days: N_("days"),
    Unit.weeks: N_("weeks"),
    Unit.months: N_("months"),
    Owner.site: N_("site"),
    Owner.edc: N_("EDC"),
    Anchoring.fixed: N_("from a date that all share"),
    Anchoring.event: N_("from an event"),
    Anchoring.previous: N_("from the visit before"),
    SecondCheck.pin: N_("PIN"),
    SecondCheck.birth_date: N_("birth date"),
    SecondCheck.none: N_("none"),
    Appearance.light: N_("always light"),
    Appearance.auto: N_("as the phone is set"),
    Permission.ARM_SEE: N_("Treatment arm"),
    Permission.ANSWERS_SEE: N_("Answers"),
    Permission.SCORES_SEE: N_("Scores"),
    **ROLE_WORDS,
    **VALUE_WORDS["message.kind"],
    **VALUE_WORDS["slot.missed_reason"],
}
"""Values that are codes; a code means the same wherever it stands."""
