"""Words and status of the refusals of the desk: alerts, corrections, contacts, missed forms, open matters."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, absent, conflict, invalid

DESK_REFUSALS: Mapping[str, RefusalMessage] = {
    "unknown_alert": absent("unknown-alert"),
    "alert_acknowledged": conflict(N_("Someone has already acknowledged this alert. See below who it was.")),
    "alert_not_acknowledged": conflict(N_("Please acknowledge the alert first.")),
    "alert_not_acted": conflict(N_("Please record what was done before you close the alert.")),
    "alert_closed": conflict(N_("This alert was already closed. See below who closed it.")),
    "alert_action": invalid(N_("Please choose what was done.")),
    "alert_note": invalid(N_("Please write a note.")),
    "unknown_correction": absent("unknown-correction"),
    "nothing_changes": conflict(
        N_("The new answers are those that count now, so nothing would change. This can only be declined.")
    ),
    "nothing_to_correct": invalid(
        N_("Please choose at least one question to correct, and give a different answer for it.")
    ),
    "new_answer_needed": invalid(
        N_("Question %(item)s: please give the new answer, or mark it as left blank.")
    ),
    "correction_reason_needed": invalid(N_("Question %(item)s: please say why the answer is wrong.")),
    "words_needed": invalid(N_("Please write what the participant said, in their own words.")),
    "identifying_words": invalid(
        N_(
            "This seems to hold a telephone number, an identity number or an e-mail address."
            " Please leave it out."
        )
    ),
    "evidence_needed": invalid(N_("Please say how the participant confirmed it.")),
    "correction_decided": conflict(N_("This correction was already decided. See below what was decided.")),
    "own_correction": RefusalMessage(
        403, N_("You proposed this correction. Another investigator must sign it."), "forbidden"
    ),
    "unknown_outcome": invalid(N_("Please choose whether you approve or decline the correction.")),
    "decline_reason_needed": invalid(N_("Please write why you decline the correction.")),
    "second_reason_needed": invalid(
        N_("The form was sent more than %(days)s days ago. Please write why it is corrected so late.")
    ),
    "answer_changed": conflict(
        N_(
            "The answer to question %(items)s has changed since this was proposed. See below."
            " You can decline it; if it is still wrong, propose a new correction."
        )
    ),
    "signature_needed": invalid(N_("%(field)s: please fill this in to sign.")),
    "wrong_password": RefusalMessage(403, N_("This password is wrong."), "forbidden"),
    "unknown_exemption": invalid(N_("Please choose an exemption from the list.")),
    "not_excusable": conflict(N_("Only an expected form that no one has started can be excused.")),
    "contact_outcome": invalid(N_("Please choose the outcome.")),
    "contact_note": invalid(N_("Please write a few words about the outcome.")),
    "next_try": invalid(N_("The next try is on a day from %(earliest)s to %(latest)s.")),
    "no_next_try": conflict(
        N_("This participant has left: nobody will try again. Clear the next try, then save the contact.")
    ),
    "call_not_settled": invalid(N_("Only a call that reached them settles their request. Please untick it.")),
    "call_not_logged": invalid(N_("Please log the call that reached them. Only that closes their request.")),
    "unknown_contact": absent("not-found"),
    "contact_corrected": conflict(N_("This entry was already corrected. Please correct the newest one.")),
    "correction_reason": invalid(N_("Please give the reason for the correction.")),
    "snooze_reason": invalid(N_("Please say why it can wait.")),
    "snooze_until": invalid(N_("Please choose a day from tomorrow on, at most %(most)s days ahead.")),
    "nothing_to_snooze": conflict(
        N_("There is nothing to snooze: this participant is no longer on the list.")
    ),
    "not_snoozed": conflict(N_("This participant is already on the list.")),
    "nobody_chosen": invalid(N_("Please choose at least one participant.")),
    "too_many_chosen": invalid(N_("Please choose at most %(most)s participants.")),
    "form_not_open": conflict(N_("A reminder can only be sent for a form that is open.")),
    "reminders_not_wanted": conflict(
        N_("This person doesn't want reminders, or there is no address for them. Please call instead.")
    ),
    "reminders_paused": conflict(
        N_("This person's reminders are paused. Please wait until the pause ends, or call.")
    ),
    "reminded_today": conflict(
        N_("Staff have already sent this person a reminder today. The next one can be sent tomorrow.")
    ),
    "reminder_limit": conflict(N_("This form has reached its limit of reminders. Please call instead.")),
    "outside_hours": conflict(N_("Reminders can be sent from 08:00 to 21:00, where the person lives.")),
    "unknown_reason": invalid(N_("Please choose a reason from the list.")),
    "note_needed": invalid(N_("Please write what the other reason is.")),
    "not_missed": conflict(N_("Only a missed form can have a reason for being missed.")),
    "gap_changed": conflict(
        N_(
            "These are no longer the days that you were shown. Nothing was recorded."
            " Please look at the days as they are now, then decide."
        )
    ),
    "hand_over_form": conflict(
        N_("This form can't be filled in now. Please choose another, or all of them.")
    ),
    "second_by_another": conflict(
        N_("You entered this sheet first. A second person has to enter it without seeing your entry.")
    ),
    "paper_unsettled": conflict(
        N_("Two people entered this sheet differently. The data manager settles it first.")
    ),
    "own_entry": RefusalMessage(
        403, N_("You entered one of the two. Someone else has to decide."), "forbidden"
    ),
    "choice_needed": invalid(N_("Please choose one of the two entries wherever they differ.")),
    "bad_day": invalid(N_("Please check the date: day, month, and the year with four digits.")),
    "impossible_day": invalid(
        N_("Please check the year: a date must lie between %(earliest)s and %(latest)s.")
    ),
    "blank_and_typed": invalid(
        N_("%(item)s: there is an answer, and it is marked as left blank. Please keep one of the two.")
    ),
    "paper_needed": invalid(N_("Please write which sheet of paper it is, so that it can be found again.")),
    "paper_reason_needed": invalid(N_("Please choose why it was filled in on paper.")),
    "outside_reason_needed": invalid(
        N_("This day is outside the form's window (%(low)s to %(high)s). Please write why.")
    ),
    "same_answers_sent": conflict(
        N_("This form was sent already, with the same answers. Nothing was recorded.")
    ),
    "no_pdf": conflict(N_("A PDF can't be made on this server. Please print a copy.")),
    "not_sent": conflict(N_("This form has not been sent, so there is nothing to copy.")),
    "no_contact": conflict(N_("There is no address for this person.")),
    "scopes_needed": invalid(N_("Please choose at least one thing that the client may do.")),
    "client_ended": conflict(N_("This client was already revoked.")),
    "same_telephone": conflict(N_("This telephone number is already on file.")),
    "no_telephone": conflict(N_("There is no telephone number for this person.")),
    "same_contact": conflict(N_("This address is already on file.")),
    "address_not_reached": conflict(
        N_("The test message to this address could not be sent. Nothing was changed. Please check it.")
    ),
    "test_under_way": conflict(
        N_("A test message to a new address is on its way. Please look again in a minute.")
    ),
    "pause_until": invalid(N_("Please choose a last day from today on, at most %(most)s days ahead.")),
    "not_paused": conflict(N_("Reminders aren't paused.")),
    "identity_needed": invalid(N_("Please say how identity was checked.")),
    "unknown_channel": invalid(N_("Please choose how reminders are sent.")),
    "unknown_disposition": invalid(N_("Please choose what happened.")),
    "unknown_matter": absent("unknown-matter"),
    "matter_closed": conflict(N_("This is already settled or no longer open. Nothing was recorded.")),
    "unknown_decision": invalid(N_("Please choose one of the decisions.")),
    "correction_not_proposed": invalid(
        N_("No correction of this form has been proposed yet. Please propose one first.")
    ),
    "edc_not_corrected": invalid(
        N_("The EDC has sent nothing for a later moment yet. This stays open until it does.")
    ),
    "accepted_by_investigators": RefusalMessage(
        403, N_("Only an investigator of the site can accept them. You can reject them."), "forbidden"
    ),
    "not_acceptable": conflict(
        N_("These answers can't become the form's answers. They can only be rejected.")
    ),
}
"""By the code of the refusal."""
