"""Words and status of the refusals of the desk: alerts, corrections, contacts, missed forms, open matters."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, make_absent, make_conflict, make_invalid

DESK_REFUSALS: Mapping[str, RefusalMessage] = {
    "unknown_alert": make_absent("unknown-alert"),
    "alert_acknowledged": make_conflict(
        N_("Someone has already acknowledged this alert. See below who it was.")
    ),
    "alert_not_acknowledged": make_conflict(N_("Please acknowledge the alert first.")),
    "alert_not_acted": make_conflict(N_("Please record what was done before you close the alert.")),
    "alert_closed": make_conflict(N_("This alert was already closed. See below who closed it.")),
    "alert_action": make_invalid(N_("Please choose what was done.")),
    "alert_note": make_invalid(N_("Please write a note.")),
    "unknown_correction": make_absent("unknown-correction"),
    "nothing_changes": make_conflict(
        N_("The new answers are those that count now, so nothing would change. This can only be declined.")
    ),
    "nothing_to_correct": make_invalid(
        N_("Please choose at least one question to correct, and give a different answer for it.")
    ),
    "new_answer_needed": make_invalid(
        N_("Question %(item)s: please give the new answer, or mark it as left blank.")
    ),
    "correction_reason_needed": make_invalid(N_("Question %(item)s: please say why the answer is wrong.")),
    "words_needed": make_invalid(N_("Please write what the participant said, in their own words.")),
    "identifying_words": make_invalid(
        N_(
            "This seems to hold a telephone number, an identity number or an e-mail address."
            " Please leave it out."
        )
    ),
    "evidence_needed": make_invalid(N_("Please say how the participant confirmed it.")),
    "correction_decided": make_conflict(
        N_("This correction was already decided. See below what was decided.")
    ),
    "own_correction": RefusalMessage(
        403, N_("You proposed this correction. Another investigator must sign it."), "forbidden"
    ),
    "unknown_outcome": make_invalid(N_("Please choose whether you approve or decline the correction.")),
    "decline_reason_needed": make_invalid(N_("Please write why you decline the correction.")),
    "second_reason_needed": make_invalid(
        N_("The form was sent more than %(days)s days ago. Please write why it is corrected so late.")
    ),
    "answer_changed": make_conflict(
        N_(
            "The answer to question %(items)s has changed since this was proposed. See below."
            " You can decline it; if it is still wrong, propose a new correction."
        )
    ),
    "signature_needed": make_invalid(N_("%(field)s: please fill this in to sign.")),
    "wrong_password": RefusalMessage(403, N_("This password is wrong."), "forbidden"),
    "unknown_exemption": make_invalid(N_("Please choose an exemption from the list.")),
    "not_excusable": make_conflict(N_("Only an expected form that no one has started can be excused.")),
    "contact_outcome": make_invalid(N_("Please choose the outcome.")),
    "contact_note": make_invalid(N_("Please write a few words about the outcome.")),
    "next_try": make_invalid(N_("The next try is on a day from %(earliest)s to %(latest)s.")),
    "no_next_try": make_conflict(
        N_("This participant has left: nobody will try again. Clear the next try, then save the contact.")
    ),
    "call_not_settled": make_invalid(
        N_("Only a call that reached them settles their request. Please untick it.")
    ),
    "call_not_logged": make_invalid(
        N_("Please log the call that reached them. Only that closes their request.")
    ),
    "unknown_contact": make_absent("not-found"),
    "contact_corrected": make_conflict(
        N_("This entry was already corrected. Please correct the newest one.")
    ),
    "correction_reason": make_invalid(N_("Please give the reason for the correction.")),
    "snooze_reason": make_invalid(N_("Please say why it can wait.")),
    "snooze_until": make_invalid(N_("Please choose a day from tomorrow on, at most %(most)s days ahead.")),
    "nothing_to_snooze": make_conflict(
        N_("There is nothing to snooze: this participant is no longer on the list.")
    ),
    "not_snoozed": make_conflict(N_("This participant is already on the list.")),
    "assignee_needed": make_invalid(N_("Please choose a colleague, or nobody.")),
    "unknown_assignee": make_conflict(
        N_("This colleague does not work at the participant's site. Please choose another, or nobody.")
    ),
    "assigned_meanwhile": make_conflict(
        N_("Somebody changed this assignment meanwhile. Please look at it as it is now, then decide.")
    ),
    "nobody_chosen": make_invalid(N_("Please choose at least one participant.")),
    "too_many_chosen": make_invalid(N_("Please choose at most %(most)s participants.")),
    "form_not_open": make_conflict(N_("A reminder can only be sent for a form that is open.")),
    "reminders_not_wanted": make_conflict(
        N_("This person doesn't want reminders, or there is no address for them. Please call instead.")
    ),
    "reminders_paused": make_conflict(
        N_("This person's reminders are paused. Please wait until the pause ends, or call.")
    ),
    "reminded_today": make_conflict(
        N_("Staff have already sent this person a reminder today. The next one can be sent tomorrow.")
    ),
    "reminder_limit": make_conflict(N_("This form has reached its limit of reminders. Please call instead.")),
    "outside_hours": make_conflict(N_("Reminders can be sent from 08:00 to 21:00, where the person lives.")),
    "unknown_reason": make_invalid(N_("Please choose a reason from the list.")),
    "note_needed": make_invalid(N_("Please write what the other reason is.")),
    "not_missed": make_conflict(N_("Only a missed form can have a reason for being missed.")),
    "gap_changed": make_conflict(
        N_(
            "These are no longer the days that you were shown. Nothing was recorded."
            " Please look at the days as they are now, then decide."
        )
    ),
    "hand_over_form": make_conflict(
        N_("This form can't be filled in now. Please choose another, or all of them.")
    ),
    "second_by_another": make_conflict(
        N_("You entered this sheet first. A second person has to enter it without seeing your entry.")
    ),
    "paper_unsettled": make_conflict(
        N_("Two people entered this sheet differently. The data manager settles it first.")
    ),
    "own_entry": RefusalMessage(
        403, N_("You entered one of the two. Someone else has to decide."), "forbidden"
    ),
    "choice_needed": make_invalid(N_("Please choose one of the two entries wherever they differ.")),
    "bad_day": make_invalid(N_("Please check the date: day, month, and the year with four digits.")),
    "impossible_day": make_invalid(
        N_("Please check the year: a date must lie between %(earliest)s and %(latest)s.")
    ),
    "blank_and_typed": make_invalid(
        N_("%(item)s: there is an answer, and it is marked as left blank. Please keep one of the two.")
    ),
    "paper_needed": make_invalid(
        N_("Please write which sheet of paper it is, so that it can be found again.")
    ),
    "paper_reason_needed": make_invalid(N_("Please choose why it was filled in on paper.")),
    "outside_reason_needed": make_invalid(
        N_("This day is outside the form's window (%(low)s to %(high)s). Please write why.")
    ),
    "same_answers_sent": make_conflict(
        N_("This form was sent already, with the same answers. Nothing was recorded.")
    ),
    "no_pdf": make_conflict(N_("A PDF can't be made on this server. Please print a copy.")),
    "not_sent": make_conflict(N_("This form has not been sent, so there is nothing to copy.")),
    "no_contact": make_conflict(N_("There is no address for this person.")),
    "scopes_needed": make_invalid(N_("Please choose at least one thing that the client may do.")),
    "client_ended": make_conflict(N_("This client was already revoked.")),
    "same_telephone": make_conflict(N_("This telephone number is already on file.")),
    "no_telephone": make_conflict(N_("There is no telephone number for this person.")),
    "same_contact": make_conflict(N_("This address is already on file.")),
    "address_not_reached": make_conflict(
        N_("The test message to this address could not be sent. Nothing was changed. Please check it.")
    ),
    "test_under_way": make_conflict(
        N_("A test message to a new address is on its way. Please look again in a minute.")
    ),
    "pause_until": make_invalid(N_("Please choose a last day from today on, at most %(most)s days ahead.")),
    "not_paused": make_conflict(N_("Reminders aren't paused.")),
    "identity_needed": make_invalid(N_("Please say how identity was checked.")),
    "unknown_channel": make_invalid(N_("Please choose how reminders are sent.")),
    "unknown_disposition": make_invalid(N_("Please choose what happened.")),
    "unknown_matter": make_absent("unknown-matter"),
    "matter_closed": make_conflict(N_("This is already settled or no longer open. Nothing was recorded.")),
    "unknown_decision": make_invalid(N_("Please choose one of the decisions.")),
    "correction_not_proposed": make_invalid(
        N_("No correction of this form has been proposed yet. Please propose one first.")
    ),
    "edc_not_corrected": make_invalid(
        N_("The EDC has sent nothing for a later moment yet. This stays open until it does.")
    ),
    "accepted_by_investigators": RefusalMessage(
        403, N_("Only an investigator of the site can accept them. You can reject them."), "forbidden"
    ),
    "not_acceptable": make_conflict(
        N_("These answers can't become the form's answers. They can only be rejected.")
    ),
}
"""By the code of the refusal."""
