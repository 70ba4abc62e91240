"""The report as tests read it: a reader, one of its tables, a line of it, and every figure that it links."""

from collections.abc import Iterator
from datetime import datetime

from app.domain.records.access import Role
from app.domain.report.ledger import NO_ARM
from app.services.clinic.report.figures import TABLES, FigureLine, FigureTable, ReportTable
from app.services.clinic.report.report import FigureAddress, get_report
from app.services.clinic.report.scope import ReportFilter
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.tables.studies import Site
from tests.scenarios.people import staff_member
from tests.scenarios.report_stage import CLOSED


def report_reader(installation: Installation, site: Site, role: Role, at: datetime = CLOSED) -> StaffContext:
    return StaffContext(installation, staff_member(role, site, everywhere=True), at)


def report_table(context: StaffContext, name: ReportTable, chosen: ReportFilter | None = None) -> FigureTable:
    report = get_report(context, chosen or ReportFilter(), TABLES[name].part)
    return next(each for each in report.tables if each.name is name)


def table_line(table: FigureTable, **where: str) -> FigureLine:
    return next(each for each in table.lines if where.items() <= each.where.items())


def linked_figures(table: FigureTable) -> Iterator[tuple[FigureAddress, int]]:
    """Every figure that a page links, with its number; of those that are nought the first of each name."""
    nought: set[str] = set()
    for each in (*table.lines, *((table.whole,) if table.whole else ())):
        for figure, count in each.counts.items():
            where = {
                name: str(each.where.get(name) or "") for name in ("visit", "instrument", "item", "line")
            } | {"arm": NO_ARM if "arm" in each.where else ""}
            at_site = "0571" if "site_id" in each.where else ""
            if count or figure not in nought:
                yield FigureAddress(table.name, figure, site=at_site, **where), count
            nought |= set() if count else {figure}
