"""Dates, instants and numbers as a reader of a language writes them."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names
from babel.numbers import format_decimal

from app.domain.plans.windows import local_day, start_of_day
from app.i18n.languages import Language

_DAYS = {"zh_CN": "y年M月d日", "en": "d MMMM y"}
_WITH_OFFSET = {"zh_CN": "{}（UTC{}）", "en": "{} (UTC{})"}
_MONTHS = {"zh_CN": "y年M月", "en": "MMMM y"}
_LAST_DAYS = {"zh_CN": "M月d日（EEEE）", "en": "EEEE, d MMMM y"}
_NEAR_DAYS = {"zh_CN": "M月d日", "en": "d MMM"}
_SHORT_DAYS = {"zh_CN": "y年M月d日", "en": "d MMM y"}
_AT_TIME = {"zh_CN": "{} {:02}:{:02}", "en": "{}, {:02}:{:02}"}


@lru_cache(maxsize=4096)
def format_day(on: date, language: Language) -> str:
    """Weekday, day, month and year in words, e.g. `Friday, 27 November 2026`."""
    return format_date(on, "full", locale=language.formats)


@lru_cache(maxsize=4096)
def format_last_day(on: date, language: Language) -> str:
    """A day that is near, on which something ends: in Chinese without the year, e.g. `11月27日（星期五）`."""
    return format_date(on, _LAST_DAYS[language.code], locale=language.formats)


@lru_cache(maxsize=4096)
def format_short_day(on: date, language: Language) -> str:
    """Day, short month and year, for tables, e.g. `27 Nov 2026`."""
    return format_date(on, "medium", locale=language.formats)


@lru_cache(maxsize=4096)
def format_stated(stated: str, language: Language) -> str:
    """A date as it is known: a day as `format_short_day`, a month alone as a month, e.g. `November 2026`."""
    if len(stated) == len("2026-11"):
        return format_date(
            date.fromisoformat(f"{stated}-01"), _MONTHS[language.code], locale=language.formats
        )
    return format_short_day(date.fromisoformat(stated), language)


def format_moment(at: datetime, zone: str, language: Language) -> str:
    """An instant in a zone's local time with its offset, e.g. `27 November 2026, 10:03 (UTC+08:00)`."""
    return _format_minute(at.replace(second=0, microsecond=0), zone, language)


@lru_cache(maxsize=4096)
def _format_minute(at: datetime, zone: str, language: Language) -> str:
    # Pages say as of when they are: a moment that never comes again, within a minute that many share.
    return _WITH_OFFSET[language.code].format(format_local_time(at, zone, language), format_offset(at, zone))


def format_offset(at: datetime, zone: str) -> str:
    """How far a zone is from UTC at a moment, e.g. `+08:00`."""
    return at.astimezone(ZoneInfo(zone)).isoformat()[-6:]


@lru_cache(maxsize=4096)
def format_local_time(at: datetime, zone: str, language: Language) -> str:
    """A moment without its offset, for people who know their own clock, e.g. `27 November 2026, 10:03`."""
    return _format_at_time(at, zone, _DAYS[language.code], language)


def format_opening(at: datetime | None, zone: str, language: Language) -> str:
    """The day on which a form opens, with the time where that is within the day; "" for None."""
    if at is None:
        return ""
    day = local_day(at, zone)
    whole = at == start_of_day(day, zone)
    return format_day(day, language) if whole else format_local_time(at, zone, language)


@lru_cache(maxsize=4096)
def format_clock(at: datetime, zone: str, language: Language) -> str:
    """An instant in a zone's local time, without its year: for things of today."""
    return _format_at_time(at, zone, _NEAR_DAYS[language.code], language)


@lru_cache(maxsize=4096)
def format_dated_clock(at: datetime, zone: str, language: Language) -> str:
    """A short moment with its year, for tables of what happened at any time, e.g. `27 Nov 2026, 10:03`."""
    return _format_at_time(at, zone, _SHORT_DAYS[language.code], language)


def _format_at_time(at: datetime, zone: str, pattern: str, language: Language) -> str:
    # Hardly two moments are the same, and all of today are of one day.
    local = at.astimezone(ZoneInfo(zone))
    day = _format_pattern(local.date(), pattern, language)
    return _AT_TIME[language.code].format(day, local.hour, local.minute)


@lru_cache(maxsize=4096)
def _format_pattern(on: date, pattern: str, language: Language) -> str:
    return format_date(on, pattern, locale=language.formats)


@lru_cache(maxsize=8)
def name_weekdays(language: Language) -> tuple[str, ...]:
    """The shortest clear names of the days of a week, from Monday on."""
    names = get_day_names("abbreviated", locale=language.formats)
    return tuple(names[day] for day in range(7))


def format_receipt(number: str) -> str:
    """A receipt in groups of four that stay on one line; one of letters, as they were before, as it is."""
    if not number.isdecimal():
        return number
    return "\u00a0".join(number[start : start + 4] for start in range(0, len(number), 4))


def format_number(value: int | float | Decimal, language: Language) -> str:
    """A number with the language's separators."""
    return format_decimal(value, locale=language.formats)
