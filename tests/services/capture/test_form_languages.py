"""Which languages a form has, when changing is asked about, and a site's own urgent words."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.definitions.library import Library
from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.capture.form_languages import (
    list_form_languages,
    needs_language_confirmation,
    switch_form_language,
)
from app.services.core.context import DeviceContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.setup.site_words import set_urgent_words, urgent_words
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, days
from tests.scenarios.reminders import count_entries


def english_only(installation: Installation) -> Installation:
    """The same installation without Chinese words of the questionnaire."""
    library = installation.library
    texts = {key: text for key, text in library.texts.items() if key[2] == "en"}
    return replace(installation, library=Library(library.root, library.instruments, texts, library.plans))


@pytest.mark.req("CAP-03")
def test_the_language_is_asked_once_answers_exist(installation: Installation, person: Person) -> None:
    slot = person.begin("BL", START)

    def asks(
        language: str, slot_id: str = slot, cookie: str | None = person.cookie, at: datetime = START
    ) -> bool:
        device = DeviceContext.of_cookie(installation, cookie, at)
        return needs_language_confirmation(device, slot_id, language)

    assert not asks("zh_CN")
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 1))
    assert asks("zh_CN")
    assert not asks("en")
    assert not asks("zh_CN", "nobodys")
    assert not asks("zh_CN", cookie=None)
    assert not asks("zh_CN", at=START + days(1))  # locked
    switch_form_language(ParticipantContext(installation, person.participant(START), START), slot, "zh_CN")
    assert (person.row().language, person.slot("BL").instrument_version) == ("zh_CN", "3.0")
    person.submit("BL", START)
    assert not asks("en")


@pytest.mark.req("CAP-03")
def test_a_form_is_never_offered_in_a_language_it_has_no_words_in(
    installation: Installation, person: Person
) -> None:
    slot, participant = person.begin("BL", START), person.participant(START)
    assert list_form_languages(
        ParticipantContext(installation, participant, participant.seen_at), person.slot("BL")
    ) == ("zh_CN", "en")
    poorer = english_only(installation)
    assert list_form_languages(
        ParticipantContext(poorer, participant, participant.seen_at), person.slot("BL")
    ) == ("en",)
    with pytest.raises(Refused, match="no_translation"):
        needs_language_confirmation(DeviceContext.of_cookie(poorer, person.cookie, START), slot, "zh_CN")
    with pytest.raises(Refused, match="no_translation"):
        switch_form_language(ParticipantContext(poorer, participant, START), slot, "zh_CN")
    assert person.row().language == "en"


def test_a_sites_urgent_words_replace_the_default(installation: Installation, site: Site) -> None:
    def say(words: str, language: str = "zh_CN", site_code: str = "0571") -> None:
        set_urgent_words(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_code, language, words)

    def stored() -> Site:
        with installation.read() as session:
            return session.get_one(Site, site.id)

    assert urgent_words(site, "zh_CN") == ""
    for _ in range(2):
        say("  请立即\n致电病房  ")
    say("Call the ward now", "en")
    assert [urgent_words(stored(), code) for code in ("zh_CN", "en", "de")] == [
        "请立即 致电病房",
        "Call the ward now",
        "",
    ]
    assert count_entries(installation, AuditEvent.SITE_UPDATED) == 2
    for expected, code in (
        ({"words": "x" * 121}, "words_too_long"),
        ({"words": "x", "language": "de"}, "no_language"),
        ({"words": "x", "site_code": "9999"}, "unknown_site"),
    ):
        with pytest.raises(Refused) as raised:
            say(**expected)
        assert raised.value.code == code
    say("x" * 120, "en")
    say("", "en")
    say("")
    assert stored().urgent_words is None
