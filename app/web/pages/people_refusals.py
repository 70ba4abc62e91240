"""Words and status of the refusals about people and sites."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, make_absent, make_conflict, make_gone, make_invalid

PEOPLE_REFUSALS: Mapping[str, RefusalMessage] = {
    # what is typed
    "name_needed": make_invalid(N_("Enter a name.")),
    "notes_needed": make_invalid(N_("Write what you checked and what follows from it.")),
    "text_too_long": make_invalid(N_("This is too long. Enter at most %(most)s characters.")),
    "hidden_signs": make_invalid(
        N_(
            "This contains hidden characters that change how text is shown."
            " Enter it again instead of pasting it."
        )
    ),
    "bad_code": make_invalid(
        N_("A code has letters A to Z, digits, full stops, hyphens and underscores, at most %(most)s.")
    ),
    "bad_phone": make_invalid(
        N_(
            "Enter a telephone number of %(fewest)s to %(most)s digits; blanks, hyphens and a plus at its"
            " beginning are allowed."
        )
    ),
    "bad_email": make_invalid(N_("Enter an e-mail address, such as name@hospital.org.")),
    "bad_hours": make_invalid(
        N_("%(field)s: enter hours as 08:00-17:00 or 08:00-11:30, 13:30-17:00, or leave the day empty.")
    ),
    "hours_backwards": make_invalid(
        N_("%(field)s: %(clock)s ends before it begins. Use the 24-hour clock, up to 24:00 of the same day.")
    ),
    "hours_overlap": make_invalid(
        N_("%(field)s: %(first)s and %(last)s overlap. Enter each part of the day once.")
    ),
    "last_day_past": make_invalid(N_("This day has passed. Enter %(earliest)s or a later day.")),
    "last_day_too_late": make_invalid(
        N_("This role ends after a year at the latest. Enter %(latest)s or an earlier day.")
    ),
    "role_needed": make_invalid(N_("Choose a role.")),
    "passwords_differ": make_invalid(N_("The two passwords are not the same.")),
    "same_password": make_invalid(N_("Choose a password that you don't use now.")),
    "proof_needed": make_invalid(N_("%(field)s: please fill this in.")),
    "wrong_password_now": make_invalid(N_("The password is wrong.")),
    # accounts and roles
    "admin_has_no_end": make_invalid(
        N_("An administrator's role has no last day. It is revoked when it is over.")
    ),
    "grant_exists": make_conflict(N_("This person has this role there already."), "exists"),
    "grant_ended": make_conflict(N_("This role was revoked already.")),
    "unknown_grant": make_absent("unknown-grant"),
    "beyond_your_sites": make_invalid(
        N_("You administer only some sites of this study. Choose one of yours.")
    ),
    "own_grant": make_conflict(N_("You can't change your own roles. Ask another administrator.")),
    "own_account": make_conflict(
        N_("This is your own account. Use the page “Your account”, or ask another administrator.")
    ),
    "works_elsewhere": make_conflict(
        N_(
            "This person also has a role that you don't administer. You can revoke the roles here;"
            " ask the other administrator, or the operator, for the account."
        )
    ),
    "last_admin": make_conflict(
        N_("This is the last administrator of %(study)s. Give someone else that role first.")
    ),
    "already_disabled": make_conflict(N_("This account is disabled already.")),
    "staff_disabled": make_conflict(N_("This account is disabled. Enable it first.")),
    "sign_in_not_set_up": make_conflict(
        N_(
            "This person has not set up the sign-in yet, with a link that somebody of another study or site"
            " made. Give the role when that is done, or ask the operator to reset the account."
        )
    ),
    "staff_enabled": make_conflict(N_("This account is not disabled.")),
    "no_account": make_invalid(N_("Nobody has an account with this address. Invite the person.")),
    "unknown_session": make_conflict(N_("This browser is signed out already.")),
    "wrong_passkey": RefusalMessage(
        403,
        N_(
            "Your passkey was not accepted. Enter a code, or try the passkey once more where it is still"
            " offered. “Your account” says if it was stopped."
        ),
        "forbidden",
    ),
    "passkeys_unavailable": make_conflict(
        N_(
            "Passkeys work only where the address of this system begins with https:// and is a name."
            " Ask whoever operates it."
        )
    ),
    "too_many_passkeys": make_conflict(N_("You have %(most)s passkeys. Remove one first.")),
    "passkey_not_added": make_conflict(N_("The passkey was not added. Please start again.")),
    "unknown_passkey": make_conflict(N_("This passkey has already been removed.")),
    "access_changed": make_conflict(
        N_("Somebody's access changed since you were shown this. Look at the list as it is now.")
    ),
    "review_recorded": make_conflict(
        N_("A review was recorded since you were shown this. Look at it before you record another one.")
    ),
    "unknown_join_link": make_gone(N_("This link does not work. Ask your administrator for a new one.")),
    "link_used": make_gone(
        N_(
            "This link was already used. Sign in with what you chose: “Your account” makes"
            " new recovery codes. Or ask your administrator."
        )
    ),
    "link_expired": make_gone(N_("This link has expired. Ask your administrator for a new one.")),
    # sites
    "unknown_site_number": make_absent("unknown-site"),
    "site_closed": make_conflict(N_("This site is closed to enrolment.")),
    "site_open": make_conflict(N_("This site is not closed.")),
}
"""By the code of the refusal; a 404 has no sentence."""
