"""The pages that belong to no face."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class StartPage:
    """Where somebody lands who typed the bare address: a code from the sheet, or the staff's door."""

    template: ClassVar[str] = "web/start.html"
    code_url: str
    staff_url: str


@dataclass(frozen=True, slots=True)
class AboutPage:
    """Which program this is, and whose words the questionnaires are."""

    template: ClassVar[str] = "web/about.html"
    commit: str
    instruments: tuple[str, ...]
    demonstration_wording: bool
