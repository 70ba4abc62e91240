"""The setup of a work list: the sites, how they were filtered last, and who is locked out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.records.access import Permission
from app.services.clinic.staff_sites import REACHED_SITES, SITE_ORDER, StaffSite, fold_sites, name_reach
from app.services.clinic.today.rows import Colleague
from app.services.clinic.today.staff_views import STORED_VIEWS
from app.services.clinic.today.today_filter import works_at
from app.services.core.context import StaffContext
from app.services.core.throttling import BRAKE_SPAN, FULL_COUNTERS, find_full_counters
from app.storage.database.grouped_reads import BundledRead, GroupedRead, cache_document_rows
from app.storage.queries.today.workers import (
    WORKER_GRANTS,
    WorkerGrant,
    keep_lasting,
    name_workers,
)


class WorklistSetup(NamedTuple):
    """The sites of this colleague that belong to one study, their filters of it, and participants' keys.

    `workers` are those who work the list in that study.
    """

    sites: tuple[StaffSite, ...]
    view: str
    query: str
    locked: tuple[int, ...]
    workers: tuple[WorkerGrant, ...]


def _as_one(
    statement: sa.Select[*tuple[Any, ...]], *order: sa.ColumnElement[Any]
) -> GroupedRead[tuple[Any, ...]]:
    """All rows of a statement as those of one record, in their order where it has one."""
    key: Any = sa.literal_column("0", sa.Integer).label("all")
    first, *others = statement.selected_columns
    position = [sa.func.row_number().over(order_by=order).label("place")] if order else []
    listed = statement.with_only_columns(key, first, *others, *position, maintain_column_froms=True)
    return GroupedRead(listed, _without_key, sorted_by=len(position), memory=cache_document_rows(100))


def _without_key(columns: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(columns[1:])


_SETUP = BundledRead(
    _as_one(REACHED_SITES, *SITE_ORDER),
    _as_one(STORED_VIEWS),
    _as_one(FULL_COUNTERS),
    _as_one(WORKER_GRANTS, WORKER_GRANTS.selected_columns[0]),
)


def read_worklist_setup(
    context: StaffContext, connection: Connection, view: str, viewer: int | None = None
) -> WorklistSetup:
    """The setup for this colleague; `view` is the page whose filters are kept, before its study."""
    values: Mapping[str, Any] = {
        **name_reach(context.actor, Permission.PARTICIPANT_SEE),
        "viewer": viewer,
        "since": _since(context.at),
        "earliest_day": context.grant_rules.earliest_day,
    }
    rows, views, counters, grants = _SETUP.fetch(connection, values)
    reached = fold_sites(rows)
    sites = tuple(site for site in reached if site.study_id == reached[0].study_id)
    name = f"{view}:{sites[0].study_id}" if sites else ""
    locked = tuple(find_full_counters(counters, context.at))
    return WorklistSetup(sites, name, dict(views).get(name, ""), locked, _of_study(context, sites, grants))


def list_colleagues(context: StaffContext, setup: WorklistSetup) -> tuple[Colleague, ...]:
    """Who works the list at one of the sites at which this colleague does, by name."""
    own = (site.site_id for site in setup.sites if works_at(context, site))
    named = {Colleague(*worker) for site_id in own for worker in name_workers(setup.workers, site_id).items()}
    return tuple(sorted(named, key=lambda colleague: (colleague.name, colleague.staff_id)))


def _of_study(
    context: StaffContext, sites: Sequence[StaffSite], grants: Sequence[Sequence[Any]]
) -> tuple[WorkerGrant, ...]:
    """Who works the list in the study of these sites."""
    named = (WorkerGrant(*(grant[: len(WorkerGrant._fields)])) for grant in grants)
    of_study = (colleague for colleague in named if sites and colleague.study_id == sites[0].study_id)
    return keep_lasting(of_study, context.grant_rules)


def _since(at: datetime) -> datetime:
    return at - BRAKE_SPAN
