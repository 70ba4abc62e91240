"""The words of an instrument in one language: whole or refused, never filled from another."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.domain.instruments.definition import Instrument, Item, ItemKind
from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue, format_answer
from app.domain.toml_section import TomlSection, read_toml

_COLONS = {"zh_CN": "："}
"""What stands between a number and its words, where it is not a colon and a blank."""
LANGUAGE = (r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?", "a language such as en or zh_CN")


class Wording(StrEnum):
    """Whose words: ours, which show how it works, or the holder's, under a licence."""

    DEMONSTRATION = "demonstration"
    OFFICIAL = "official"


@dataclass(frozen=True, slots=True)
class InstrumentText:
    """Every word that a participant reads of one instrument version in one language.

    `labels` goes from label set to value to words; `copyright` is "" when nobody claims one. `ticks` are the
    items of a list by the short names under which they stand there, `codes` words for being ticked or not.
    `read_aloud`: whether a phone may read them out; a licensed instrument's official words must say so.
    """

    instrument: str
    version: str
    lang: str
    wording: Wording
    name: str
    instruction: str
    copyright: str
    recalls: Mapping[str, str]
    items: Mapping[str, str]
    labels: Mapping[str, Mapping[int, str]]
    ticks: Mapping[str, str]
    codes: Mapping[int, str]
    read_aloud: bool
    sha256: str

    def name_of(self, item: Item) -> str:
        """The shortest words for what an item asks about: its name in a list, or its question."""
        return self.ticks.get(item.code, self.items[item.code])

    def print_number(self, value: int, label: str) -> str:
        """A number of a row, with its label where it has one."""
        return f"{value}{_COLONS.get(self.lang, ': ')}{label}" if label else str(value)


def parse_text(toml: str, file: str, instrument: Instrument) -> InstrumentText:
    """The words that a text.<lang>.toml holds for this instrument.

    Raises BadDefinition when a word is missing, unknown, blank or for another instrument.
    `sha256` is that of the text as UTF-8.
    """
    root = read_toml(toml, file)
    text = read_text(root, toml, instrument)
    root.refuse_unknown()
    return text


def print_answer(item: Item, text: InstrumentText, value: int | str) -> str:
    """An answer as it is read: its label, or the number with its label where it has one."""
    if isinstance(value, int) and value in text.codes:
        return text.codes[value]
    if isinstance(value, str) or item.kind is ItemKind.DECIMAL:
        return format_answer(item, value)
    label = text.labels[item.labels].get(value, "")
    if item.kind is ItemKind.SCALE:
        return text.print_number(value, label)
    return label


def print_highest(item: Item, text: InstrumentText, value: AnswerValue) -> str:
    """The highest number of a row in which this answer is one without words of its own; else ""."""
    plain = item.kind is ItemKind.SCALE and isinstance(value, int) and value not in text.labels[item.labels]
    return str(item.high) if plain and value not in text.codes else ""


def read_text(root: TomlSection, toml: str, instrument: Instrument) -> InstrumentText:
    """The words in a table that may hold more; the caller says when it is done with the table."""
    wording = Wording(root.read_choice("wording", list(Wording)))
    return InstrumentText(
        instrument=root.read_choice("instrument", [instrument.id]),
        version=root.read_choice("version", [instrument.version]),
        lang=root.read_code("lang", *LANGUAGE),
        wording=wording,
        name=root.read_line("name"),
        instruction=root.read_text("instruction"),
        copyright=root.read_text("copyright", ""),
        recalls=_words(root, "recalls", [recall.code for recall in instrument.recalls]),
        items=_words(root, "items", [item.code for item in instrument.items]),
        labels=_labels(root, instrument),
        ticks=_words(root, "ticks", [item.code for item in instrument.items if item.listed]),
        codes=_codes(root, instrument),
        read_aloud=root.read_flag("read_aloud", wording is Wording.DEMONSTRATION or not instrument.licensed),
        sha256=hashlib.sha256(toml.encode()).hexdigest(),
    )


def _words(root: TomlSection, key: str, codes: list[str]) -> Mapping[str, str]:
    if not codes:
        return MappingProxyType({})
    below = root.read_section(key)
    return MappingProxyType({code: below.read_text(code) for code in codes})


def _codes(root: TomlSection, instrument: Instrument) -> Mapping[int, str]:
    if instrument.list_item is None:
        return MappingProxyType({})
    return MappingProxyType({NOT_TICKED: root.read_line("not_ticked"), OPEN: root.read_line("ticked")})


def _labels(root: TomlSection, instrument: Instrument) -> Mapping[str, Mapping[int, str]]:
    named = [labels for labels in instrument.labels if labels.named]
    if not named:
        return MappingProxyType({})
    sets = root.read_section("labels")
    return MappingProxyType(
        {options.code: _label_words(sets.read_section(options.code), options.named) for options in named}
    )


def _label_words(below: TomlSection, values: tuple[int, ...]) -> Mapping[int, str]:
    return MappingProxyType({value: below.read_text(str(value)) for value in values})
