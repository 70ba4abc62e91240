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

from app.domain.access import Actor, Permission
from app.domain.status import Status
from app.domain.window import local_day
from app.services.capture import left_out
from app.services.installation import Installation
from app.storage.study import Site, Study
from app.storage.work import COUNTED, Cursor, Group, Search, Wanted, count_groups, diary_rows, form_rows

PAGE = 50
CALL = (Group.overdue, Group.due)
"""What a nurse is shown first: everything whose day has come."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A site that a colleague may see, with its study's plan."""

    site_id: int
    code: str
    name: str
    zone: str
    study: str
    plan_version: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked of the work list; an unknown site or group asks for nothing special."""

    site: str = ""
    group: Group | None = None
    diary: bool = False
    search: str = ""
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One row: a form that is wanted, or (diary) a participant with `days` entries still possible.

    `answered` of `asked` questions; `days_left` counts from today in the participant's zone, 0 today.
    """

    participant: str
    subject: str
    workplace: Workplace
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
class WorkList:
    """A page of work, the counts of every group, and where the next page begins.

    A count of `COUNTED` means that many or more.
    """

    rows: tuple[Work, ...]
    counts: Mapping[tuple[bool, Group], int]
    workplaces: tuple[Workplace, ...]
    next: Cursor | None
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


def workplaces_of(
    session: Session, actor: Actor, permission: Permission = Permission.PARTICIPANT_SEE
) -> tuple[Workplace, ...]:
    """The sites at which this member of staff may do this, by study and code."""
    reach = actor.reach(permission)
    if not reach:
        return ()
    studies = [study for study, site in reach if site is None]
    sites = [site for _study, site in reach if site is not None]
    found = session.connection().execute(_WORKPLACES, {"studies": studies, "sites": sites})
    return tuple(Workplace(*row) for row in found)


def work_list(
    installation: Installation, session: Session, actor: Actor, wanted: Filter, at: datetime
) -> WorkList:
    """The forms that are wanted at this colleague's sites, overdue first, soonest closing first.

    Three queries. A participant whose exit is recorded never appears: their slots are not live.
    """
    workplaces = workplaces_of(session, actor)
    chosen = {place.site_id: place for place in workplaces if wanted.site in ("", place.code)}
    longest = _longest(installation, workplaces)
    groups = CALL if wanted.group is None else (wanted.group,)
    search = Search(tuple(chosen), at, at + longest, groups, wanted.search.strip(), wanted.after, PAGE + 1)
    found = (diary_rows if wanted.diary else form_rows)(session.connection(), search) if chosen else []
    counts = count_groups(session.connection(), search) if chosen else {}
    rows = tuple(_work(installation, row, chosen[row.site_id], at) for row in found[:PAGE])
    return WorkList(rows, counts, workplaces, found[PAGE - 1].cursor if len(found) > PAGE else None)


def _longest(installation: Installation, workplaces: Collection[Workplace]) -> timedelta:
    """No form of these sites' studies stays open for longer."""
    plans = {(place.study, place.plan_version) for place in workplaces}
    days = (installation.library.plan(study, version).longest_window_days for study, version in plans)
    return timedelta(days=max(days, default=0) + 1)


def _work(installation: Installation, row: Wanted, place: Workplace, at: datetime) -> Work:
    instrument = installation.library.instrument(row.instrument, row.instrument_version)
    plan = installation.library.plan(place.study, place.plan_version)
    return Work(
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
        asked=len(instrument.items) - len(left_out(plan, row.instrument)),
        days=row.days,
        reminded_at=row.reminded_at,
    )
