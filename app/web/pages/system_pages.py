"""The pages that belong to no face."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class StartPage:
    """The page of the bare address: enter a code from the sheet, or sign in as staff."""

    template: ClassVar[str] = "web/start.html"
    code_url: str
    staff_url: str


@dataclass(frozen=True, slots=True)
class AboutPage:
    """Which program this is, and which questionnaires are `demonstrated` in words of our own."""

    template: ClassVar[str] = "web/about.html"
    commit: str
    instruments: tuple[str, ...]
    demonstrated: tuple[str, ...]
