"""Words and status for every code with which the core refuses; a test holds the table complete.

`%(name)s` in a sentence is a detail of the refusal. A 404 has no sentence of its own: what is not
there and what is somebody else's look the same.
"""

from collections.abc import Callable, Mapping

from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.web.pages.dataset_refusals import DATASET_REFUSALS
from app.web.pages.desk_refusals import DESK_REFUSALS
from app.web.pages.people_refusals import PEOPLE_REFUSALS
from app.web.pages.refusal_message import RefusalMessage, make_absent, make_conflict, make_invalid

MESSAGES: Mapping[str, RefusalMessage] = {
    # the report
    "unknown_figure": make_invalid(N_("The report has no such figure, or you may not see it.")),
    # requests
    "cross_site": RefusalMessage(
        403, N_("This request came from another site. Please open the page again."), "forbidden"
    ),
    "permission_missing": RefusalMessage(
        403,
        N_(
            "You do not have permission to %(permission)s in this study (%(study)s)."
            " An administrator of the study can give you this permission."
        ),
        "forbidden",
    ),
    "no_role": RefusalMessage(
        403,
        N_(
            "You have no role at the moment: none was given yet, or it ended."
            " An administrator can give you one."
        ),
        "forbidden",
    ),
    "too_large": RefusalMessage(413, N_("This is too large."), "too-large"),
    "not_allowed": RefusalMessage(405, N_("This page cannot be used in this way."), "method-not-allowed"),
    "page_outdated": make_conflict(
        N_("This page can no longer be used. Please look at it again, then decide. Nothing was changed.")
    ),
    "page_used": make_conflict(
        N_("This page was already used with other contents. Nothing else was changed.")
    ),
    "state_changed": make_conflict(
        N_(
            "Something changed since you were shown this. Nothing was recorded."
            " Please look at it as it is now, then decide."
        )
    ),
    "preview_changed": make_conflict(
        N_(
            "What this would change is no longer what you were shown. Nothing was recorded."
            " Please look at it as it is now, then decide."
        )
    ),
    "unknown_language": make_invalid(N_("This language is not offered.")),
    "control_characters": make_invalid(
        N_("%(field)s: this contains characters that can't be stored. Please enter it again.")
    ),
    # answers
    "unknown_item": make_invalid(N_("%(item)s is not a question of this form.")),
    "out_of_range": make_invalid(N_("%(item)s: please choose a value from %(low)s to %(high)s.")),
    "wrong_kind": make_invalid(N_("%(item)s: this answer must be a %(allowed)s.")),
    "altered_answer": make_invalid(
        N_("%(item)s: this answer was changed on the phone and can't be accepted.")
    ),
    "must_answer": make_invalid(N_("%(item)s: please answer this question.")),
    "unanswered": make_invalid(N_("Questions without an answer: %(items)s.")),
    "who_needed": make_invalid(N_("Please say who is filling this in.")),
    "nothing_ticked": make_invalid(
        N_("%(item)s: nothing is ticked. Please tick what was there, or “none of these”.")
    ),
    "not_reviewed": make_invalid(N_("Please check your answers before you send them.")),
    "not_comparable": make_conflict(N_("These scores cannot be compared.")),
    "not_yet_open": make_conflict(N_("This form is not open yet."), "locked"),
    "window_closed": make_conflict(N_("This form closed on %(day)s."), "locked"),
    "not_expected": make_conflict(N_("This form is no longer expected."), "locked"),
    "malformed": RefusalMessage(400, N_("This could not be read."), "malformed"),
    "unknown_field": make_invalid(N_("%(field)s is not expected here. Allowed: %(allowed)s.")),
    "bad_field": make_invalid(N_("%(field)s must be %(allowed)s.")),
    "invalid_answers": make_invalid(N_("These answers are not possible: %(items)s.")),
    "not_begun": make_conflict(N_("This form has not been started."), "locked"),
    "already_submitted": make_conflict(N_("This form was already sent. The first answers count."), "locked"),
    "arrived_too_late": make_conflict(
        N_("These answers came after the form closed on %(day)s. They are kept."), "locked"
    ),
    "late_reason_needed": make_invalid(N_("Please say why this entry is late.")),
    # coming in
    "not_signed_in": RefusalMessage(401, N_("Please sign in again."), "unauthorized"),
    "hand_over_ended": RefusalMessage(
        401, N_("Please give the tablet back to your study team."), "unauthorized"
    ),
    "locked": RefusalMessage(401, N_("Please confirm that it is you."), "unauthorized"),
    "wrong_link": RefusalMessage(404, "", "not-found"),
    "wrong_pin": RefusalMessage(403, N_("This PIN is wrong."), "forbidden"),
    "wrong_birth_date": RefusalMessage(403, N_("This date is wrong."), "forbidden"),
    "unknown_choice": make_invalid(N_("Please choose from the list.")),
    "this_device": make_conflict(N_("This is the phone you're using. To stop using it, log out.")),
    "bad_pin": make_invalid(N_("The PIN must be %(allowed)s.")),
    "pins_differ": make_invalid(N_("The two PINs are not the same.")),
    "throttled": RefusalMessage(
        429, N_("There were too many tries. Please try again in one hour."), "rate-limited"
    ),
    "sign_in_busy": RefusalMessage(
        503, N_("Many people are signing in at this moment. Please try again in a few seconds."), "busy"
    ),
    "weak_password": make_invalid(N_("The password needs at least %(least)s characters.")),
    "common_password": make_invalid(N_("This password is easy to guess. Please choose another.")),
    "participation_ended": make_conflict(N_("This person no longer takes part.")),
    # what participants set and ask for
    "unknown_request": make_absent("unknown-request"),
    "request_closed": make_conflict(N_("This request was already closed.")),
    "correction_under_way": make_conflict(N_("A correction of this form is already being checked.")),
    "outcome_needed": make_invalid(N_("Please write the outcome.")),
    "words_too_long": make_invalid(N_("These words are too long. At most %(most)s characters.")),
    # enrolment and setting up
    "bad_subject": make_invalid(N_("This code doesn't match the study's pattern: %(allowed)s.")),
    "subject_not_plain": make_invalid(
        N_("A code has at most %(most)s characters: plain letters, digits and punctuation.")
    ),
    "subject_of_other_site": make_invalid(
        N_("%(subject)s is a code of site %(allowed)s, and cannot be used at site %(site)s.")
    ),
    "subject_exists": make_conflict(N_("%(subject)s is already enrolled."), "exists"),
    "consent_needed": make_invalid(N_("Version and date of the consent are needed.")),
    "birth_date_needed": make_conflict(
        N_("This study confirms people by their birth date. Please record it first.")
    ),
    "bad_birth_date": make_invalid(N_("Please check the birth date.")),
    "birth_date_not_asked": make_conflict(N_("This study does not ask for the birth date.")),
    "no_language": make_invalid(N_("The study isn't available in this language. Allowed: %(allowed)s.")),
    "address_needed": make_invalid(N_("Reminders need an address.")),
    "bad_address": make_invalid(N_("This isn't an address for reminders. Allowed: %(allowed)s.")),
    "study_exists": make_conflict(N_("The study %(study)s exists already."), "exists"),
    "site_exists": make_conflict(N_("The site %(site)s exists already."), "exists"),
    "staff_exists": make_conflict(N_("There is an account for %(email)s already."), "exists"),
    "pack_missing": make_conflict(
        N_("The official wording of %(instrument)s in %(language)s is missing. Its pack must be imported.")
    ),
    "pack_expired": make_conflict(
        N_("The licence for the wording of %(instrument)s in %(language)s ended on %(day)s.")
    ),
    "pack_altered": make_conflict(
        N_("The stored wording of %(instrument)s in %(language)s was altered. It is not shown.")
    ),
    "demo_takes_no_pack": make_conflict(N_("A demonstration never shows licensed wording.")),
    "pack_of_other_study": make_conflict(N_("This pack is licensed to the study %(study)s.")),
    "not_in_plan": make_conflict(N_("The plan does not use %(instrument)s. It uses: %(allowed)s.")),
    "older_plan": make_conflict(
        N_("This study follows version %(present)s of its plan, and none that is older (%(version)s).")
    ),
    "draft_plan": make_conflict(N_("This plan is a draft, which only a demonstration may use.")),
    "clock_behind": make_conflict(
        N_(
            "The clock shows %(clock)s, but the newest entry of the audit trail is of %(newest)s. Set the"
            " clock right, or confirm that it is right: daybook clock confirm --reason …"
        )
    ),
    "clock_ahead": make_conflict(
        N_(
            "The clock shows %(clock)s, long after the newest entry of the audit trail, %(newest)s. Set the"
            " clock right, or confirm that it is right: daybook clock confirm --reason …"
        )
    ),
    "mixed_modes": make_conflict(N_("A demonstration and a trial cannot share a database.")),
    "demonstration_incomplete": make_conflict(
        N_("The demonstration was interrupted while it was being made. Start again with --reset.")
    ),
    "not_a_demonstration": make_conflict(
        N_("%(database)s holds no demonstration. It is left as it is; choose another file.")
    ),
    "admin_conduct": make_conflict(
        N_("An administrator of accounts can't take part in the conduct of a study.")
    ),
    "unknown_staff": make_absent("unknown-staff"),
    "unknown_slot": make_absent("unknown-assessment"),
    # site staff
    "wrong_sign_in": RefusalMessage(403, N_("The e-mail address or password is wrong."), "forbidden"),
    "code_expired": make_conflict(N_("This code has expired. Please ask for a new one.")),
    "wrong_code": RefusalMessage(403, N_("This code is wrong or was already used."), "forbidden"),
    "unknown_device": make_absent("unknown-device"),
    # the EDC
    "invalid_client": RefusalMessage(401, N_("The client or the secret is wrong."), "unauthorized"),
    "invalid_token": RefusalMessage(401, N_("This token is not valid any more."), "unauthorized"),
    "invalid_scope": RefusalMessage(
        400, N_("This client may ask for these scopes only: %(allowed)s."), "insufficient-scope"
    ),
    "invalid_request": RefusalMessage(
        400, N_("Something is missing from this request. Needed: %(allowed)s."), "malformed"
    ),
    "unsupported_grant_type": RefusalMessage(
        400, N_("Tokens are issued in one way only: %(allowed)s."), "malformed"
    ),
    "insufficient_scope": RefusalMessage(
        403, N_("The token lacks the scope %(scope)s."), "insufficient-scope"
    ),
    "scope_needed": make_invalid(N_("%(field)s must be %(allowed)s.")),
    "unknown_client": make_absent("unknown-client"),
    "one_secret": make_conflict(N_("This client has one secret only; add another first.")),
    "two_secrets": make_conflict(N_("This client has two secrets already; retire one first.")),
    "stale_update": make_conflict(N_("A newer state of %(stored)s is stored already."), "stale-update"),
    "version_mismatch": RefusalMessage(
        412, N_("It has changed since it was read; please read it again."), "version-mismatch"
    ),
    "contradicting_body": make_conflict(
        N_("Another state was sent for the same moment, %(as_of)s. The first one stands."), "contradiction"
    ),
    "read_only": make_invalid(N_("%(field)s cannot be set; it is taken as it is served, or not at all.")),
    "no_acceptable_type": RefusalMessage(
        406, N_("None of these is acceptable: %(allowed)s."), "no-acceptable-type"
    ),
    "feed_epoch_changed": make_conflict(
        N_("This feed has started again from the beginning; please take a snapshot."), "feed-epoch-changed"
    ),
    "feed_ahead": make_conflict(
        N_("This feed ends at %(head)s. The operator has been told."), "feed-epoch-changed"
    ),
    "unknown_assessment": make_absent("unknown-assessment"),
    "unknown_arm": make_invalid(N_("This arm is not part of the plan. Allowed: %(allowed)s.")),
    "no_anchor": make_absent("unknown-anchor"),
    "no_visit": make_absent("unknown-visit"),
    "too_fast": RefusalMessage(429, N_("There were too many requests. Please slow down."), "rate-limited"),
    "date_needed": make_invalid(N_("%(field)s: a date is needed.")),
    "instant_differs": make_invalid(N_("%(field)s does not fall on %(date)s in %(zone)s.")),
    "site_fixed": make_conflict(N_("The site of a participant cannot change. Allowed: %(allowed)s.")),
    "undone_by_site": make_conflict(N_("Only the site can undo %(disposition)s.")),
    # studies, plans and dates
    "unknown_instrument": make_absent("unknown-instrument"),
    "unknown_plan": make_absent("unknown-plan"),
    "unknown_study": make_absent("unknown-study"),
    "unknown_site": make_invalid(N_("This site is not part of the study. Allowed: %(allowed)s.")),
    "unknown_participant": make_absent("unknown-participant"),
    "unknown_visit": make_invalid(
        N_("This visit is not part of the plan. Allowed: %(allowed)s."), "unknown-visit"
    ),
    "unknown_anchor": make_invalid(N_("This kind of date is not part of the plan. Allowed: %(allowed)s.")),
    "no_such_participant": make_invalid(N_("No participant at your sites has this code.")),
    "not_own_site": make_invalid(N_("This isn't one of your sites. Allowed: %(allowed)s.")),
    "days_reversed": make_invalid(N_("%(field)s: this day is before the first one.")),
    "unknown_zone": make_invalid(
        N_("This time zone is not known. Enter its name in the IANA list, such as Asia/Shanghai.")
    ),
    "no_translation": make_conflict(N_("This form isn't available in this language.")),
    "anchor_unknown": make_conflict(
        N_("The date that visit %(visit)s counts from is not known yet: %(anchor)s.")
    ),
    "bad_date": make_invalid(N_("%(field)s: please write a date as %(allowed)s.")),
    "impossible_date": make_invalid(N_("%(field)s: a date must lie between %(earliest)s and %(latest)s.")),
    "bad_visit_number": make_invalid(N_("The number of visit %(visit)s starts at %(low)s.")),
    "date_out_of_range": make_invalid(N_("This date must lie between %(low)s and %(high)s.")),
    "dates_contradict": make_conflict(
        N_("This date contradicts another one: %(kind)s, %(other)s. Please check both.")
    ),
    "visit_begun": make_conflict(N_("Visit %(visit)s has answers and cannot be cancelled.")),
    "before_enrolment": make_invalid(N_("This date is before the enrolment. Earliest: %(earliest)s.")),
    "date_in_future": make_invalid(N_("This date is in the future. Latest: %(latest)s.")),
    "outside_window": make_invalid(N_("Visit %(visit)s must lie between %(low)s and %(high)s.")),
    "visit_exists": make_conflict(N_("%(visit)s was added from %(day)s already.")),
    "address_without_channel": make_invalid(
        N_(
            "There is an address, but “No reminders” is chosen."
            " Please choose how to remind, or clear the address."
        )
    ),
    "nothing_to_undo": make_conflict(N_("There is nothing to undo.")),
    "reason_needed": make_invalid(N_("Please give a reason.")),
    "would_be_missed": make_conflict(N_("These forms would be missed at once: %(slots)s. Please confirm.")),
    # files of answers
    "no_header": make_invalid(N_("The file has no header. Expected columns: %(allowed)s.")),
    "missing_columns": make_invalid(
        N_(
            "The file lacks the columns %(columns)s. It was read with this delimiter: %(delimiter)s; "
            "possible are %(delimiters)s."
        )
    ),
    "duplicate_columns": make_invalid(N_("The file has columns twice: %(columns)s.")),
    "reserved_columns": make_invalid(N_("The file already has the columns %(columns)s, which scoring adds.")),
    "not_utf8": make_invalid(N_("The file is not written in UTF-8: line %(line)s.")),
    "bad_csv": make_invalid(N_("The file is not valid CSV at line %(line)s.")),
    "line_break_in_cell": make_invalid(
        N_(
            "Line %(line)s opens a quotation that continues on the next line. Correct it, or allow line "
            "breaks in cells (--allow-line-breaks)."
        )
    ),
    "unclosed_quote": make_invalid(N_("Line %(line)s opens a quotation that does not end.")),
    "line_too_long": make_invalid(N_("Line %(line)s is longer than %(allowed)s characters.")),
    "missing_is_answer": make_invalid(
        N_("%(value)s cannot stand for a missing answer: it is a possible answer to %(item)s.")
    ),
    "nothing_to_score": make_conflict(N_("This questionnaire has no scales to score.")),
    # the installation
    "bad_head_file": make_conflict(N_("%(file)s is not a file of heads. Please check what happened to it.")),
    "not_a_backup": make_invalid(N_("%(file)s is not a backup of Daybook: %(why)s.")),
    "wrong_key": RefusalMessage(500, N_("The key of this installation doesn't match its data."), "internal"),
    **DATASET_REFUSALS,
    **DESK_REFUSALS,
    **PEOPLE_REFUSALS,
}

