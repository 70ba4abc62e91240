"""The rows behind a number of the report: their reasons, their pages, and very many combinations."""

import pytest

from app.domain.records.access import Role
from app.services.clinic.report.figures import ReportTable
from app.services.clinic.report.report import FigureAddress, list_figure_rows
from app.services.clinic.report.scope import ReportFilter
from app.services.core.installation import Installation
from app.storage.queries.report.form_figures import FormFigures, FormSelection, list_forms
from app.storage.tables.studies import Site
from tests.scenarios.beginnings import site_of
from tests.scenarios.report_stage import (
    BLANK,
    CLOSED,
    EVERYBODY,
    GOLDEN,
    LOST,
    NORMAL,
    TOO_ILL,
    WITHDREW,
)
from tests.scenarios.report_tables import report_reader
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def site(installation: Installation) -> Site:
    return site_of(installation)


@pytest.mark.req("REP-04")
def test_rows_say_the_reason_by_which_they_are_counted(installation: Installation, site: Site) -> None:
    """Of every missed form, in each table of completeness; also of whoever left inside the window."""
    context = report_reader(installation, site, Role.MONITOR)
    for reason, subjects in (("left", [WITHDREW]), ("too_ill_patient", [TOO_ILL]), ("unstated", [LOST])):
        figure = FigureAddress(ReportTable.reasons, reason, visit="W6")
        rows = list_figure_rows(context, ReportFilter(), figure).forms
        assert [each.subject for each in rows] == subjects
        assert [each.reason or "unstated" for each in rows] == [reason]
    known = FigureAddress(ReportTable.ledger, "missed_with_reason", visit="W6")
    listed = list_figure_rows(context, ReportFilter(), known).forms
    assert {each.subject: each.reason for each in listed} == {WITHDREW: "left", TOO_ILL: "too_ill_patient"}


def test_a_figure_of_very_many_combinations_is_listed(installation: Installation, site: Site) -> None:
    every_day = [{"visit": "W6", "late": False, "days": days_after} for days_after in range(-1500, 1500)]
    with installation.read() as session:
        chosen = FormSelection(site.study_id, CLOSED)
        rows = list_forms(session.connection(), FormFigures.days, chosen, every_day, ("", 0), None)
    assert [row.subject for row in rows] == [BLANK, *NORMAL]


def test_rows_are_paged_by_key(installation: Installation, site: Site) -> None:
    context = report_reader(installation, site, Role.NURSE)
    address, seen = FigureAddress(ReportTable.ledger, "forms", visit="W6"), list[str]()
    after: tuple[str, int] | None = ("", 0)
    while after:
        page = list_figure_rows(context, ReportFilter(), address, after, limit=4)
        seen += [row.subject for row in page.forms]
        after = page.after
        assert page.total == 10
    assert seen == sorted(EVERYBODY)
    people = list_figure_rows(
        context, ReportFilter(), FigureAddress(ReportTable.recruitment, "enrolled"), ("0571-107", 0), limit=2
    )
    assert [row.subject for row in people.people] == ["0571-108", "0571-109"]
    assert people.after is not None
    nothing = list_figure_rows(
        context, ReportFilter(), FigureAddress(ReportTable.ledger, "excused", visit="W6")
    )
    assert (nothing.total, nothing.forms, nothing.after) == (0, (), None)


def test_a_page_that_ends_the_rows_has_no_next_one(installation: Installation, site: Site) -> None:
    context = report_reader(installation, site, Role.NURSE)
    forms = FigureAddress(ReportTable.ledger, "forms", visit="W6")
    people = FigureAddress(ReportTable.recruitment, "enrolled")
    for figure in (forms, people):
        assert list_figure_rows(context, ReportFilter(), figure, limit=10).after is None
        assert list_figure_rows(context, ReportFilter(), figure, limit=9).after is not None
