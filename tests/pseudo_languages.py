"""Made-up languages that mark every sentence: what they leave unmarked is not translatable."""

import re
from dataclasses import replace

from babel.support import NullTranslations

from app.domain.instruments.text import InstrumentText
from app.i18n.languages import Language

ARABIC = Language("ar", "ar", "ar", "العربية", "rtl")
"""A right-to-left language for tests only: `LANGUAGES` does not hold it, so nobody is offered it."""

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_LETTERS = str.maketrans(_LATIN + _LATIN.upper(), "ابجدهوزحطيكلمنسعفصقرشتثخذض" * 2)
_VARIABLE = re.compile(r"(%\(\w+\)\w)")


class Pseudo(NullTranslations):
    """Puts brackets round each sentence, and makes it a third longer, as translations often are."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}{'·' * (len(message) // 3)}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    # Jinja asks for the names with u first.
    ugettext = gettext
    ungettext = ngettext


class PseudoArabic(Pseudo):
    """Writes each sentence in Arabic letters, a third longer: a Latin letter was not translatable."""

    def gettext(self, message: str) -> str:
        return in_arabic_letters(message)

    ugettext = gettext


def in_arabic_letters(message: str) -> str:
    """Each Latin letter as an Arabic one, between brackets, a third longer; variables stay."""
    parts = _VARIABLE.split(message)
    parts[::2] = [part.translate(_LETTERS) for part in parts[::2]]
    return f"⟦{''.join(parts)}{' نموذج' * (len(message) // 18)}⟧"


def arabic_text(english: InstrumentText) -> InstrumentText:
    """An instrument's words in Arabic letters."""
    return replace(
        english,
        name=in_arabic_letters(english.name),
        instruction=in_arabic_letters(english.instruction),
        items={code: in_arabic_letters(text) for code, text in english.items.items()},
        recalls={code: in_arabic_letters(text) for code, text in english.recalls.items()},
        labels={
            code: {value: in_arabic_letters(label) for value, label in labels.items()}
            for code, labels in english.labels.items()
        },
    )
