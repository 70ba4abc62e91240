"""What no page of the desk says: codes of the program, of instruments and of plans."""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache

from app.domain.instruments.scoring.registry import ALGORITHM_NAMES
from tests.markup import Element
from tests.scenarios.people import library

SPOKEN = ("aria-label", "title", "placeholder", "alt", "data-label")
"""Attributes that are shown, or read out."""
UNSEEN = frozenset({"script", "style", "template", "code"})
"""What nobody sees; and a digest, which stands for itself."""
TYPED = frozenset({"bdi", "textarea"})
"""What somebody typed, in words of any language."""
TOKEN = re.compile(r"[\w.*-]+@[\w.-]+|[A-Za-z0-9][\w:-]*(?:/[A-Z]\w*)?|[<>=]=|[{}]")
NEVER = re.compile(r"[a-z]+/[A-Z]\w*|[<>=]=|[{}]")
"""A path of the interface, a comparison, what is left of a document or of a pattern."""
NO_WORD = re.compile(r"[_:]|^[a-z]\d|^[a-z]+-[a-z]")
"""What only codes have: no word of a language is written so."""


def _kinds_below(kind: type[StrEnum]) -> Iterator[type[StrEnum]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("app.domain."):
            yield each


@cache
def list_codes() -> frozenset[str]:
    """Every code of the program's rules, and of what ships; studies are called by theirs."""
    shipped = library()
    codes = {member.value for kind in _kinds_below(StrEnum) for member in kind}
    codes |= {name.partition(" ")[0] for name in ALGORITHM_NAMES}
    for (name, _version), instrument in shipped.instruments.items():
        codes |= {name, *(item.code for item in instrument.items)}
    for plan in shipped.plans.values():
        codes |= {*plan.anchor_kinds, *(rule.code for rule in plan.alert_rules), *plan.exemptions}
    return frozenset(code for code in codes if re.fullmatch("[a-z][a-z0-9_:-]+", code))


def _read(element: Element, language: str, typed: bool) -> Iterator[tuple[str, bool]]:
    """Each text that is seen or read out, and whether it is the program's own in the language of the page."""
    own = element.get("lang") in (None, language)
    plain = own and not typed and element.tag not in TYPED
    yield from ((element[name], plain) for name in SPOKEN if element.get(name))
    for each in element.children:
        if isinstance(each, str):
            yield each, plain
        elif each.tag not in UNSEEN:
            yield from _read(each, language, not plain)


def find_internals(page: Element) -> list[str]:
    """What a page says that is a code; in Chinese also a code that is an English word."""
    language = page.one("html")["lang"]
    codes = list_codes()
    unread = set()
    for text, plain in _read(page.one("main"), language, typed=False):
        for token in TOKEN.findall(text):
            coded = token in codes and (NO_WORD.search(token) or (plain and language != "en"))
            if coded or (plain and NEVER.fullmatch(token)):
                unread.add(f"{token!r} in {text.strip()[:80]!r}")
    return sorted(unread)
