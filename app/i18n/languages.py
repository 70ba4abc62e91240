"""The languages of the interface, and which of them a browser asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError, get_global

_HEADER_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Language:
    """One language: `code` names its catalogue and instrument texts, `tag` stands in HTML.

    `formats` is the locale whose dates and numbers are used; `name` is its own name for itself,
    `date_order` the order in which the parts of a date are typed.
    """

    code: str
    tag: str
    formats: str
    name: str
    dir: str = "ltr"
    date_order: tuple[str, ...] = ("day", "month", "year")


ENGLISH = Language("en", "en", "en_GB", "English")
CHINESE = Language("zh_CN", "zh-Hans", "zh_CN", "中文", date_order=("year", "month", "day"))
LANGUAGES = (CHINESE, ENGLISH)
LANGUAGE_CODES = tuple(known.code for known in LANGUAGES)
"""What a plan's `languages` may hold: the interface speaks no other."""


_BY_NAME: Mapping[str | None, Language] = {
    name: known for known in reversed(LANGUAGES) for name in (known.code, known.tag)
}


def find_language(code: str | None) -> Language | None:
    """The language with this code or HTML tag; None for one that we do not speak."""
    return _BY_NAME.get(code)


def language_name(code: str) -> str:
    """A language's own name; the code itself of one that we do not speak."""
    known = find_language(code)
    return known.name if known else code


@lru_cache(maxsize=512)
def negotiate_language(accept: str, default: Language = ENGLISH) -> Language:
    """The language of ours that an Accept-Language header prefers.

    Language and script must match: `zh`, `zh-CN` and `zh-Hans-SG` are Simplified Chinese, `zh-TW` is not.
    Babel's own negotiation compares texts, so that it would not find `zh_CN` for `zh-Hans-SG`.
    """
    for tag in _by_preference(accept[:_HEADER_LIMIT]):
        identity = _identity(tag)
        for known in LANGUAGES:
            if identity == _identity(known.tag):
                return known
    return default


def _by_preference(accept: str) -> Sequence[str]:
    weighed = []
    for index, part in enumerate(accept.split(",")):
        tag, _, quality = part.partition(";")
        weight = _weight(quality)
        if weight > 0:
            weighed.append((-weight, index, tag.strip()))
    return [tag for _, _, tag in sorted(weighed)]


def _weight(quality: str) -> float:
    if not quality.strip():
        return 1.0
    try:
        return float(quality.strip().removeprefix("q="))
    except ValueError:
        return 0.0


def _identity(tag: str) -> tuple[str, str] | None:
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    script = locale.script or _likely_script(str(locale), locale.language)
    return locale.language, script


def _likely_script(*names: str) -> str:
    likely = get_global("likely_subtags")
    script = next((likely[name] for name in names if name in likely), "")
    return next((part for part in script.split("_") if len(part) == 4), "")
