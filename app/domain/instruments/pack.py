"""Instrument packs: the official words of a licensed instrument in one language, with their licence.

A pack is a text as the library holds them, and a table `[licence]`. It is for one study, because a
licence is, and it is stored outside the repository (CAP-01).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.instruments.definition import Instrument
from app.domain.instruments.text import InstrumentText, Wording, read_text
from app.domain.toml_section import read_toml

WARNED_DAYS = 60
"""How long before a licence ends it is listed: renewing one takes weeks."""


class PackValidity(StrEnum):
    """Whether an instrument's words may be shown in a language, the worst first."""

    MISSING = "missing"
    ALTERED = "altered"
    EXPIRED = "expired"
    ENDS_SOON = "ends_soon"
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class Pack:
    """Official words, and who may show them in which study until when; `valid_until` still counts."""

    text: InstrumentText
    study: str
    licensee: str
    permission: str
    valid_until: date

    def days_to_expiry(self, today: date) -> int:
        """Days after today on which the words may be shown: 0 on the last day, less once it is over."""
        return (self.valid_until - today).days

    def judge_validity(self, today: date) -> PackValidity:
        """The validity of the pack on a day: valid, ending soon, or expired."""
        days = self.days_to_expiry(today)
        if days < 0:
            return PackValidity.EXPIRED
        return PackValidity.ENDS_SOON if days <= WARNED_DAYS else PackValidity.VALID


def parse_pack(
    toml: str,
    file: str,
    instrument_of: Callable[[str, str], Instrument],
    wording: Wording = Wording.OFFICIAL,
) -> Pack:
    """The pack that a file holds; `instrument_of` finds an instrument by id and version.

    A trial's words are `official`; a demonstration, whose packs show how a licence ends, has our own.

    Raises BadDefinition naming the key that is missing, not known, blank or wrong: the words must be
    those of the instrument's own items, labels and recalls, nothing more and nothing less.
    """
    root = read_toml(toml, file)
    instrument = instrument_of(root.read_line("instrument"), root.read_line("version"))
    if not instrument.licensed:
        root.refuse("instrument", instrument.id, "a licensed instrument; other words come with the program")
    text = read_text(root, toml, instrument)
    if text.wording is not wording:
        root.refuse("wording", text.wording.value, wording.value)
    if not text.copyright:
        root.refuse("copyright", None, "required: a text")
    licence = root.read_section("licence")
    pack = Pack(
        text=text,
        study=licence.read_line("study"),
        licensee=licence.read_line("licensee"),
        permission=licence.read_line("permission"),
        valid_until=licence.read_day("valid_until"),
    )
    root.refuse_unknown()
    return pack
