"""What roles and channels are called on every page, before translation; templates look them up by code."""

from collections.abc import Callable, Mapping

from markupsafe import Markup

from app.domain.records.access import Role
from app.i18n.marking import N_
from app.services.accounts.contacts import ContactChannel

ROLE_WORDS: Mapping[str, str] = {
    Role.NURSE: N_("Nurse"),
    Role.INVESTIGATOR: N_("Investigator"),
    Role.MONITOR: N_("Monitor"),
    Role.DATA_MANAGER: N_("Data manager"),
    Role.ADMIN: N_("Administrator"),
    Role.STATISTICIAN: N_("Statistician"),
    Role.SPONSOR_VIEWER: N_("Sponsor's viewer"),
}
CHANNEL_WORDS: Mapping[str, str] = {ContactChannel.email: N_("E-mail")}
_GLOBALS = {"role_words": ROLE_WORDS, "channel_words": CHANNEL_WORDS}


def translate_code_words(translate: Callable[[str], str]) -> Mapping[str, Mapping[str, Markup]]:
    """The tables under the names by which templates know them, in one language."""
    return {
        name: {code: Markup(translate(word)) for code, word in words.items()}  # noqa: S704 - our own words
        for name, words in _GLOBALS.items()
    }
