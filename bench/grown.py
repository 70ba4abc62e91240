"""Loads the rows of a large trial: participants, their devices, audit chains and slots, as text for COPY."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from app.domain.plans.windows import Window, build_window, local_day
from app.domain.records.audit import GENESIS
from app.services.core.identifiers import token_digest
from bench.trial import PLAN_VERSION, ZONE, Trial

EVERY = 84
"""Days between two visits of a participant: twelve weeks."""
_AROUND = 7
_BEGUN_PLACE = 50
"""Position of a begun form among the visits, which `add_open_slots` and `add_closed_slots` do not use."""
_NULL = r"\N"
_SLOT_COLUMNS = (
    "public_id,study_id,participant_id,site_id,visit,series,instrument,instrument_version,plan_version,"
    "anchor,arm_revealing,position,zone,opens_on,target_on,closes_on,opens_at,due_at,overdue_at,"
    "closes_at,grace_until,window_version,out_of_window,version,begun_at,submitted_at,wake_at"
)
_SLOT_MIDDLE = f"\tfollow_up\tqlq-c30\t3.0\t{PLAN_VERSION}\trandomisation\tf\t"


@dataclass(frozen=True, slots=True)
class BegunForm:
    """One participant with a begun form: the cookie of their browser and the slot's public id."""

    cookie: str
    slot: str


def add_participants(trial: Trial, count: int) -> None:
    """Load so many enrolled participants, spread over the sites, each with a device and an audit chain."""
    study, moment = trial.study.id, trial.at.isoformat()
    sites = [(site.id, site.code) for site in trial.sites]
    places = [(number, *sites[number % len(sites)]) for number in range(1, count + 1)]
    trial.copy(
        "participant",
        "id,public_id,study_id,site_id,subject,plan_version,zone,language,enrolled_at,reminders_wanted,version",
        (
            f"{number}\tP{number}\t{study}\t{site}\t{code}-{number:06d}\t{PLAN_VERSION}\t{ZONE}\ten"
            f"\t{moment}\tt\t1\n"
            for number, site, code in places
        ),
    )
    trial.copy(
        "device",
        "participant_id,token_hash,label,bound_at,seen_at",
        (
            f"{number}\t{token_digest(cookie(number))}\tphone\t{moment}\t{moment}\n"
            for number in range(1, count + 1)
        ),
    )
    trial.copy(
        "audit_chain",
        "chain,study_id,seq,hash",
        (f"participant:{number}\t{study}\t0\t{GENESIS}\n" for number in range(1, count + 1)),
    )
    trial.execute("ANALYZE")  # as the database does by itself within a minute


def add_anchors(trial: Trial, people: int) -> None:
    """Load the dates of enrolment and randomisation, long before the oldest form."""
    day, moment = local_day(trial.at, ZONE) - timedelta(days=EVERY * 12), trial.at.isoformat()
    trial.copy(
        "anchor",
        "participant_id,kind,dated_on,standing,source,recorded_at,recorded_by",
        (
            f"{number}\t{kind}\t{day}\tcurrent\tsite\t{moment}\tbench\n"
            for number in range(1, people + 1)
            for kind in ("enrolment", "randomisation")
        ),
    )
    trial.execute("ANALYZE anchor")


def cookie(number: int) -> str:
    """The device cookie of this participant."""
    return f"browser-of-{number}"


def add_begun_forms(trial: Trial, count: int) -> list[BegunForm]:
    """Load so many participants, each with one form begun today."""
    add_participants(trial, count)
    window, begun = _window(local_day(trial.at, ZONE)), trial.at.isoformat()
    trial.copy(
        "slot",
        _SLOT_COLUMNS,
        (
            _slot(trial, number, len(trial.sites), f"B{number}", _BEGUN_PLACE, window, (begun, _NULL, _NULL))
            for number in range(1, count + 1)
        ),
    )
    trial.execute("ANALYZE")
    return [BegunForm(cookie(number), f"B{number}") for number in range(1, count + 1)]


def add_open_slots(trial: Trial, people: int, each: int) -> None:
    """Load slots whose window is open or still to come, one every twelve weeks for each participant.

    Three in four of those due already are submitted; the rest is what a nurse calls about.
    """
    today = local_day(trial.at, ZONE)
    trial.copy("slot", _SLOT_COLUMNS, _visits(trial, people, range(each), today))
    trial.execute("ANALYZE slot")


