"""Pages of enrolment: the form, the sheet with the QR code, and a birth date recorded again."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class EnrolPage:
    """The enrolment form, with what was typed when something was refused.

    `asks_birth_date`: one of the studies confirms people by it.
    """

    template: ClassVar[str] = "clinic/enrol.html"
    sites: tuple[tuple[str, str], ...]
    languages: tuple[tuple[str, str], ...]
    pattern: str
    shape: str  # the pattern for people
    today: str
    values: dict[str, str]
    field: str = ""
    error: str = ""
    existing_url: str = ""
    asks_birth_date: bool = False


@dataclass(frozen=True, slots=True)
class SheetPage:
    """The printable sheet with the QR code, in the participant's language: no name, no diagnosis."""

    template: ClassVar[str] = "clinic/sheet.html"
    subject: str
    qr: Markup
    address: str
    code: tuple[str, str]
    phone: str
    hours: str
    expires_at: datetime
    code_expires_at: datetime
    zone: str
    replaces: bool
    back_url: str
    desk_words: tuple[str, str]
    desk_lang: str


@dataclass(frozen=True, slots=True)
class BirthDatePage:
    """Record a participant's birth date, or correct it; what is kept already is never shown."""

    template: ClassVar[str] = "clinic/birth_date.html"
    subject: str
    url: str
    back_url: str
    values: dict[str, str]
    reason: str = ""
    field: str = ""
    error: str = ""
