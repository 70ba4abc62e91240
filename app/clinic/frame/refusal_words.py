"""How the desk writes what a refusal names: fields by their labels, days in the one style of the desk."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from starlette.requests import Request

from app.definitions.library import Library
from app.domain.refusal import Refused
from app.i18n.formats import format_short_day
from app.i18n.languages import ENGLISH, Language, find_language, language_name
from app.i18n.marking import N_
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages
from app.web.refusal_messages import COMMA, fill_message, message_of

HIDDEN = N_("This page")
"""Stands for a field that nobody sees."""
LABELS: Mapping[str, str] = {
    "address": N_("E-mail address"),
    "telephone": N_("Telephone for calls"),
    "channel": N_("Remind by"),
    "code": N_("Code"),
    "consent": N_("Consent"),
    "consent_version": N_("Version of the consent form"),
    "consented_on": N_("Consented on"),
    "enrolled_on": N_("Enrolled on"),
    "from": N_("From"),
    "identity_check": N_("How identity was checked"),
    "language": N_("Language"),
    "name": N_("Name"),
    "outcome": N_("Outcome"),
    "reason": N_("Why"),
    "site": N_("Site"),
    "subject": N_("Participant code"),
    "to": N_("Until"),
    "visit": N_("Visit"),
    "zone": N_("Time zone"),
}
"""The label of each field that forms of the desk share; a page with others names its own."""
PLAIN: Mapping[str, str] = {
    "no_language": N_("The study isn't available in this language. Please choose one from the list."),
    "unknown_anchor": N_("Please choose a date from the list."),
}
"""What the desk says where the sentence for programs lists codes."""
_NAME = re.compile("[a-z][a-z0-9_]*")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def label_field(refused: Refused, word: Callable[[str], str]) -> Refused:
    """The refusal with its field in words; one that stands in words already stays."""
    named = refused.details.get("field")
    if not isinstance(named, str) or not _NAME.fullmatch(named):
        return refused
    return Refused(refused.code, **{**refused.details, "field": word(LABELS.get(named, HIDDEN))})


def name_wording(refused: Refused, library: Library, reader: str) -> Refused:
    """The refusal with a questionnaire and a language by the names that staff read, not by their codes."""
    details = dict(refused.details)
    if isinstance(details.get("language"), str):
        details["language"] = language_name(str(details["language"]))
    names = {name: text.name for (name, _version, spoken), text in library.texts.items() if spoken == reader}
    if isinstance(details.get("instrument"), str):
        details["instrument"] = names.get(str(details["instrument"]), details["instrument"])
    return Refused(refused.code, **details)


def write_detail(value: object, language: Language) -> str:
    """A detail as the desk writes it: a day as everywhere on the desk, all else as it is."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return format_short_day(value, language)
    text = str(value)
    if _DAY.fullmatch(text):
        try:
            return format_short_day(date.fromisoformat(text), language)
        except ValueError:
            return text
    return text


def translate_refusal(request: Request, refused: Refused, frame: PageFrame) -> str:
    """A refusal in the words of this page's language."""
    pages: Pages = request.app.state.pages
    sentence = PLAIN.get(refused.code) or message_of(refused).sentence
    comma = pages.translate(COMMA, frame)
    if not sentence:
        return ""
    spoken = find_language(frame.code) or ENGLISH
    worded = name_wording(refused, request.app.state.installation.library, frame.code)
    named = label_field(worded, lambda label: pages.translate(label, frame))
    return fill_message(
        pages.translate(sentence, frame), named, lambda value: write_detail(value, spoken), comma
    )
