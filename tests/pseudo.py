"""A made-up language that marks every sentence: what it leaves unmarked is not translatable."""

from babel.support import NullTranslations


class Pseudo(NullTranslations):
    """Puts brackets round each sentence, and makes it a third longer, as translations often are."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}{'·' * (len(message) // 3)}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    # Jinja asks for the names with u first.
    ugettext = gettext
    ungettext = ngettext
