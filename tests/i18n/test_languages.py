"""Which language a browser gets, and how days, moments and numbers read there."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.i18n import formats
from app.i18n.catalogues import Catalogues, compile_catalogue
from app.i18n.languages import CHINESE, ENGLISH, Language, find_language, negotiate_language

AT = datetime(2026, 11, 27, 20, 3, tzinfo=UTC)
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
ENTRY = HEADER + '{entry}\nmsgid "Next"\nmsgstr "下一题"\n'


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("zh", CHINESE),
        ("zh-Hans", CHINESE),
        ("zh-SG", CHINESE),
        ("zh-HK", ENGLISH),
        ("en-GB,en;q=0.8,zh-CN;q=0.9", ENGLISH),
        ("en;q=0, zh", CHINESE),
        ("fr,de", ENGLISH),
        ("zh;q=nonsense", ENGLISH),
        ("not a tag at all,,;q=1", ENGLISH),
    ],
)
def test_language_and_script_decide(accept: str, expected: object) -> None:
    assert negotiate_language(accept) == expected


def test_a_language_is_known_by_its_code_and_its_tag() -> None:
    assert [find_language(code) for code in ("zh_CN", "zh-Hans", "en", "tlh", None)] == [
        CHINESE,
        CHINESE,
        ENGLISH,
        None,
        None,
    ]


@pytest.mark.req("TIM-01")
@pytest.mark.parametrize(
    ("spoken", "day", "short", "moment", "clock", "dated"),
    [
        (
            ENGLISH,
            "Friday, 27 November 2026",
            "27 Nov 2026",
            "28 November 2026, 04:03 (UTC+08:00)",
            "28 Nov, 04:03",
            "28 Nov 2026, 04:03",
        ),
        (
            CHINESE,
            "2026年11月27日星期五",
            "2026年11月27日",
            "2026年11月28日 04:03（UTC+08:00）",
            "11月28日 04:03",
            "2026年11月28日 04:03",
        ),
    ],
)
def test_days_and_moments_read_as_people_write_them(
    spoken: Language, day: str, short: str, moment: str, clock: str, dated: str
) -> None:
    on = date(2026, 11, 27)
    assert formats.format_day(on, spoken) == day
    assert formats.format_last_day(on, spoken) == {ENGLISH: day, CHINESE: "11月27日（星期五）"}[spoken]
    assert formats.format_short_day(on, spoken) == short
    assert formats.format_moment(AT, "Asia/Shanghai", spoken) == moment
    assert formats.format_clock(AT, "Asia/Shanghai", spoken) == clock
    assert formats.format_dated_clock(AT, "Asia/Shanghai", spoken) == dated
    assert formats.format_number(1234.5, spoken) == "1,234.5"
    midnight = datetime(2026, 11, 26, 16, tzinfo=UTC)
    assert formats.format_opening(midnight, "Asia/Shanghai", spoken) == day
    assert formats.format_opening(AT, "Asia/Shanghai", spoken) == re.sub(r" ?[(（]UTC.*", "", moment)
    assert formats.format_opening(None, "Asia/Shanghai", spoken) == ""


def test_an_unsure_translation_never_shows(tmp_path: Path) -> None:
    folder = tmp_path / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(ENTRY.format(entry="#, fuzzy"), "utf-8")
    assert compile_catalogue(folder / "messages.po").gettext("Next") == "Next"
    (folder / "messages.po").write_text(ENTRY.format(entry=""), "utf-8")
    words = Catalogues.load(tmp_path)
    assert words.get_translations(CHINESE).gettext("Next") == "下一题"
    assert words.get_translations(ENGLISH).gettext("Next") == "Next"
