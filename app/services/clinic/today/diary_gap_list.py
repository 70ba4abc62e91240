"""Whose diary has days without an entry that nobody has explained: the list, and how many there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlmodel import Session

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.diary_gaps import DiaryEntry, DiaryGap, find_diary_gaps
from app.domain.plans.plan import DiaryRule, weekly_codes
from app.domain.records.access import Permission
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.storage.queries.today.unexplained_days import (
    DiarySearch,
    UnexplainedDay,
    list_candidates,
    list_unexplained_days,
)

PAGE = 50
COUNTED, ROUNDS = 100, 5
"""Participants who are looked at for the count at a time, and how often where none of them has a gap."""


@dataclass(frozen=True, slots=True)
class DiaryGaps:
    """A participant with such stretches, the earliest first."""

    participant: str
    subject: str
    site: str
    gaps: tuple[DiaryGap, ...]


@dataclass(frozen=True, slots=True)
class DiaryGapList:
    """A page of diary gaps, by code; `after` is the code from which the next one goes on, "" at the end."""

    rows: tuple[DiaryGaps, ...]
    after: str


class GapCount(NamedTuple):
    """How many participants have such stretches; `more`: or more, as not all were looked at."""

    number: int
    more: bool = False


NO_GAPS = GapCount(0)


@dataclass(frozen=True, slots=True)
class GapFilter:
    """Whose gaps: at one site, with part of a code, in one language; "" for all of them."""

    site: str = ""
    search: str = ""
    language: str = ""


EVERYBODY = GapFilter()


def list_diary_gaps_of_sites(
    context: StaffContext, after: str = "", chosen: GapFilter = EVERYBODY
) -> DiaryGapList:
    """Participants whose missing entries this colleague may explain, from a code on.

    The sites are those of one study, and the rule is that of the page on which a stretch is explained. A page
    is only without any where nobody of the next `PAGE * ROUNDS` participants has some.
    """
    with context.read() as session:
        return _read(context, session, after, PAGE, chosen)


def count_diary_gaps(context: StaffContext, chosen: GapFilter = EVERYBODY) -> GapCount:
    """How many participants have such days, of at most `COUNTED` who missed an entry or the next ones."""
    with context.read() as session:
        gaps_read = _read(context, session, "", COUNTED, chosen)
    return GapCount(len(gaps_read.rows), bool(gaps_read.after))


def _read(context: StaffContext, session: Session, after: str, most: int, chosen: GapFilter) -> DiaryGapList:
    """The first so many who missed an entry, or the next ones where none of these has a gap."""
    reached = list_staff_sites(session.connection(), context.actor, Permission.REASON_RECORD)
    sites = {
        site.site_id: site
        for site in reached
        if site.study_id == reached[0].study_id and chosen.site in ("", site.code)
    }
    diary = _find_diary(context, sites)
    if diary is None:
        return DiaryGapList((), "")
    search = _search(context, sites, diary, chosen)
    listed = DiaryGapList((), after)
    for _round in range(ROUNDS):
        listed = _read_some(context, session, search, sites, listed.after, most)
        if listed.rows or not listed.after:
            break
    return listed


def _read_some(
    context: StaffContext,
    session: Session,
    search: DiarySearch,
    sites: Mapping[int, StaffSite],
    after: str,
    most: int,
) -> DiaryGapList:
    people = list_candidates(session.connection(), search, after, most + 1)
    further, people = people[most:], people[:most]
    days: dict[int, list[UnexplainedDay]] = defaultdict(list)
    for day in list_unexplained_days(session.connection(), search, [person.key for person in people]):
        days[day.participant_id].append(day)
    first = next(iter(sites.values()))
    weekly = weekly_codes(first.list_plans(context.installation.library))
    gaps_read = {key: _gaps(weekly, theirs) for key, theirs in days.items()}
    rows = tuple(
        DiaryGaps(person.public_id, person.subject, sites[person.site_id].name, gaps_read[person.key])
        for person in people
        if gaps_read[person.key]
    )
    return DiaryGapList(rows, people[-1].subject if further else "")


def _find_diary(context: StaffContext, sites: Mapping[int, StaffSite]) -> DiaryRule | None:
    """The diary of these sites' study; None at no site, or in a study without one."""
    first = next(iter(sites.values()), None)
    return context.installation.library.get_plan(first.study, first.plan_version).diary if first else None


def _search(
    context: StaffContext, sites: Mapping[int, StaffSite], diary: DiaryRule, chosen: GapFilter
) -> DiarySearch:
    first = next(iter(sites.values()))
    plan = context.installation.library.get_plan(first.study, first.plan_version)
    hides_arm = not sees_arm(context.actor, plan, first.study_id, *sites)
    return DiarySearch(tuple(sites), diary.series, context.at, hides_arm, chosen.search, chosen.language)


def _gaps(weekly: Collection[str], days: Iterable[UnexplainedDay]) -> tuple[DiaryGap, ...]:
    return find_diary_gaps(
        DiaryEntry(day.public_id, day.day, 7 if day.visit in weekly else 1, unexplained=True) for day in days
    )
