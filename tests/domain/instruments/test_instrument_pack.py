"""A pack holds the words of its instrument, all of them and nothing else, and a licence."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import Pack, PackValidity, parse_pack
from app.domain.instruments.parsing import parse_instrument
from app.domain.refusal import BadDefinition
from tests.scenarios.licensed_trial import ENDS, INSTRUMENT, STUDY, pack_of

LICENSED = parse_instrument(INSTRUMENT, "moon-6")


def parsed(toml: str, instrument: Instrument = LICENSED) -> Pack:
    return parse_pack(toml, "pack.toml", lambda _id, _version: instrument)


@pytest.mark.req("CAP-01", "CAP-02")
@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_a_whole_pack_is_read_as_it_stands(lang: str) -> None:
    pack = parsed(pack_of(lang))
    assert (pack.study, pack.licensee, pack.permission) == (STUDY, "Lunar Hospital", "MOON-2026-17")
    assert (pack.text.lang, pack.text.wording, pack.valid_until) == (lang, "official", ENDS)
    assert list(pack.text.items) == [f"m{number}" for number in range(1, 7)]
    assert pack.text.copyright.startswith("© 2026")
    assert len(pack.text.sha256) == 64
    assert not pack.text.read_aloud  # only a licence that says so lets a phone read its words out
    assert parsed(pack_of(lang).replace("\n\n", "\nread_aloud = true\n\n", 1)).text.read_aloud


@pytest.mark.req("CAP-01")
@pytest.mark.parametrize(
    ("line", "instead", "key"),
    [
        ('name = "Moonlight"', "", "name"),
        ('instruction = "Please answer every line."', "", "instruction"),
        ('instruction = "Please answer every line."', 'instruction = "  "', "instruction"),
        ('copyright = "© 2026 The Moon Group. All rights reserved."', "", "copyright"),
        ('night = "Last night"', "", "recalls.night"),
        ('night = "Last night"', 'night = "Last night"\nweek = "Last week"', "recalls.week"),
        ('m3 = "How bright 3?"', "", "items.m3"),
        ('m3 = "How bright 3?"', 'm3 = ""', "items.m3"),
        ('m3 = "How bright 3?"', 'm3 = "How bright 3?"\nm7 = "How bright 7?"', "items.m7"),
        ('2 = "Pale"', "", "labels.light.2"),
        ('2 = "Pale"', '2 = "Pale"\n4 = "Blinding"', "labels.light.4"),
        ('7 = "Bright"', '7 = "Bright"\n4 = "Middling"', "labels.shine.4"),
        ('wording = "official"', 'wording = "demonstration"', "wording"),
        ('instrument = "moon-6"', 'instrument = "sun-6"', "instrument"),
        ('version = "1.0"', 'version = "1.1"', "version"),
        ('instrument = "moon-6"', 'instrument = "' + "m" * 201 + '"', "instrument"),
        ('version = "1.0"', 'version = "1.0\\n"', "version"),
        ('m3 = "How bright 3?"', 'm3 = "' + "?" * 4001 + '"', "items.m3"),
        ('m3 = "How bright 3?"', 'm3 = "\\u200b\\u2800"', "items.m3"),
        ('licensee = "Lunar Hospital"', 'licensee = "Lunar\\nHospital"', "licence.licensee"),
        ('lang = "en"', 'lang = "English"', "lang"),
        ('lang = "en"', 'lang = "en"\nfont = "Moon"', "font"),
        ('study = "moon-trial"', "", "licence.study"),
        ('licensee = "Lunar Hospital"', 'licensee = ""', "licence.licensee"),
        ('permission = "MOON-2026-17"', "", "licence.permission"),
        ("valid_until = 2028-12-31", "", "licence.valid_until"),
        ("valid_until = 2028-12-31", 'valid_until = "soon"', "licence.valid_until"),
        ("valid_until = 2028-12-31", "valid_until = 2028-12-31\nfee = 0", "licence.fee"),
        ("[licence]", "[license]", "licence"),
    ],
)
def test_what_lacks_or_is_too_much_is_refused_by_its_key(line: str, instead: str, key: str) -> None:
    whole = pack_of("en")
    assert line in whole
    with pytest.raises(BadDefinition) as refused:
        parsed(whole.replace(line, instead, 1))
    assert (refused.value.file, refused.value.key) == ("pack.toml", key)


def test_words_of_a_free_instrument_come_with_the_program() -> None:
    with pytest.raises(BadDefinition, match="a licensed instrument"):
        parsed(pack_of("en"), replace(LICENSED, licensed=False))


@pytest.mark.parametrize(
    ("days", "standing"),
    [
        (61, PackValidity.VALID),
        (60, PackValidity.ENDS_SOON),
        (0, PackValidity.ENDS_SOON),
        (-1, PackValidity.EXPIRED),
    ],
)
def test_a_licence_counts_through_its_last_day_with_a_warning_before(
    days: int, standing: PackValidity
) -> None:
    pack, today = parsed(pack_of("en")), date(2028, 12, 31) - timedelta(days=days)
    assert (pack.judge_validity(today), pack.days_to_expiry(today)) == (standing, days)
