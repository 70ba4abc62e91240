"""Whose diary has days without an entry that nobody has explained: the list, and how many there are."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from app.domain.records.access import Permission
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.storage.queries.today.diary_stretches import (
    Candidate,
    DiaryStretch,
    StretchSearch,
    list_candidates,
    list_stretches,
)

PAGE = 50
COUNTED = 100
"""Participants who are looked at for the count, at most."""


@dataclass(frozen=True, slots=True)
class ListedGap:
    """A stretch of days without an entry and without a reason."""

    first: date
    last: date
    days: int
    entries: int


@dataclass(frozen=True, slots=True)
class DiaryGaps:
    """A participant with such stretches, the earliest first."""

    participant: str
    subject: str
    site: str
    gaps: tuple[ListedGap, ...]


@dataclass(frozen=True, slots=True)
class DiaryGapList:
    """Those of a page, by code; `after` is the code from which the next one goes on, "" at the end."""

    rows: tuple[DiaryGaps, ...]
    after: str


def list_diary_gaps_of_sites(context: StaffContext, after: str = "") -> DiaryGapList:
    """Participants whose missing entries this colleague may explain, from a code on.

    The sites are those of one study, and the rule is that of the page on which a stretch is explained.
    """
    with context.read() as session:
        return _read(context, session, after, PAGE)


def count_diary_gaps(context: StaffContext) -> int:
    """How many participants have such days, of the first `COUNTED` who missed an entry."""
    with context.read() as session:
        return len(_read(context, session, "", COUNTED).rows)


def _read(context: StaffContext, session: Session, after: str, most: int) -> DiaryGapList:
    reached = list_staff_sites(session, context.actor, Permission.REASON_RECORD)
    sites = {site.site_id: site for site in reached if site.study_id == reached[0].study_id}
    search = _search(context, sites)
    if search is None:
        return DiaryGapList((), "")
    connection = session.connection()
    people = list_candidates(connection, search, after, most)
    found: dict[int, list[DiaryStretch]] = defaultdict(list)
    for stretch in list_stretches(connection, search, [each.key for each in people]):
        found[stretch.participant_id].append(stretch)
    rows = tuple(_row(each, sites, found[each.key]) for each in people if each.key in found)
    return DiaryGapList(rows, people[-1].subject if len(people) == most else "")


def _search(context: StaffContext, sites: dict[int, StaffSite]) -> StretchSearch | None:
    """What to look for; None at no site, or in a study without a diary."""
    first = next(iter(sites.values()), None)
    if first is None:
        return None
    plan = context.installation.library.plan(first.study, first.plan_version)
    sees_arm = all(
        context.actor.may(Permission.ARM_SEE, each.study_id, each.site_id) for each in sites.values()
    )
    if plan.diary is None:
        return None
    return StretchSearch(tuple(sites), plan.diary, context.at, plan.blinded and not sees_arm)


def _row(person: Candidate, sites: dict[int, StaffSite], stretches: list[DiaryStretch]) -> DiaryGaps:
    gaps = (
        ListedGap(
            each.first,
            each.last_entry + timedelta(days=6 if each.ends_weekly else 0),
            each.days,
            each.entries,
        )
        for each in stretches
    )
    return DiaryGaps(person.public_id, person.subject, sites[person.site_id].name, tuple(gaps))
