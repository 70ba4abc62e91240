"""The work list: which forms are overdue or due at a colleague's sites, and whom to call first.

Bounded by now and by the plan's longest window, so that neither closed nor future slots cost
anything however old the trial is; each group is read in the order of its partial index.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.domain.records.access import Actor, Permission
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import items_left_out
from app.storage.queries.worklist import (
    COUNTED,
    Urgency,
    WorklistCursor,
    WorklistRow,
    WorklistSearch,
    count_by_urgency,
    list_diary_rows,
    list_form_rows,
)
from app.storage.tables.studies import Site, Study

PAGE = 50
CALL = (Urgency.overdue, Urgency.due)
"""What a nurse is shown first: everything whose day has come."""


@dataclass(frozen=True, slots=True)
class StaffSite:
    """A site that a colleague may see, with its study's plan."""

    site_id: int
    code: str
    name: str
    zone: str
    study: str
    plan_version: str


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """What is asked of the work list; an unknown site or group asks for nothing special."""

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


_WORKPLACES: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        col(Site.id),
        col(Site.code),
        col(Site.name),
        col(Site.zone),
        col(Study.code).label("study"),
        col(Study.plan_version),
    )
    .join(Study, col(Study.id) == col(Site.study_id))
    .where(
        sa.or_(
            col(Site.study_id).in_(sa.bindparam("studies", expanding=True)),
            col(Site.id).in_(sa.bindparam("sites", expanding=True)),
        )
    )
    .order_by(col(Study.code), col(Site.code))
)


def list_staff_sites(
    session: Session, actor: Actor, permission: Permission = Permission.PARTICIPANT_SEE
) -> tuple[StaffSite, ...]:
    """The sites at which this member of staff may do this, by study and code."""
    reach = actor.reach(permission)
    if not reach:
        return ()
    studies = [study for study, site in reach if site is None]
    sites = [site for _study, site in reach if site is not None]
    found = session.connection().execute(_WORKPLACES, {"studies": studies, "sites": sites})
    return tuple(StaffSite(*row) for row in found)


def get_worklist(context: StaffContext, session: Session, wanted: WorklistFilter) -> Worklist:
    """The forms that are wanted at this colleague's sites, overdue first, soonest closing first.

    Three queries. A participant whose exit is recorded never appears: their slots are not live.
    """
    workplaces = list_staff_sites(session, context.actor)
    chosen = {place.site_id: place for place in workplaces if wanted.site in ("", place.code)}
    longest = _longest(context.installation, workplaces)
    groups = CALL if wanted.group is None else (wanted.group,)
    search = WorklistSearch(
        tuple(chosen), context.at, context.at + longest, groups, wanted.search.strip(), wanted.after, PAGE + 1
    )
    found = (
        (list_diary_rows if wanted.diary else list_form_rows)(session.connection(), search) if chosen else []
    )
    counts = count_by_urgency(session.connection(), search) if chosen else {}
    rows = tuple(_work(context.installation, row, chosen[row.site_id], context.at) for row in found[:PAGE])
    return Worklist(rows, counts, workplaces, found[PAGE - 1].cursor if len(found) > PAGE else None)


def _longest(installation: Installation, workplaces: Collection[StaffSite]) -> timedelta:
    """No form of these sites' studies stays open for longer."""
    plans = {(place.study, place.plan_version) for place in workplaces}
    days = (installation.library.plan(study, version).longest_window_days for study, version in plans)
    return timedelta(days=max(days, default=0) + 1)


def _work(installation: Installation, row: WorklistRow, place: StaffSite, at: datetime) -> WorklistEntry:
    instrument = installation.library.instrument(row.instrument, row.instrument_version)
    plan = installation.library.plan(place.study, place.plan_version)
    return WorklistEntry(
        participant=row.participant,
        subject=row.subject,
        workplace=place,
        slot=row.slot,
        visit=row.visit,
        instrument=row.instrument,
        instrument_version=row.instrument_version,
        status=row.status,
        closes_on=row.closes_on,
        days_left=(row.closes_on - local_day(at, row.zone)).days,
        answered=row.answered,
        asked=len(instrument.items) - len(items_left_out(plan, row.instrument)),
        days=row.days,
        reminded_at=row.reminded_at,
    )
