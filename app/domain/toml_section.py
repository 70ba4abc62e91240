"""Definition files: TOML read key by key, refusing whatever is wrong, missing or not known."""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NoReturn, TypeVar

from app.domain.refusal import BadDefinition

TomlKind = TypeVar("TomlKind")

LONGEST_FILE = 128 * 1024
"""Characters of a definition file: the longest that are known need a half of it."""
DEEPEST = 8
LONGEST_KEY = 80
LARGEST_NUMBER = 2**53
LONGEST_LINE = 200
LONGEST_WORD = 40
LONGEST_PASSAGE = 4000
"""Characters of running text: more than an instruction of a questionnaire needs."""
WHOLE_FILE = "(file)"
BYTE_ORDER_MARK = "\ufeff"

_TOO_DEEP = f"at most {DEEPEST} levels of lists and tables"
_PLAIN_KEY = f"a key of at most {LONGEST_KEY} characters without control characters"
# Controls, separators of lines and paragraphs, signs that turn the direction of what follows, tags, and
# places where a line may break. Joiners (200C, 200D) are seen in what stands beside them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
# In running text line ends may stand, and the marks (no embeddings) that right-to-left writing needs.
_UNSEEN_IN_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
# Letters and signs that leave no mark, beside those that Unicode calls blanks, controls and marks on others.
_LEAVES_NO_MARK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# What a TOML text is made of, as far as its keys go: running text, comments, parts of keys, and dots.
_TOKENS = re.compile(
    r""""{3}(?:[^"\\]|\\.|"(?!""))*+"{0,5}|'{3}(?:[^']|'(?!''))*+'{0,5}|#[^\n]*+|[ \t]++|"""
    r"""(?P<part>"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|[A-Za-z0-9_-]++)|(?P<dot>\.)|(?P<other>.)""",
    re.DOTALL,
)


def read_toml(text: str, file: str) -> "TomlSection":
    """The root table of a definition file.

    `file` names the file in every refusal. Raises BadDefinition for whatever is no TOML or would be dear
    or dangerous to read: with line and column where the parser names them.
    """
    if len(text) > LONGEST_FILE:
        raise BadDefinition(file, WHOLE_FILE, len(text), f"at most {LONGEST_FILE} characters")
    if text.startswith(BYTE_ORDER_MARK):
        raise BadDefinition(file, WHOLE_FILE, BYTE_ORDER_MARK, "UTF-8 without a byte order mark")
    if endless := _find_endless_key(text):
        raise BadDefinition(file, WHOLE_FILE, endless, f"keys of at most {DEEPEST} parts")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadDefinition(file, WHOLE_FILE, str(error), "a TOML 1.0 document") from error
    except ValueError as error:  # a number or a date that Python does not convert
        raise BadDefinition(
            file, WHOLE_FILE, str(error).partition(":")[0], "numbers and dates of usual length"
        ) from error
    except RecursionError:
        raise BadDefinition(file, WHOLE_FILE, "", _TOO_DEEP) from None
    _check_values(values, file)
    return TomlSection(values, file)


def _find_endless_key(text: str) -> str:
    """The beginning of a key of too many parts, which would be dear to read; "" where there is none."""
    if all(line.count(".") < DEEPEST for line in text.split("\n")):
        return ""
    parts: list[str] = []
    after_dot = True
    for token in _TOKENS.finditer(text):
        match token.lastgroup:
            case "part":
                parts = [*parts, token[0]] if after_dot else [token[0]]
                after_dot = False
            case "dot":
                after_dot = True
            case "other":
                parts, after_dot = [], True
        if len(parts) > DEEPEST:
            return ".".join(parts)
    return ""


