"""A page of the report: its tables, each counted by one aggregate query, and the rows behind a figure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy.engine import Connection

from app.domain.records.access import Permission
from app.domain.records.audit import canonical_json, sha256_hex
from app.domain.refusal import Refused
from app.domain.report.spreads import SignInDelay, visit_order
from app.services.clinic.report.figures import (
    OF_REACHED_VISITS,
    TABLES,
    FigureGroup,
    FigureTable,
    ReportPart,
    ReportTable,
    build_table,
    drop_unreached,
)
from app.services.clinic.report.scope import ReportFilter, ReportScope, open_scope
from app.services.core.context import StaffContext
from app.storage.queries.report.form_figures import FormFigures, ListedForm, count_forms, list_forms
from app.storage.queries.report.people_figures import ListedPerson, count_people, list_people

_ReportLine = TypeVar("_ReportLine")
ROWS = 100
"""Rows behind a figure shown at a time."""


@dataclass(frozen=True, slots=True)
class Report:
    """The tables of one page of the report; `digest` names what was counted, the same for the same facts."""

    scope: ReportScope
    tables: tuple[FigureTable, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class FigureAddress:
    """One figure of a table: its name and the line it stands in; an empty part stands for all."""

    table: ReportTable
    figure: str
    visit: str = ""
    instrument: str = ""
    site: str = ""
    arm: str = ""
    item: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class FigureRows:
    """Rows behind a figure: forms, or participants; `total` is the figure, `after` continues the list."""

    scope: ReportScope
    total: int
    forms: tuple[ListedForm, ...] = ()
    people: tuple[ListedPerson, ...] = ()
    after: tuple[str, int] | None = None
    readable: frozenset[int] = frozenset()
    """The sites whose participants the reader may open."""


def get_report(context: StaffContext, chosen: ReportFilter, part: ReportPart) -> Report:
    """One page of the report, read in one transaction. Raises Refused: as `open_scope`."""
    with context.read() as session:
        scope = open_scope(session.connection(), context, chosen)
        weeks, order = scope.diary_weeks, visit_order(*scope.plans)
        groups: dict[FormFigures | None, Sequence[FigureGroup]] = {}
        tables = []
        for name, rule in TABLES.items():
            if rule.part is not part or (name is ReportTable.rates_by_arm and not scope.by_arm):
                continue
            if rule.source not in groups:
                groups[rule.source] = _read_groups(session.connection(), context, scope, rule.source)
            tables.append(build_table(name, groups[rule.source], scope.filter.rules, weeks, order))
        return Report(scope, tuple(tables), _digest(groups))


def _digest(groups: Mapping[FormFigures | None, Sequence[FigureGroup]]) -> str:
    """A SHA-256 of all facts that were counted, whatever the order in which the database gave them."""
    of_source = {
        source.value if source else "people": sorted(
            json.dumps(dict(count), sort_keys=True, default=str) for count in counted
        )
        for source, counted in groups.items()
    }
    return sha256_hex(canonical_json(of_source))


def _read_groups(
    connection: Connection, context: StaffContext, scope: ReportScope, source: FormFigures | None
) -> Sequence[FigureGroup]:
    if source is None:
        return count_people(connection, scope.select_people(context))
    return count_forms(connection, source, scope.select_forms(context))


def list_figure_rows(
    context: StaffContext,
    chosen: ReportFilter,
    figure: FigureAddress,
    after: tuple[str, int] = ("", 0),
    limit: int | None = ROWS,
) -> FigureRows:
    """The rows behind one figure, by participant's code, at most `limit` (None: all of them).

    Raises Refused: as `get_report`, and "unknown_figure" for what no table has or the reader may not see.
    """
    rule = TABLES[figure.table]
    if figure.figure not in rule.figures or ("item" in rule.by and not figure.item):
        raise Refused("unknown_figure", field="figure", allowed=rule.figures)
    with context.read() as session:
        scope = open_scope(session.connection(), context, chosen)
        if figure.arm and not scope.by_arm:
            raise Refused("unknown_figure", field="arm", allowed=())
        connection = session.connection()
        readable = frozenset(
            site.site_id
            for site in scope.sites
            if context.actor.may(Permission.PARTICIPANT_SEE, scope.study_id, site.site_id)
        )
        if rule.source is None:
            return _people(connection, context, scope, figure, after, limit, readable)
        return _forms(connection, context, scope, figure, rule.source, after, limit, readable)


def _forms(
    connection: Connection,
    context: StaffContext,
    scope: ReportScope,
    figure: FigureAddress,
    source: FormFigures,
    after: tuple[str, int],
    limit: int | None,
    readable: frozenset[int],
) -> FigureRows:
    rule, weeks = TABLES[figure.table], scope.diary_weeks
    site = next((site.site_id for site in scope.sites if site.code == figure.site), None)
    if figure.site and site is None:
        raise Refused("unknown_figure", field="site", allowed=tuple(site.code for site in scope.sites))
    visits = (figure.visit,) if figure.visit else ()
    selection = replace(
        scope.select_forms(context, site_id=site, arm=figure.arm, visits=visits), instrument=figure.instrument
    )
    counted = count_forms(connection, source, selection)
    of_reached = figure.table in OF_REACHED_VISITS and not figure.visit
    groups = [
        group
        for group in (drop_unreached(counted, scope.filter.rules) if of_reached else counted)
        if rule.counts(figure.figure, group, scope.filter.rules)
        and figure.item in ("", group.get("item"))
        and figure.line in ("", rule.line(group, weeks))
    ]
    facts = [
        dict(group_facts)
        for group_facts in {_facts_of(group, by_visit=of_reached or bool(figure.line)) for group in groups}
    ]
    rows_read = list_forms(connection, source, selection, facts, after, None if limit is None else limit + 1)
    rows, last = _cut(rows_read, limit)
    more = (last.subject, last.key) if last else None
    total = sum(group["count"] for group in groups)
    return FigureRows(scope, total, forms=tuple(rows), after=more, readable=readable)


def _facts_of(group: FigureGroup, by_visit: bool) -> tuple[tuple[str, object], ...]:
    """The facts by which rows are found; what the selection says already, or no line asks for, is none."""
    needless = {"count", "site_id", "arm", "instrument"} | (set() if by_visit else {"visit", "target_on"})
    return tuple((name, value) for name, value in group.items() if name not in needless)


def _people(
    connection: Connection,
    context: StaffContext,
    scope: ReportScope,
    figure: FigureAddress,
    after: tuple[str, int],
    limit: int | None,
    readable: frozenset[int],
) -> FigureRows:
    rule, no_weeks = TABLES[figure.table], dict[str, int]()
    selection = scope.select_people(context)
    groups: list[Mapping[str, object]] = [
        group
        for group in count_people(connection, selection)
        if rule.counts(figure.figure, group, scope.filter.rules)
        and figure.line in ("", rule.line(group, no_weeks))
    ]
    facts = [(int(str(g["year"])), int(str(g["month"])), SignInDelay(str(g["delay"]))) for g in groups]
    rows_read = list_people(connection, selection, facts, after[0], None if limit is None else limit + 1)
    rows, last = _cut(rows_read, limit)
    more = (last.subject, last.participant_id) if last else None
    total = sum(int(str(group["count"])) for group in groups)
    return FigureRows(scope, total, people=tuple(rows), after=more, readable=readable)


def _cut(rows: Sequence[_ReportLine], limit: int | None) -> tuple[Sequence[_ReportLine], _ReportLine | None]:
    """The rows of a page, and its last one where others follow, for which one more was read."""
    if limit is None or len(rows) <= limit:
        return rows, None
    return rows[:limit], rows[limit - 1]