def add_closed_slots(trial: Trial, people: int, each: int) -> None:
    """Load slots of the years before: three in four submitted, the rest missed."""
    today = local_day(trial.at, ZONE)
    trial.copy("slot", _SLOT_COLUMNS, _visits(trial, people, range(-each, 0), today))
    trial.execute("ANALYZE slot")


def add_diary_entries(trial: Trial, people: int, each: int) -> None:
    """Load entries of a diary that ended long ago, one a day: three in four submitted, the rest missed."""
    last = local_day(trial.at, ZONE) - timedelta(days=EVERY)
    trial.copy("slot", f"{_SLOT_COLUMNS},for_day", _entries(trial, people, each, last))
    trial.execute("ANALYZE slot")


def _entries(trial: Trial, people: int, each: int, last: date) -> Iterator[str]:
    middle = f"\tdiary\tsymptom-diary\t1.0\t{PLAN_VERSION}\trandomisation\tf\t"
    for number in range(1, people + 1):
        site = trial.sites[number % len(trial.sites)].id
        for place in range(each):
            day = last - timedelta(days=each - place)
            moment = f"{day}T12:00:00+00:00"
            sent = moment if (number * 31 + place * 7) % 4 else _NULL
            yield (
                f"D{number}x{place}\t{trial.study.id}\t{number}\t{site}\tD{place:03d}{middle}{place}"
                f"\t{_entry_window(day)}\t1\tf\t1\t{sent}\t{sent}\t{_NULL}\t{day}\n"
            )


@cache
def _entry_window(day: date) -> str:
    return _write_window(
        build_window(day, day, day + timedelta(days=1), ZONE, overdue_after=1, grace_hours=48)
    )


def add_slots(trial: Trial, slots: Iterable[tuple[int, str]]) -> None:
    """Load submitted slots of participants, by participant key and public id: nothing is due of them."""
    window, sent = _window(local_day(trial.at, ZONE)), trial.at.isoformat()
    facts = (sent, sent, _NULL)
    rows = enumerate(slots)
    trial.copy(
        "slot",
        _SLOT_COLUMNS,
        (_slot(trial, number, 1, name, place, window, facts) for place, (number, name) in rows),
    )


def _visits(trial: Trial, people: int, places: range, today: date) -> Iterator[str]:
    sites = len(trial.sites)
    for number in range(1, people + 1):
        # The multiplier spreads neighbours, who would otherwise share site and day.
        phase = number * 2_654_435_761 % EVERY
        for place in places:
            days = phase + place * EVERY - _AROUND
            window = _window(today + timedelta(days=days))
            facts = _facts(trial.at, days, number * 31 + place * 7)
            yield _slot(trial, number, sites, f"S{number}x{place}", place, window, facts)


def _facts(at: datetime, days: int, chance: int) -> tuple[str, str, str]:
    """The moments begun, submitted and next due of a slot due so many days from today."""
    if days <= 0 and chance % 4:
        moment = (at + timedelta(days=days)).isoformat()
        return moment, moment, _NULL
    wake = (at + timedelta(days=days)).isoformat() if days > 0 else _NULL
    return _NULL, _NULL, wake


def _slot(
    trial: Trial,
    number: int,
    sites: int,
    public_id: str,
    place: int,
    window: str,
    facts: tuple[str, str, str],
) -> str:
    site = trial.sites[number % sites].id
    visit = f"W{(place + 100) * 12}"
    start = f"{public_id}\t{trial.study.id}\t{number}\t{site}\t{visit}{_SLOT_MIDDLE}"
    return f"{start}{place + 100}\t{window}\t1\tf\t1\t{facts[0]}\t{facts[1]}\t{facts[2]}\n"


@cache
def _window(due_on: date) -> str:
    """Zone, days and moments of the window around this day, as the domain places them."""
    around = timedelta(days=_AROUND)
    window = build_window(due_on - around, due_on, due_on + around, ZONE, overdue_after=1, grace_hours=48)
    return _write_window(window)


def _write_window(window: Window) -> str:
    days = (window.opens_on, window.target_on, window.closes_on)
    moments = (window.opens_at, window.due_at, window.overdue_at, window.closes_at, window.grace_until)
    return "\t".join([ZONE, *(day.isoformat() for day in days), *(at.isoformat() for at in moments)])
