"""Catalogues of interface words: `.po` files compiled in memory at start, none kept as `.mo`."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from app.i18n.languages import ENGLISH, LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class Catalogues:
    """The words of each language; English is the source and needs no file."""

    by_code: Mapping[str, NullTranslations]

    @classmethod
    def load(cls, root: Path) -> "Catalogues":
        """Read `<root>/<code>/LC_MESSAGES/messages.po` of every language but English."""
        others = (known for known in LANGUAGES if known is not ENGLISH)
        words = {
            known.code: compile_catalogue(root / known.code / "LC_MESSAGES" / "messages.po")
            for known in others
        }
        return cls({ENGLISH.code: NullTranslations(), **words})

    def get_translations(self, language: Language) -> NullTranslations:
        """The words of one language."""
        return self.by_code[language.code]


def compile_catalogue(path: Path) -> Translations:
    """One catalogue; fuzzy entries are left out, so that an unsure translation never shows."""
    with path.open("rb") as source:
        catalogue = read_po(source, locale=path.parts[-3], abort_invalid=True)
    binary = BytesIO()
    write_mo(binary, catalogue)
    binary.seek(0)
    return Translations(binary)
