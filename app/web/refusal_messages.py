"""Words and status for every code with which the core refuses; a test holds the table complete.

`%(name)s` in a sentence is a detail of the refusal. A 404 has no sentence of its own: what is not
there and what is somebody else's look the same.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.web.pages.matter_refusals import MATTER_REFUSALS
from app.web.pages.people_refusals import PEOPLE_REFUSALS


class RefusalMessage(NamedTuple):
    """How a refusal is shown: HTTP status, a sentence for people, and the slug of its problem type."""

    status: int
    sentence: str
    kind: str


def _conflict(sentence: str, kind: str = "not-acceptable") -> RefusalMessage:
    return RefusalMessage(409, sentence, kind)


def _invalid(sentence: str, kind: str = "validation") -> RefusalMessage:
    return RefusalMessage(422, sentence, kind)


def _absent(kind: str) -> RefusalMessage:
    return RefusalMessage(404, "", kind)


MESSAGES: Mapping[str, RefusalMessage] = {
    # the report
    "unknown_figure": _invalid(N_("The report has no such figure, or you may not see it.")),
    # requests
    "cross_site": RefusalMessage(
        403, N_("This request came from another site. Please open the page again."), "forbidden"
    ),
    "permission_missing": RefusalMessage(
        403,
        N_(
            "In this study (%(study)s) you may not: %(permission)s."
            " An administrator of the study can give you this permission."
        ),
        "forbidden",
    ),
    "too_large": RefusalMessage(413, N_("This is too much at once."), "too-large"),
    "not_allowed": RefusalMessage(405, N_("This page cannot be used in this way."), "method-not-allowed"),
    "page_outdated": _conflict(
        N_("This page cannot be used any more. Please look at it again, then decide. Nothing was changed.")
    ),
    "page_used": _conflict(
        N_("This page was used already, with something else in it. Nothing more was changed.")
    ),
    "state_changed": _conflict(
        N_(
            "Something changed since you were shown this. Nothing was recorded."
            " Please look at it as it is now, then decide."
        )
    ),
    "preview_changed": _conflict(
        N_(
            "What this would change is no longer what you were shown. Nothing was recorded."
            " Please look at it as it is now, then decide."
        )
    ),
    "unknown_language": _invalid(N_("This language is not offered.")),
    "control_characters": _invalid(
        N_("%(field)s: this holds characters that cannot be stored. Please type it anew.")
    ),
    # answers
    "unknown_item": _invalid(N_("%(item)s is not a question of this form.")),
    "out_of_range": _invalid(N_("%(item)s: please choose a value from %(low)s to %(high)s.")),
    "wrong_kind": _invalid(N_("%(item)s: this answer must be a %(allowed)s.")),
    "altered_answer": _invalid(N_("%(item)s: this answer was changed on the phone and cannot be taken.")),
    "must_answer": _invalid(N_("%(item)s: please answer this question.")),
    "unanswered": _invalid(N_("Questions without an answer: %(items)s.")),
    "not_reviewed": _invalid(N_("Please check your answers before you send them.")),
    "not_comparable": _conflict(N_("These scores cannot be compared.")),
    "not_yet_open": _conflict(N_("This form is not open yet."), "locked"),
    "window_closed": _conflict(N_("This form closed on %(day)s."), "locked"),
    "not_expected": _conflict(N_("This form is not expected any more."), "locked"),
    "malformed": RefusalMessage(400, N_("This could not be read."), "malformed"),
    "unknown_field": _invalid(N_("%(field)s is not expected here. Allowed: %(allowed)s.")),
    "bad_field": _invalid(N_("%(field)s must be %(allowed)s.")),
    "invalid_answers": _invalid(N_("These answers are not possible: %(items)s.")),
    "not_begun": _conflict(N_("This form has not been begun."), "locked"),
    "already_submitted": _conflict(N_("This form was already sent. The first answers stand."), "locked"),
    "arrived_too_late": _conflict(
        N_("These answers came after the form closed on %(day)s. They are kept."), "locked"
    ),
    "late_reason_needed": _invalid(N_("Please say why this entry is late.")),
    # coming in
    "not_signed_in": RefusalMessage(401, N_("Please sign in again."), "unauthorized"),
    "locked": RefusalMessage(401, N_("Please confirm that it is you."), "unauthorized"),
    "wrong_link": RefusalMessage(404, "", "not-found"),
    "wrong_pin": RefusalMessage(403, N_("This PIN is not the right one."), "forbidden"),
    "wrong_birth_date": RefusalMessage(403, N_("This date is not the right one."), "forbidden"),
    "unknown_choice": _invalid(N_("This is not offered. Allowed: %(allowed)s.")),
    "this_device": _conflict(N_("This is the phone in your hand. To leave it, log out.")),
    "bad_pin": _invalid(N_("The PIN must be %(allowed)s.")),
    "pins_differ": _invalid(N_("The two PINs are not the same.")),
    "throttled": RefusalMessage(
        429, N_("There were too many tries. Please try again in one hour."), "rate-limited"
    ),
    "sign_in_busy": RefusalMessage(
        503, N_("Many people are signing in at this moment. Please try again in a few seconds."), "busy"
    ),
    "weak_password": _invalid(N_("The password needs at least %(least)s characters.")),
    "common_password": _invalid(N_("This password is easy to guess. Please choose another.")),
    "participation_ended": _conflict(N_("This person does not take part any more.")),
    # what participants set and ask for
    "unknown_request": _absent("unknown-request"),
    "request_closed": _conflict(N_("This request was closed already.")),
    "outcome_needed": _invalid(N_("Please write what came of it.")),
    "words_too_long": _invalid(N_("These words are too long. At most %(most)s characters.")),
    # enrolment and setting up
    "bad_subject": _invalid(N_("This code does not have the study's form: %(allowed)s."), "validation"),
    "subject_of_other_site": _invalid(
        N_("%(subject)s is a code of site %(allowed)s, and cannot be used at site %(site)s.")
    ),
    "subject_exists": _conflict(N_("%(subject)s is enrolled already."), "exists"),
    "consent_needed": _invalid(N_("Version and date of the consent are needed.")),
    "birth_date_needed": _conflict(
        N_("This study confirms people by their birth date. Please record it first.")
    ),
    "bad_birth_date": _invalid(N_("Please check the birth date.")),
    "birth_date_not_asked": _conflict(N_("This study does not ask for the birth date.")),
    "no_language": _invalid(N_("The study is not done in this language. Allowed: %(allowed)s.")),
    "address_needed": _invalid(N_("Reminders need an address.")),
    "bad_address": _invalid(N_("This is no address for reminders. Allowed: %(allowed)s.")),
    "study_exists": _conflict(N_("The study %(study)s exists already."), "exists"),
    "site_exists": _conflict(N_("The site %(site)s exists already."), "exists"),
    "staff_exists": _conflict(N_("There is an account for %(email)s already."), "exists"),
    "pack_missing": _conflict(
        N_("The official wording of %(instrument)s in %(language)s is missing. Its pack must be imported.")
    ),
    "pack_expired": _conflict(
        N_("The licence for the wording of %(instrument)s in %(language)s ended on %(day)s.")
    ),
    "pack_altered": _conflict(
        N_("The stored wording of %(instrument)s in %(language)s was altered. It is not shown.")
    ),
    "demo_takes_no_pack": _conflict(N_("A demonstration never shows licensed wording.")),
    "pack_of_other_study": _conflict(N_("This pack is licensed to the study %(study)s.")),
    "not_in_plan": _conflict(N_("The plan does not use %(instrument)s. It uses: %(allowed)s.")),
    "unknown_wording": _absent("unknown-wording"),
    "draft_plan": _conflict(N_("This plan is a draft, which only a demonstration may use.")),
    "clock_behind": _conflict(
        N_(
            "The clock shows %(clock)s, but the newest entry of the audit trail is of %(newest)s. Set the"
            " clock right, or confirm that it is right: daybook clock confirm --reason …"
        )
    ),
    "clock_ahead": _conflict(
        N_(
            "The clock shows %(clock)s, long after the newest entry of the audit trail, %(newest)s. Set the"
            " clock right, or confirm that it is right: daybook clock confirm --reason …"
        )
    ),
    "mixed_modes": _conflict(N_("A demonstration and a trial cannot share a database.")),
    "demonstration_incomplete": _conflict(
        N_("The demonstration was interrupted while it was made. Begin anew with --reset.")
    ),
    "not_a_demonstration": _conflict(
        N_("%(database)s holds no demonstration. It is left as it is; choose another file.")
    ),
    "admin_conduct": _conflict(N_("Who administers accounts cannot take part in the conduct of a study.")),
    "unknown_staff": _absent("unknown-staff"),
    "unknown_slot": _absent("unknown-assessment"),
    # site staff
    "wrong_sign_in": RefusalMessage(403, N_("E-mail address and password do not fit."), "forbidden"),
    "wrong_code": RefusalMessage(
        403, N_("This code is not the right one, or it was used already."), "forbidden"
    ),
    "unknown_device": _absent("unknown-device"),
    # corrections
    "unknown_correction": _absent("unknown-correction"),
    "nothing_to_correct": _invalid(
        N_("Please choose at least one question whose answer shall change, and another answer for it.")
    ),
    "new_answer_needed": _invalid(
        N_("Question %(item)s: please give the new answer, or mark it as left blank.")
    ),
    "correction_reason_needed": _invalid(N_("Question %(item)s: please say why the answer is wrong.")),
    "words_needed": _invalid(N_("Please write what the participant said, in their own words.")),
    "identifying_words": _invalid(
        N_(
            "This seems to hold a telephone number, an identity number or an e-mail address."
            " Please leave it out."
        )
    ),
    "evidence_needed": _invalid(N_("Please say how the participant confirmed it.")),
    "correction_decided": _conflict(N_("This correction was decided already. See below what was decided.")),
    "own_correction": RefusalMessage(
        403, N_("You proposed this correction. Another investigator must sign it."), "forbidden"
    ),
    "unknown_outcome": _invalid(N_("Please choose whether you approve or decline the correction.")),
    "decline_reason_needed": _invalid(N_("Please write why you decline the correction.")),
    "second_reason_needed": _invalid(
        N_("The form was sent more than %(days)s days ago. Please write why it is corrected so late.")
    ),
    "answer_changed": _conflict(
        N_(
            "Question %(items)s has another answer now than when this was proposed. See below."
            " You can decline it; if it is still wrong, propose it anew."
        )
    ),
    "wrong_password": RefusalMessage(403, N_("This password is not right."), "forbidden"),
    "unknown_exemption": _invalid(N_("The plan knows no such exemption. Allowed: %(allowed)s.")),
    "not_excusable": _conflict(N_("Only an expected form that nobody has begun can be excused.")),
    "contact_outcome": _invalid(N_("Please choose the outcome.")),
    "contact_note": _invalid(N_("Please write a few words about the outcome.")),
    "next_try": _invalid(N_("The next try is today or at most %(most)s days later.")),
    "call_not_settled": _invalid(
        N_("Only a call that reached them settles their request. Please take the tick out.")
    ),
    "unknown_contact": _absent("not-found"),
    "contact_corrected": _conflict(N_("This entry was corrected already. Please correct the newest one.")),
    "correction_reason": _invalid(N_("Please give the reason for the correction.")),
    "snooze_reason": _invalid(N_("Please say why it can wait.")),
    "snooze_until": _invalid(N_("Please choose a day from tomorrow on, at most %(most)s days ahead.")),
    "nothing_to_snooze": _conflict(
        N_("There is nothing to snooze: this participant is not on the list any more.")
    ),
    "not_snoozed": _conflict(N_("This participant is on the list already.")),
    "nobody_chosen": _invalid(N_("Please choose at least one participant.")),
    "too_many_chosen": _invalid(N_("Please choose at most %(most)s participants.")),
    "form_not_open": _conflict(N_("A reminder can be sent only of a form that is open.")),
    "reminders_not_wanted": _conflict(
        N_("This person wants no reminders, or there is no address for them. Please call instead.")
    ),
    "reminders_paused": _conflict(
        N_("This person paused their reminders. Please wait until the pause ends, or call.")
    ),
    "reminded_today": _conflict(
        N_("Staff had a reminder sent to this person today already. The next can go tomorrow.")
    ),
    "reminder_limit": _conflict(
        N_("This form has had all the reminders that it may have. Please call instead.")
    ),
    "outside_hours": _conflict(N_("Reminders can be sent from 08:00 to 21:00, where the person lives.")),
    "unknown_reason": _invalid(N_("This is no reason of the list. Allowed: %(allowed)s.")),
    "note_needed": _invalid(N_("Please write what the other reason is.")),
    "not_missed": _conflict(N_("Only a missed form has a reason for being missed.")),
    "no_contact": _conflict(N_("There is no address for this person.")),
    "identity_needed": _invalid(N_("Please say how identity was checked.")),
    "unknown_channel": _invalid(N_("Reminders go by one of these: %(allowed)s.")),
    "unknown_disposition": _invalid(N_("Please choose what happened.")),
    # the EDC
    "invalid_client": RefusalMessage(401, N_("Client and secret do not fit."), "unauthorized"),
    "invalid_token": RefusalMessage(401, N_("This token is not valid any more."), "unauthorized"),
    "invalid_scope": RefusalMessage(
        400, N_("This client may ask for these scopes only: %(allowed)s."), "insufficient-scope"
    ),
    "invalid_request": RefusalMessage(
        400, N_("This request lacks something. Needed: %(allowed)s."), "malformed"
    ),
    "unsupported_grant_type": RefusalMessage(
        400, N_("Tokens are given in one way only: %(allowed)s."), "malformed"
    ),
    "insufficient_scope": RefusalMessage(
        403, N_("The token lacks the scope %(scope)s."), "insufficient-scope"
    ),
    "scope_needed": _invalid(N_("%(field)s must be %(allowed)s.")),
    "unknown_client": _absent("unknown-client"),
    "one_secret": _conflict(N_("This client has one secret only; add another first.")),
    "two_secrets": _conflict(N_("This client has two secrets already; retire one first.")),
    "stale_update": _conflict(N_("A newer state of %(stored)s is stored already."), "stale-update"),
    "version_mismatch": RefusalMessage(
        412, N_("It has changed since it was read; please read it again."), "version-mismatch"
    ),
    "contradicting_body": _conflict(
        N_("Another state was sent for the same moment, %(as_of)s. The first one stands."), "contradiction"
    ),
    "read_only": _invalid(N_("%(field)s cannot be set; it is taken as it is served, or not at all.")),
    "no_acceptable_type": RefusalMessage(
        406, N_("None of these is acceptable: %(allowed)s."), "no-acceptable-type"
    ),
    "feed_epoch_changed": _conflict(
        N_("This feed has begun anew; please take a snapshot."), "feed-epoch-changed"
    ),
    "feed_ahead": _conflict(
        N_("This feed ends at %(head)s. The operator has been told."), "feed-epoch-changed"
    ),
    "unknown_assessment": _absent("unknown-assessment"),
    "unknown_arm": _invalid(N_("This arm is not part of the plan. Allowed: %(allowed)s.")),
    "no_anchor": _absent("unknown-anchor"),
    "no_visit": _absent("unknown-visit"),
    "too_fast": RefusalMessage(429, N_("There were too many requests. Please slow down."), "rate-limited"),
    "date_needed": _invalid(N_("%(field)s: a date is needed.")),
    "instant_differs": _invalid(N_("%(field)s does not fall on %(date)s in %(zone)s.")),
    "site_fixed": _conflict(N_("The site of a participant cannot change. Allowed: %(allowed)s.")),
    "undone_by_site": _conflict(N_("Only the site can undo %(disposition)s.")),
    # studies, plans and dates
    "unknown_instrument": _absent("unknown-instrument"),
    "unknown_plan": _absent("unknown-plan"),
    "unknown_study": _absent("unknown-study"),
    "unknown_site": _invalid(N_("This site is not part of the study. Allowed: %(allowed)s.")),
    "unknown_participant": _absent("unknown-participant"),
    "unknown_visit": _invalid(
        N_("This visit is not part of the plan. Allowed: %(allowed)s."), "unknown-visit"
    ),
    "unknown_anchor": _invalid(N_("This kind of date is not part of the plan. Allowed: %(allowed)s.")),
    "not_own_site": _invalid(N_("This is none of your sites. Allowed: %(allowed)s.")),
    "days_reversed": _invalid(N_("%(field)s: this day is before the first one.")),
    "unknown_zone": _invalid(
        N_("This time zone is not known. Enter its name in the IANA list, such as Asia/Shanghai.")
    ),
    "no_translation": _conflict(N_("This form is not there in this language.")),
    "anchor_unknown": _conflict(
        N_("The date that visit %(visit)s counts from is not known yet: %(anchor)s.")
    ),
    "bad_date": _invalid(N_("%(field)s: please write a date as %(allowed)s.")),
    "impossible_date": _invalid(N_("%(field)s: a date must lie between %(earliest)s and %(latest)s.")),
    "bad_visit_number": _invalid(N_("The number of visit %(visit)s starts at %(low)s.")),
    "date_out_of_range": _invalid(N_("This date must lie between %(low)s and %(high)s.")),
    "dates_contradict": _conflict(
        N_("This date contradicts another one: %(kind)s, %(other)s. Please check both.")
    ),
    "visit_begun": _conflict(N_("Visit %(visit)s has answers and cannot be cancelled.")),
    "before_enrolment": _invalid(N_("This date is before the enrolment. Earliest: %(earliest)s.")),
    "date_in_future": _invalid(N_("This date is in the future. Latest: %(latest)s.")),
    "outside_window": _invalid(N_("Visit %(visit)s must lie between %(low)s and %(high)s.")),
    "visit_exists": _conflict(N_("%(visit)s was added from %(day)s already.")),
    "address_without_channel": _invalid(
        N_("An address stands beside “No reminders”. Please choose how to remind, or empty the address.")
    ),
    "nothing_to_undo": _conflict(N_("There is nothing to undo.")),
    "reason_needed": _invalid(N_("Please give a reason.")),
    "would_be_missed": _conflict(N_("These forms would be missed at once: %(slots)s. Please confirm.")),
    # files of answers
    "no_header": _invalid(N_("The file has no header. Expected columns: %(allowed)s.")),
    "missing_columns": _invalid(
        N_(
            "The file lacks the columns %(columns)s. It was read with this delimiter: %(delimiter)s; "
            "possible are %(delimiters)s."
        )
    ),
    "duplicate_columns": _invalid(N_("The file has columns twice: %(columns)s.")),
    "reserved_columns": _invalid(N_("The file already has the columns %(columns)s, which scoring adds.")),
    "not_utf8": _invalid(N_("The file is not written in UTF-8: line %(line)s.")),
    "bad_csv": _invalid(N_("The file is no valid CSV at line %(line)s.")),
    "line_break_in_cell": _invalid(
        N_(
            "Line %(line)s opens a quotation that goes on in the next line. Correct it, or allow line breaks "
            "in cells (--allow-line-breaks)."
        )
    ),
    "unclosed_quote": _invalid(N_("Line %(line)s opens a quotation that does not end.")),
    "line_too_long": _invalid(N_("Line %(line)s is longer than %(allowed)s characters.")),
    "missing_is_answer": _invalid(
        N_("%(value)s cannot stand for a missing answer: it is a possible answer to %(item)s.")
    ),
    "nothing_to_score": _conflict(N_("This questionnaire has no scales to score.")),
    # the installation
    "bad_head_file": _conflict(N_("%(file)s is no file of heads. Look what became of it.")),
    "not_a_backup": _invalid(N_("%(file)s is no backup of Daybook: %(why)s.")),
    "wrong_key": RefusalMessage(500, N_("The key of this installation does not fit its data."), "internal"),
    **{code: RefusalMessage(*row) for code, row in {**PEOPLE_REFUSALS, **MATTER_REFUSALS}.items()},
}

UNKNOWN_MESSAGE = _conflict(N_("That is not possible."))


class _Details(dict[str, object]):
    """A detail that a refusal does not carry reads as a dash, rather than failing while failing."""

    def __missing__(self, key: str) -> str:
        return "–"


def message_of(refused: Refused) -> RefusalMessage:
    """The status and words of a refusal."""
    return MESSAGES.get(refused.code, UNKNOWN_MESSAGE)


def fill_message(sentence: str, refused: Refused, write: Callable[[object], str] = str) -> str:
    """A (translated) sentence with the refusal's details in their places, each as `write` puts it."""
    return sentence % _Details({name: _listed(value, write) for name, value in refused.details.items()})


def _listed(value: object, write: Callable[[object], str]) -> str:
    return ", ".join(map(write, value)) if isinstance(value, list | tuple | set | frozenset) else write(value)


def explain_refusal(refused: Refused) -> str:
    """The sentence in English and the refusal's code, for a terminal."""
    sentence = fill_message(message_of(refused).sentence, refused)
    return f"{sentence} [{refused.code}]" if sentence else str(refused)
