"""Words and status of the refusals about people and sites: status, sentence, slug of the problem type."""

from collections.abc import Mapping

from app.i18n.marking import N_

PEOPLE_REFUSALS: Mapping[str, tuple[int, str, str]] = {
    # what is typed
    "name_needed": (422, N_("Enter a name."), "validation"),
    "notes_needed": (422, N_("Write what you checked and what follows from it."), "validation"),
    "text_too_long": (422, N_("This is too long. Enter at most %(most)s characters."), "validation"),
    "hidden_signs": (
        422,
        N_("This holds hidden signs, which change how text is shown. Type it anew instead of pasting it."),
        "validation",
    ),
    "bad_code": (
        422,
        N_("A code has letters A to Z, digits, full stops, hyphens and underscores, at most %(most)s."),
        "validation",
    ),
    "bad_phone": (
        422,
        N_(
            "Enter a telephone number of %(fewest)s to %(most)s digits; blanks, hyphens and a plus at its"
            " beginning are allowed."
        ),
        "validation",
    ),
    "bad_email": (422, N_("Enter an e-mail address, such as name@hospital.org."), "validation"),
    "bad_hours": (422, N_("Enter hours as 08:00-17:00, or leave the day empty."), "validation"),
    "last_day_past": (422, N_("This day has passed. Enter %(earliest)s or a later day."), "validation"),
    "last_day_too_late": (
        422,
        N_("This role ends after a year at the latest. Enter %(latest)s or an earlier day."),
        "validation",
    ),
    "role_needed": (422, N_("Choose a role."), "validation"),
    "passwords_differ": (422, N_("The two passwords are not the same."), "validation"),
    "same_password": (422, N_("Choose a password that you don't use now."), "validation"),
    "wrong_password_now": (422, N_("The password is wrong."), "validation"),
    # accounts and roles
    "admin_has_no_end": (
        422,
        N_("An administrator's role has no last day. It is revoked when it is over."),
        "validation",
    ),
    "grant_exists": (409, N_("This person has this role there already."), "exists"),
    "grant_ended": (409, N_("This role was revoked already."), "not-acceptable"),
    "unknown_grant": (404, "", "unknown-grant"),
    "beyond_your_sites": (
        422,
        N_("You administer only some sites of this study. Choose one of yours."),
        "validation",
    ),
    "own_grant": (409, N_("You can't change your own roles. Ask another administrator."), "not-acceptable"),
    "own_account": (
        409,
        N_("This is your own account. Use the page “Your account”, or ask another administrator."),
        "not-acceptable",
    ),
    "works_elsewhere": (
        409,
        N_(
            "This person also has a role that you don't administer. You can revoke the roles here;"
            " ask the other administrator, or the operator, for the account."
        ),
        "not-acceptable",
    ),
    "last_admin": (
        409,
        N_("This is the last administrator of %(study)s. Give somebody else that role first."),
        "not-acceptable",
    ),
    "staff_disabled": (409, N_("This account is disabled. Enable it first."), "not-acceptable"),
    "sign_in_not_set_up": (
        409,
        N_(
            "This person has not set up the sign-in yet, with a link that somebody of another study or site"
            " made. Give the role when that is done, or ask the operator to reset the account."
        ),
        "not-acceptable",
    ),
    "staff_enabled": (409, N_("This account is not disabled."), "not-acceptable"),
    "no_account": (422, N_("Nobody has an account with this address. Invite the person."), "validation"),
    "unknown_session": (409, N_("This browser is signed out already."), "not-acceptable"),
    "access_changed": (
        409,
        N_("Somebody's access changed since you were shown this. Look at the list as it is now."),
        "not-acceptable",
    ),
    "unknown_join_link": (410, N_("This link does not work. Ask your administrator for a new one."), "gone"),
    "link_used": (
        410,
        N_("This link was used already. Sign in with what you chose, or ask your administrator."),
        "gone",
    ),
    "link_expired": (410, N_("This link has expired. Ask your administrator for a new one."), "gone"),
    # sites
    "unknown_site_number": (404, "", "unknown-site"),
    "site_closed": (409, N_("This site is closed: nobody is enrolled there any more."), "not-acceptable"),
    "site_open": (409, N_("This site is not closed."), "not-acceptable"),
}
"""By the code of the refusal; a 404 has no sentence."""
