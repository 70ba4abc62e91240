"""The work list: which forms are overdue or due at a colleague's sites, and whom to call first.

Bounded by now and by the plan's longest window, so that neither closed nor future slots cost
anything however old the trial is; each group is read in the order of its partial index.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session

from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.domain.records.worklist import Urgency, WorklistCursor
from app.services.clinic.open_requests import count_requests
from app.services.clinic.sign_in_problems import count_sign_in_problems
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import excluded_items
from app.storage.queries.worklist import (
    COUNTED,
    WorklistRow,
    WorklistSearch,
    count_by_urgency,
    list_diary_rows,
    list_form_rows,
)

PAGE = 50
CALL = (Urgency.overdue, Urgency.due)
"""What a nurse is shown first: everything whose day has come."""


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """Which part of the work list is shown; an unknown site or group asks for nothing special."""

    site: str = ""
    group: Urgency | None = None
    diary: bool = False
    search: str = ""
    after: WorklistCursor | None = None


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """One row: a form that is wanted, or (diary) a participant with `days` entries still possible.

    `answered` of `asked` questions; `days_left` counts from today in the participant's zone, 0 today.
    """

    participant: str
    subject: str
    workplace: StaffSite
    slot: str
    visit: str
    instrument: str
    instrument_version: str
    status: Status
    closes_on: date
    days_left: int
    answered: int
    asked: int
    days: int
    reminded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """A page of work, the counts of every group, and where the next page begins.

    A count of `COUNTED` means that many or more.
    """

    rows: tuple[WorklistEntry, ...]
    counts: Mapping[tuple[bool, Urgency], int]
    workplaces: tuple[StaffSite, ...]
    next: WorklistCursor | None
    most: int = COUNTED


@dataclass(frozen=True, slots=True)
class WorklistOverview:
    """The work list, how many participants cannot sign in, and how many requests are open."""

    worklist: Worklist
    sign_in_problems: int = 0
    open_requests: int = 0


def get_worklist_overview(
    context: StaffContext, criteria: WorklistFilter, *, with_counts: bool
) -> WorklistOverview:
    """The work list and, with counts, how many sign-in problems and open requests there are.

    All of it is read in one session.
    """
    with context.read() as session:
        worklist = get_worklist(context, session, criteria)
        if not with_counts:
            return WorklistOverview(worklist)
        problems = count_sign_in_problems(session, context.actor, context.at)
        return WorklistOverview(worklist, problems, count_requests(session, context.actor))


def get_worklist(context: StaffContext, session: Session, criteria: WorklistFilter) -> Worklist:
    """The forms that are due or overdue at this colleague's sites, overdue first, soonest closing first.

    Three queries. A participant whose exit is recorded never appears: their slots are not live.
    """
    workplaces = list_staff_sites(session, context.actor)
    chosen = {site.site_id: site for site in workplaces if criteria.site in ("", site.code)}
    longest = _longest(context.installation, workplaces)
    groups = CALL if criteria.group is None else (criteria.group,)
    search = WorklistSearch(
        tuple(chosen),
        context.at,
        context.at + longest,
        groups,
        criteria.search.strip(),
        criteria.after,
        PAGE + 1,
    )
    list_rows = list_diary_rows if criteria.diary else list_form_rows
    rows = list_rows(session.connection(), search) if chosen else []
    counts = count_by_urgency(session.connection(), search) if chosen else {}
    entries = tuple(_entry(context.installation, row, chosen[row.site_id], context.at) for row in rows[:PAGE])
    return Worklist(entries, counts, workplaces, rows[PAGE - 1].cursor if len(rows) > PAGE else None)


def _longest(installation: Installation, workplaces: Collection[StaffSite]) -> timedelta:
    """No form of these sites' studies stays open for longer."""
    plans = {(site.study, site.plan_version) for site in workplaces}
    days = (installation.library.plan(study, version).longest_window_days for study, version in plans)
    return timedelta(days=max(days, default=0) + 1)


def _entry(installation: Installation, row: WorklistRow, site: StaffSite, at: datetime) -> WorklistEntry:
    instrument = installation.library.instrument(row.instrument, row.instrument_version)
    plan = installation.library.plan(site.study, site.plan_version)
    return WorklistEntry(
        participant=row.participant,
        subject=row.subject,
        workplace=site,
        slot=row.slot,
        visit=row.visit,
        instrument=row.instrument,
        instrument_version=row.instrument_version,
        status=row.status,
        closes_on=row.closes_on,
        days_left=(row.closes_on - local_day(at, row.zone)).days,
        answered=row.answered,
        asked=len(instrument.items) - len(excluded_items(plan, row.instrument)),
        days=row.days,
        reminded_at=row.reminded_at,
    )
