"""The words of a reminder: what, until when, how long, where and who helps. No health words (PRI-04)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.i18n import formats
from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, LANGUAGES, Language, find_language

TEMPLATES = Path(__file__).parents[2] / "templates"


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
class ReminderTexts:
    """The text of reminders in every language of ours, compiled once."""

    environments: Mapping[str, Environment]

    @classmethod
    def load(cls, catalogues: Catalogues, templates: Path = TEMPLATES) -> "ReminderTexts":
        """Environments for every language."""
        return cls({known.code: _environment(known, catalogues, templates) for known in LANGUAGES})

    def reminder(self, note: ReminderContent, code: str) -> tuple[str, str]:
        """Subject and text in the participant's language."""
        spoken = find_language(code) or ENGLISH
        whole = self.environments[spoken.code].get_template("messages/reminder.txt").render(note=note)
        subject, _, text = whole.partition("\n")
        return subject.strip(), text.strip()


def _environment(spoken: Language, catalogues: Catalogues, templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    words = catalogues.translations(spoken)
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # set by i18n
    environment.filters["day"] = partial(formats.format_day, language=spoken)
    return environment
