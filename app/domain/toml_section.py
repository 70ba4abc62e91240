"""Definition files: TOML read key by key, refusing whatever is wrong, missing or not known."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import NoReturn, TypeVar

from app.domain.refusal import BadDefinition

Kind = TypeVar("Kind")


def read_toml(text: str, file: str) -> "TomlSection":
    """The root table of a definition file.

    `file` names the file in every refusal. Raises BadDefinition with line and column
    when the text is not TOML.
    """
    try:
        return TomlSection(tomllib.loads(text), file)
    except tomllib.TOMLDecodeError as error:
        raise BadDefinition(file, "(file)", str(error), "a TOML 1.0 document") from error


class TomlSection:
    """One table of a definition file.

    Each getter names a key that the table may hold; `done` then refuses every other key,
    here and in all tables handed out below. Without a default a key is required.
    """

    def __init__(self, values: Mapping[str, object], file: str, path: str = "") -> None:
        self.file = file
        self.path = path
        self._values = values
        self._known: list[str] = []
        self._below: list[TomlSection] = []

    def has(self, key: str) -> bool:
        """Whether the optional key is there; it counts as known from now on."""
        if key not in self._known:
            self._known.append(key)
        return key in self._values

    def names(self) -> tuple[str, ...]:
        """The keys as written, for tables whose keys are themselves data."""
        return tuple(self._values)

    def refuse(self, key: str, value: object, allowed: str) -> NoReturn:
        """Raise BadDefinition for a key of this table."""
        raise BadDefinition(self.file, self._at(key), value, allowed)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank."""
        if default is not None and not self.has(key):
            return default
        return self._text(key, self._required(key, "a text"))

    def code(self, key: str, pattern: str, allowed: str) -> str:
        """A text that matches the whole pattern; `allowed` says the same in words."""
        value = self._required(key, allowed)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(key, value, allowed)
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]; true and false are not numbers."""
        if default is not None and not self.has(key):
            return default
        allowed = f"a whole number from {low} to {high}"
        return self._integer(key, self._required(key, allowed), low, high)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        if default is not None and not self.has(key):
            return default
        value = self._required(key, "true or false")
        if not isinstance(value, bool):
            self.refuse(key, value, "true or false")
        return value

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of the allowed words; an enum's members may be passed as they are."""
        if default is not None and not self.has(key):
            return default
        named = "one of: " + ", ".join(allowed)
        value = self._required(key, named)
        if not isinstance(value, str) or value not in allowed:
            self.refuse(key, value, named)
        return value

    def day(self, key: str) -> date:
        """A date without a time, written as 2026-02-13."""
        value = self._required(key, "a date, such as 2026-02-13")
        if not isinstance(value, date) or isinstance(value, datetime):
            self.refuse(key, value, "a date, such as 2026-02-13")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        return self._many(key, "a list of texts", self._text, default)

    def integers(
        self, key: str, low: int, high: int, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """A list of whole numbers, each in [low, high]."""
        named = f"a list of whole numbers from {low} to {high}"
        return self._many(key, named, lambda at, value: self._integer(at, value, low, high), default)

    def section(self, key: str) -> "TomlSection":
        """A table below this one."""
        return self._table(key, self._required(key, "a table"))

    def sections(
        self, key: str, default: tuple["TomlSection", ...] | None = None
    ) -> tuple["TomlSection", ...]:
        """A list of tables."""
        return self._many(key, "a list of tables", self._table, default)

    def table(self, key: str) -> dict[str, str]:
        """A table of texts whose keys are data, such as words per language."""
        below = self.section(key)
        return {name: below.text(name) for name in below.names()}

    def done(self) -> None:
        """Refuse the first key that nobody asked for, in this table and those below."""
        for key, value in self._values.items():
            if key not in self._known:
                self.refuse(key, value, "unknown key; allowed: " + ", ".join(self._known))
        for below in self._below:
            below.done()

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _required(self, key: str, allowed: str) -> object:
        if not self.has(key):
            self.refuse(key, None, f"required: {allowed}")
        return self._values[key]

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, value, "a text that is not blank")
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
        self, key: str, named: str, one: Callable[[str, object], Kind], default: tuple[Kind, ...] | None
    ) -> tuple[Kind, ...]:
        if default is not None and not self.has(key):
            return default
        value = self._required(key, named)
        if not isinstance(value, list):
            self.refuse(key, value, named)
        return tuple(one(f"{key}[{place}]", each) for place, each in enumerate(value))