COMMA = N_(", ")
"""What stands between the parts of a list."""
AND = N_(" and ")
"""What stands between two parts of one member of a list."""
UNKNOWN_MESSAGE = make_conflict(N_("This can't be done."))


class _Details(dict[str, object]):
    """A detail that a refusal does not carry reads as a dash, rather than failing while failing."""

    def __missing__(self, key: str) -> str:
        return "–"


def message_of(refused: Refused) -> RefusalMessage:
    """The status and words of a refusal."""
    return MESSAGES.get(refused.code, UNKNOWN_MESSAGE)


def fill_message(
    sentence: str, refused: Refused, write: Callable[[object], str] = str, comma: str = COMMA
) -> str:
    """A (translated) sentence with the refusal's details in their places, each as `write` puts it.

    What is a list is joined by `comma`, that of the sentence's language.
    """
    shown = {name: _listed(value, write, comma) for name, value in refused.details.items()}
    return sentence % _Details(shown)


def _listed(value: object, write: Callable[[object], str], comma: str) -> str:
    return (
        comma.join(map(write, value)) if isinstance(value, list | tuple | set | frozenset) else write(value)
    )


def explain_refusal(refused: Refused) -> str:
    """The sentence in English and the refusal's code, for a terminal.

    A page says of what is not there nothing but that; an operator is told what was named, and what there is.
    """
    sentence = fill_message(message_of(refused).sentence, refused)
    if not sentence:
        named = dict(refused.details)
        known = named.pop("allowed", "")
        kind = refused.code.removeprefix("unknown_").replace("_", " ")
        sentence = f"There is no such {kind}: {', '.join(map(str, named.values())) or '(none)'}."
        sentence += f" There are: {known}." if known else ""
    return f"{sentence} [{refused.code}]"