def _check_values(root: Mapping[str, object], file: str) -> None:
    """Refuse depths, numbers and signs that no definition needs; without recursion, as depth is unknown."""
    waiting: list[tuple[str, object, int]] = [("", root, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > DEEPEST:
            raise BadDefinition(file, path, "", _TOO_DEEP)
        if isinstance(value, dict):
            for key, below in value.items():
                if _UNSEEN.search(key) or len(key) > LONGEST_KEY:
                    raise BadDefinition(file, path or WHOLE_FILE, key, _PLAIN_KEY)
                waiting.append((f"{path}.{key}" if path else key, below, depth + 1))
        elif isinstance(value, list):
            waiting.extend((f"{path}[{index}]", member, depth + 1) for index, member in enumerate(value))
        elif isinstance(value, str) and _UNSEEN_IN_TEXT.search(value):
            raise BadDefinition(file, path, value, "a text without control characters")
        elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
            raise BadDefinition(file, path, "", f"a whole number up to {LARGEST_NUMBER}")


def _leaves_a_mark(text: str) -> bool:
    """Whether anything of it is seen."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in _LEAVES_NO_MARK for sign in text)


class TomlSection:
    """One table of a definition file.

    Each getter names a key that the table may hold; `refuse_unknown` then refuses every other key,
    here and in all tables handed out below. Without a default a key is required.
    """

    def __init__(self, values: Mapping[str, object], file: str, path: str = "") -> None:
        self.file = file
        self.path = path
        self._values = values
        self._known: dict[str, None] = {}
        self._below: list[TomlSection] = []

    def has(self, key: str) -> bool:
        """Whether the optional key is there; it counts as known from now on."""
        self._known[key] = None
        return key in self._values

    def list_names(self) -> tuple[str, ...]:
        """The keys as written, for tables whose keys are themselves data."""
        return tuple(self._values)

    def refuse(self, key: str, value: object, allowed: str) -> NoReturn:
        """Raise BadDefinition for a key of this table."""
        raise BadDefinition(self.file, self._at(key), value, allowed)

    def read_text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank."""
        if default is not None and not self.has(key):
            return default
        return self._text(key, self._required(key, "a text"))

    def read_line(self, key: str) -> str:
        """A name: a text in one line, not blank, without signs that are not seen."""
        value = self.read_text(key)
        if len(value) > LONGEST_LINE or _UNSEEN.search(value):
            self.refuse(key, value, f"one line of at most {LONGEST_LINE} characters that are seen")
        return value

    def read_code(self, key: str, pattern: str, allowed: str) -> str:
        """A text that matches the whole pattern; `allowed` says the same in words."""
        value = self._required(key, allowed)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(key, value, allowed)
        return value

    def read_integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]; true and false are not numbers."""
        if default is not None and not self.has(key):
            return default
        allowed = f"a whole number from {low} to {high}"
        return self._integer(key, self._required(key, allowed), low, high)

    def read_flag(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        if default is not None and not self.has(key):
            return default
        value = self._required(key, "true or false")
        if not isinstance(value, bool):
            self.refuse(key, value, "true or false")
        return value

    def read_choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of the allowed words; an enum's members may be passed as they are."""
        if default is not None and not self.has(key):
            return default
        named = "one of: " + ", ".join(allowed)
        value = self._required(key, named)
        if not isinstance(value, str) or value not in allowed:
            self.refuse(key, value, named)
        return value

    def read_day(self, key: str, earliest: date = date.min, latest: date = date.max) -> date:
        """A date without a time, written as 2026-02-13, in [earliest, latest]."""
        allowed = "a date, such as 2026-02-13"
        value = self._required(key, allowed)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.refuse(key, value, allowed)
        if not earliest <= value <= latest:
            self.refuse(key, value, f"a date from {earliest} to {latest}")
        return value

    def read_texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        return self._many(key, "a list of texts", self._text, default)

    def read_word(self, key: str, pattern: str) -> str:
        """A short text of this form."""
        value = self.read_text(key)
        if len(value) > LONGEST_WORD or not re.fullmatch(pattern, value):
            self.refuse(key, value, f"a text of the form {pattern}, at most {LONGEST_WORD} long")
        return value

    def read_words(self, key: str, pattern: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Short texts of this form, each once; at least one where there is no default."""
        values = self.read_texts(key, default)
        if not values and default is None:
            self.refuse(key, [], "at least one")
        for value, times in Counter(values).items():
            if len(value) > LONGEST_WORD or not re.fullmatch(pattern, value) or times > 1:
                self.refuse(key, value, f"each once, of the form {pattern}, at most {LONGEST_WORD} long")
        return values

    def read_choices(self, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Some of these, each once."""
        values = self.read_texts(key)
        for value, times in Counter(values).items():
            if value not in allowed or times > 1:
                self.refuse(key, value, "each once, out of: " + ", ".join(allowed))
        return values

    def read_texts_by_language(self, key: str, languages: Iterable[str]) -> Mapping[str, str]:
        """A text in each of these languages."""
        below = self.read_section(key)
        return MappingProxyType({language: below.read_text(language) for language in languages})

    def read_lines_by_language(self, key: str, languages: Iterable[str]) -> Mapping[str, str]:
        """A line in each of these languages."""
        below = self.read_section(key)
        return MappingProxyType({language: below.read_line(language) for language in languages})

    def read_integers(
        self, key: str, low: int, high: int, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """A list of whole numbers, each in [low, high]."""
        named = f"a list of whole numbers from {low} to {high}"
        return self._many(key, named, lambda at, value: self._integer(at, value, low, high), default)

    def read_section(self, key: str) -> "TomlSection":
        """A table below this one."""
        return self._table(key, self._required(key, "a table"))

    def read_sections(
        self, key: str, default: tuple["TomlSection", ...] | None = None
    ) -> tuple["TomlSection", ...]:
        """A list of tables."""
        return self._many(key, "a list of tables", self._table, default)

    def read_table(self, key: str) -> dict[str, str]:
        """A table of names whose keys are data, such as words per language."""
        below = self.read_section(key)
        return {name: below.read_line(name) for name in below.list_names()}

    def refuse_unknown(self) -> None:
        """Refuse the first key that nobody asked for, in this table and those below."""
        for key, value in self._values.items():
            if key not in self._known:
                self.refuse(key, value, "unknown key; allowed: " + ", ".join(self._known))
        for below in self._below:
            below.refuse_unknown()

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _required(self, key: str, allowed: str) -> object:
        if not self.has(key):
            self.refuse(key, None, f"required: {allowed}")
        return self._values[key]

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not _leaves_a_mark(value):
            self.refuse(key, value, "a text that is not blank")
        if len(value) > LONGEST_PASSAGE:
            self.refuse(key, value, f"a text of at most {LONGEST_PASSAGE} characters")
        return value

    def _integer(self, key: str, value: object, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def _table(self, key: str, value: object) -> "TomlSection":
        if not isinstance(value, dict):
            self.refuse(key, value, "a table")
        below = TomlSection(value, self.file, self._at(key))
        self._below.append(below)
        return below

    def _many(
        self,
        key: str,
        named: str,
        one: Callable[[str, object], TomlKind],
        default: tuple[TomlKind, ...] | None,
    ) -> tuple[TomlKind, ...]:
        if default is not None and not self.has(key):
            return default
        value = self._required(key, named)
        if not isinstance(value, list):
            self.refuse(key, value, named)
        return tuple(one(f"{key}[{index}]", member) for index, member in enumerate(value))
