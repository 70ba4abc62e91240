"""Sentences that are compiled into a template say what the catalogue says, with their values escaped."""

import pytest
from jinja2 import Environment, UndefinedError

from app.i18n.catalogues import Catalogues
from app.i18n.languages import LANGUAGES
from app.web.pages.rendering import Pages
from tests.catalogues import LOCALES

SHOWN = (
    '{{ ngettext("%(num)s day left", "%(num)s days left", n) }}|'
    '{% set words = ngettext("+ %(num)s more", "+ %(num)s more", n) %}{{ words }}|'
    '{{ _("%(sent)s of %(planned)s", sent=name, planned=n) }}|'
    '{% set again = _("%(sent)s of %(planned)s", sent=name, planned=n) %}{{ again }}|'
    "{{ name }}|{{ name|safe }}"
)


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
@pytest.mark.parametrize("number", [0, 1, 2, 21])
def test_what_is_compiled_says_what_the_catalogue_says(code: str, number: int) -> None:
    pages = Pages.load(Catalogues.load(LOCALES))
    words = pages.catalogues.by_code[code]
    shown = pages.environments[code].from_string(SHOWN).render(n=number, name="<b>")
    translated = words.ngettext("%(num)s day left", "%(num)s days left", number) % {"num": number}
    more = words.ngettext("+ %(num)s more", "+ %(num)s more", number) % {"num": number}
    sentence = words.gettext("%(sent)s of %(planned)s") % {"sent": "&lt;b&gt;", "planned": number}
    assert shown.split("|") == [translated, more, sentence, sentence, "&lt;b&gt;", "<b>"]


def test_what_a_page_does_not_have_is_an_error() -> None:
    environment: Environment = next(iter(Pages.load(Catalogues.load(LOCALES)).environments.values()))
    with pytest.raises(AttributeError):
        environment.from_string("{{ page.nothing }}").render(page=object())
    with pytest.raises(UndefinedError):
        environment.from_string("{{ page.nothing }}").render()
