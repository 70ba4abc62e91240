"""Pages about the participant rather than a form: what was sent, settings, help, language.

As in `app.patient.pages`, texts and dates are already in the reader's language.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class SentForm:
    """One line of the history; `asked` is when its correction was asked for, "" when it was not."""

    name: str
    sent_at: str
    correct_url: str
    late: bool = False
    read_url: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class SentPage:
    """Forms already sent, newest first; never their answers."""

    template: ClassVar[str] = "patient/sent.html"
    forms: tuple[SentForm, ...]


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """What was answered in one form, to read only; never scores. `rows`: number, question, answer."""

    template: ClassVar[str] = "patient/answers.html"
    form: SentForm
    lang: str
    rows: tuple[tuple[int, str, str], ...]
    back_url: str
    demonstration: bool
    copyright_line: str = ""


@dataclass(frozen=True, slots=True)
class AskedPage:
    """A correction is asked for: what happens now."""

    template: ClassVar[str] = "patient/asked.html"
    name: str
    sent_at: str
    hours: str
    back_url: str


@dataclass(frozen=True, slots=True)
class Reminders:
    """How somebody is reminded; `channel` is "" where no address is on file.

    `hours` and `pauses` are what can be chosen, each with its words; `usual` are the plan's hours, of
    questionnaires and of the diary.
    """

    channel: str
    address: str
    wanted: bool
    hour: str
    usual: tuple[str, str]
    hours: tuple[tuple[str, str], ...]
    paused_until: str
    pauses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """Language, text size, reminders and this phone; every form on it saves one thing at once."""

    template: ClassVar[str] = "patient/settings.html"
    leave_url: str
    size: str  # "standard" | "large" | "extra_large"
    reminders: Reminders
    saved: str = ""  # "" | "language" | "text_size" | "reminders" | "hour" | "pause"
    changes_pin: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class HelpPage:
    """Who to call and how to get a new link; open to anybody.

    Whoever is known may ask to be called; `asked` is when they did.
    """

    template: ClassVar[str] = "patient/help.html"
    hours: str = ""
    call_url: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class LanguagePage:
    """Asked once answers are given: whether the questions shall go on in another language."""

    template: ClassVar[str] = "patient/language.html"
    name: str
    language: str
    lang: str
    told_there: str
    action_url: str
    form_url: str
