"""What the report counts beside completeness: corrections by form and site, and how forms were filled in."""

import pytest
import sqlalchemy as sa

from app.domain.capture.corrections import CorrectionEvidence, CorrectionOutcome
from app.domain.desk.list_cursor import ListCursor
from app.domain.records.access import Role
from app.services.clinic.corrections.correction_list import list_corrections
from app.services.clinic.report.figures import ReportTable
from app.services.clinic.report.report import FigureAddress, list_figure_rows
from app.services.clinic.report.scope import ReportFilter
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.tables.capture import Correction, CorrectionDecision
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.beginnings import site_of
from tests.scenarios.people import Person
from tests.scenarios.report_stage import CLOSED, GOLDEN, NORMAL
from tests.scenarios.report_tables import linked_figures, report_reader, report_table, table_line
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def site(installation: Installation) -> Site:
    return site_of(installation)


def propose(installation: Installation, site: Site) -> None:
    """The three proposals, beside the trail; the plan has the form of the first one no more."""
    decided = (None, ("declined", None), ("approved", "found when the file was read"))
    whose = (NORMAL[0], NORMAL[1], NORMAL[1])
    beside = sa.create_engine(installation.engine.url)
    with beside.begin() as connection:
        for number, (subject, decision) in enumerate(zip(whose, decided, strict=True), start=1):
            slot = Person(installation, site, subject).slot("W6")
            about = {"id": number, "participant_id": slot.participant_id}
            proposal: dict[str, object] = {
                **about, "public_id": f"c{number}", "study_id": slot.study_id, "slot_id": slot.id,
                "response_version": 1, "changes": {}, "words": "slip", "told_on": CLOSED.date(),
                "evidence": CorrectionEvidence.telephone, "proposed_at": CLOSED, "proposed_by": "n",
            }  # fmt: skip
            connection.execute(sa.insert(Correction), [proposal])
            if decision:
                signed = {
                    **about, "correction_id": number, "outcome": CorrectionOutcome(decision[0]),
                    "late_reason": decision[1], "decided_at": CLOSED, "decided_by": "d",
                }  # fmt: skip
                connection.execute(sa.insert(CorrectionDecision), [signed])
            if number == 1:
                dropped = sa.update(Slot).where(sa.column("id") == slot.id).values(out_of_plan=True)
                connection.execute(dropped)
    beside.dispose()


@pytest.mark.req("COR-05", "CAP-21")
def test_corrections_and_collection_modes_are_counted(
    installation: Installation, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three proposals about two forms: one waits, one was declined, one approved after the plan's days.

    The plan has one of the forms no more; whoever signs still finds it in the list, and so in the report.
    """
    propose(installation, site)
    context, counts = report_reader(installation, site, Role.DATA_MANAGER), (3, 1, 1, 1, 1)
    for name, where in (
        (ReportTable.corrections, {"instrument": "qlq-c30"}),
        (ReportTable.corrections_by_site, {"site_id": site.id}),
    ):
        figures = report_table(context, name)
        (only,) = figures.lines
        assert where.items() <= only.where.items()
        assert tuple(only.counts.values()) == counts
        for address, count in linked_figures(figures):
            rows = list_figure_rows(context, ReportFilter(), address, limit=None)
            assert (rows.total, len(rows.forms)) == (count, count), address
    proposed = FigureAddress(ReportTable.corrections, "proposed")
    twice = list_figure_rows(context, ReportFilter(), proposed, limit=2)
    rest = list_figure_rows(context, ReportFilter(), proposed, twice.after or ("", 0))
    assert [each.subject for each in (*twice.forms, *rest.forms)] == [NORMAL[0], NORMAL[1], NORMAL[1]]
    assert table_line(report_table(context, ReportTable.modes), visit="W6").counts == {
        "sent": 5, "own_device": 5, "site_device": 0, "paper": 0, "helped": 0,
    }  # fmt: skip
    monkeypatch.setattr("app.services.clinic.corrections.correction_list.LISTED", 1)
    check_list_goes_on(context, site)
    monkeypatch.setattr("app.services.clinic.corrections.correction_list.LISTED", 0)
    beginning = list_corrections(context, site.study_id, waiting=True).next
    assert list_corrections(context, site.study_id, waiting=True, after=beginning).next is None


def check_list_goes_on(context: StaffContext, site: Site) -> None:
    """The same corrections in their list, one on a page."""
    newest = list_corrections(context, site.study_id, waiting=False)
    rest_decided = list_corrections(context, site.study_id, waiting=False, site="0571", after=newest.next)
    walked = [each.correction for each in (*newest.rows, *rest_decided.rows)]
    assert (walked, rest_decided.next) == (["c3", "c2"], None)  # the newest first
    waiting = list_corrections(context, site.study_id, waiting=True, after=ListCursor(CLOSED, 0))
    assert ([each.correction for each in waiting.rows], waiting.next) == (["c1"], None)
    assert list_corrections(context, site.study_id, waiting=True, after=ListCursor(CLOSED, 1)).rows == ()
    assert list_corrections(context, site.study_id, waiting=True, site="0021").rows == ()
