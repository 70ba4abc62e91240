"""The words of messages: what, until when, where and who helps. No health words (PRI-04, ALR-06)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment

from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, find_language
from app.i18n.message_templates import TEMPLATES, load_environments, write_letter


@dataclass(frozen=True, slots=True)
class ReminderContent:
    """What a reminder tells of one form. `study` is its neutral name; `closes_on` its last day."""

    study: str
    diary: bool
    minutes: int
    closes_on: date
    link: str
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class ContactCheck:
    """What the test message to a new address tells. `study` is its neutral name."""

    study: str
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class AddressCode:
    """What the letter with the code tells by which an address becomes one's own, and for how many minutes."""

    study: str
    code: str
    minutes: int
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class AlertContent:
    """What staff are told of an alert: where to read it and by when to acknowledge it, and nothing of health.

    `study` and `site` are codes; `escalation`: nobody acknowledged it in time.
    """

    study: str
    site: str
    escalation: bool
    due_at: datetime
    zone: str
    link: str


@dataclass(frozen=True, slots=True)
class ReminderTexts:
    """The text of messages in every language of ours, compiled once."""

    environments: Mapping[str, Environment]

    @classmethod
    def load(cls, catalogues: Catalogues, templates: Path = TEMPLATES) -> "ReminderTexts":
        """Environments for every language."""
        return cls(load_environments(catalogues, templates))

    def write_reminder(self, note: ReminderContent, code: str) -> tuple[str, str]:
        """Subject and text in the participant's language."""
        spoken = find_language(code) or ENGLISH
        return write_letter(self.environments[spoken.code], "messages/reminder.txt", note=note)

    def contact_check(self, note: ContactCheck, code: str) -> tuple[str, str]:
        """Subject and text of the test message to a new address, in the participant's language."""
        spoken = find_language(code) or ENGLISH
        return write_letter(self.environments[spoken.code], "messages/contact_check.txt", note=note)

    def address_code(self, note: AddressCode, code: str) -> tuple[str, str]:
        """Subject and text of the letter with a code, in the participant's language."""
        spoken = find_language(code) or ENGLISH
        return write_letter(self.environments[spoken.code], "messages/address_code.txt", note=note)

    def write_alert(self, note: AlertContent, code: str) -> tuple[str, str]:
        """Subject and text of a message to a member of staff, in their language (ALR-06)."""
        spoken = find_language(code) or ENGLISH
        return write_letter(self.environments[spoken.code], "messages/alert.txt", note=note)
