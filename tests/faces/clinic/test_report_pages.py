"""The report and the matrix as their readers meet them: numbers, rows behind them, files, and who may."""

import csv
import io
import re
from datetime import datetime, timedelta, timezone

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.clinic.report.table_view import format_percent
from app.domain.records.access import Role
from app.domain.spreadsheets import MARK, safe_cell, write_csv
from app.settings import ROOT
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture, clinic_of
from tests.faces.desk_pages import page
from tests.markup import Element
from tests.scenarios.report_stage import CLOSED, EVERYBODY, GOLDEN, NORMAL
from tests.stages import Stage

TABLES = {
    "completeness": {"rates", "modes", "ledger", "sites", "reasons"},
    "timing": {"weeks", "days", "minutes", "blanks", "alerts"},
    "recruitment": {"recruitment"},
    "diary": {"diary"},
}


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    clock.at = CLOSED
    return clinic_of(app, clock, NORMAL[0])


@pytest.fixture
def monitor(clinic: ClinicFixture) -> TestClient:
    return clinic.browser(Role.MONITOR)


def table_after(shown: Element, name: str) -> list[list[str]]:
    """The lines of one table of the report."""
    index = [each["id"] for each in shown.all("h2")].index(name)
    tables = shown.all("table")[index]
    return [[cell.text.strip() for cell in (*row.all("th"), *row.all("td"))] for row in tables.all("tr")]


@pytest.mark.req("REP-02", "REP-10")
def test_the_report_begins_with_the_two_rates(monitor: TestClient) -> None:
    shown = page(monitor, "/desk/report?visit=W6")
    rates = shown.one("dl", class_="rates").text
    assert "50.0 %" in rates
    assert "40.0 %" in rates
    counts = shown.one("dl", class_="rates").all("a")
    assert [each.text for each in counts] == ["4", "8", "4", "10"]
    for each in counts:
        assert page(monitor, str(each["href"])).one("main").all("b")[0].text.split()[0] == each.text
    assert "Rule set 1: after a death" in shown.text
    assert "Late forms don't count." in shown.text
    assert table_after(shown, "rates")[1] == ["W6", "10", "8", "4", "4", "40.0 % 4/10", "50.0 % 4/8"]
    second = page(monitor, "/desk/report?visit=W6&rules=2&late=yes")
    assert "71.4 %" in second.one("dl", class_="rates").text
    assert table_after(second, "sites")[1] == ["0571 Hospital 0571", "71.4 % 5/7"]


@pytest.mark.req("REP-04", "REP-08", "REP-10")
@pytest.mark.parametrize("part", list(TABLES))
def test_every_number_leads_to_as_many_rows(monitor: TestClient, part: str) -> None:
    shown = page(
        monitor, f"/desk/report?part={part}&visit=W6" if part != "diary" else "/desk/report?part=diary"
    )
    assert {each["id"] for each in shown.all("h2")} == TABLES[part]
    links = [
        (each["href"], each.text.strip())
        for row in shown.all("td")
        for each in row.all("a")
        if each.text.strip().isdigit()
    ]
    assert links
    for href, number in dict(links[:12]).items():
        rows = page(monitor, str(href))
        assert rows.one("main").all("b")[0].text.split()[0] == number
        assert len(rows.one("tbody").all("tr")) == min(int(number), 100), href


def test_rows_open_forms_for_those_who_may(clinic: ClinicFixture, monitor: TestClient) -> None:
    address = "/desk/report/rows?table=ledger&figure=late&of_visit=W6"
    shown = page(monitor, address)
    assert "1 form" in shown.text
    assert shown.one("tbody").all("a")
    sponsor = clinic.browser(Role.SPONSOR_VIEWER)
    assert page(sponsor, address).one("tbody").all("a") == []
    assert sponsor.get("/desk/matrix").status_code == 403
    assert "/desk/matrix" not in sponsor.get("/desk/report").text
    assert page(monitor, "/desk/report/rows?table=ledger&figure=excused&of_visit=W6").text.count(
        "No rows here."
    )
    people = page(monitor, "/desk/report/rows?table=recruitment&figure=enrolled&of_line=2026-03")
    assert "10 participants" in people.text
    assert monitor.get("/desk/report/rows?table=ledger&figure=nothing").status_code == 422
    assert monitor.get("/desk/report/rows?table=rates&figure=valid&of_arm=SBRT").status_code == 422


def test_long_lists_go_on_page_by_page(monitor: TestClient) -> None:
    shown = page(monitor, "/desk/report/rows")
    seen = len(shown.one("tbody").all("tr"))
    assert seen == 100
    while following := [each for each in shown.all("a") if each.text == "Next page"]:
        shown = page(monitor, str(following[0]["href"]))
        seen += len(shown.one("tbody").all("tr"))
    assert f"{seen} forms" in shown.text


@pytest.mark.req("REP-08")
def test_arms_are_shown_to_the_statistician_alone(clinic: ClinicFixture, monitor: TestClient) -> None:
    assert "By treatment arm" not in monitor.get("/desk/report").text
    assert monitor.get("/desk/report/table.csv?table=rates_by_arm").status_code == 422
    statistician = clinic.browser(Role.STATISTICIAN)
    shown = page(statistician, "/desk/report")
    assert "rates_by_arm" in [each["id"] for each in shown.all("h2")]
    assert statistician.get("/desk/report/table.csv?table=rates_by_arm").status_code == 200


def lines(answer_text: str) -> list[list[str]]:
    assert answer_text.startswith(MARK)
    return list(csv.reader(io.StringIO(answer_text.removeprefix(MARK))))


@pytest.mark.req("REP-09")
def test_tables_and_rows_are_files_for_spreadsheets(monitor: TestClient) -> None:
    answer = monitor.get("/desk/report/table.csv?table=rates&visit=W6")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="sbrt-nsclc-rates-2026-')
    heads, week6 = lines(answer.text)
    cells = dict(zip(heads, week6, strict=True))
    said = (
        f"Daybook {cells['daybook_version']}, plan {cells['plan_version']}, data {cells['data_sha256'][:12]}."
    )
    assert said in page(monitor, "/desk/report?visit=W6").text
    assert monitor.get("/desk/report/table.csv?table=rates&visit=W6").content == answer.content
    whole = lines(
        monitor.get("/desk/report/table.csv?table=rates&from=2026-01-01&to=2026-12-31&site=0571").text
    )
    assert whole[1][-7:-3] == ["0571", "", "2026-01-01", "2026-12-31"]
    assert whole[1][-1] != cells["data_sha256"]
    assert cells | {"as_of": "", "data_sha256": "", "daybook_version": ""} == {
        "visit": "W6", "instrument": "qlq-c30", "population": "10", "expected": "8", "valid": "4",
        "valid_expected": "4", "available": "0.400000", "completion": "0.500000", "rule_set": "1",
        "late_counts": "no", "as_of": "", "chosen_site": "", "chosen_visit": "W6", "chosen_from": "",
        "chosen_to": "", "plan_version": "1.0", "daybook_version": "", "data_sha256": "",
    }  # fmt: skip
    for table in {name for names in TABLES.values() for name in names} - {"alerts"}:  # nobody watches here
        assert len(lines(monitor.get(f"/desk/report/table.csv?table={table}&late=yes").text)) > 1
    rows = lines(monitor.get("/desk/report/rows.csv?table=ledger&figure=forms&of_visit=W6").text)
    assert [row[0] for row in rows[1:]] == sorted(EVERYBODY)
    people = lines(monitor.get("/desk/report/rows.csv?table=recruitment&figure=in_time").text)
    assert people[0] == ["participant", "site", "enrolled_on", "signed_in_at"]
    assert len(people) == 11


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\uff1d1", "\uff20x"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    (_heads, row) = lines(write_csv(["a", "b", "c"], [[text, -3, None]]))
    assert row == [f"'{text}", "-3", ""]
    assert safe_cell("0571-001") == "0571-001"


OWN_TIME = {"app/clinic/trail/trail_file.py"}  # has a column of the local time beside the one of UTC


def test_every_file_writes_a_moment_in_one_way(monitor: TestClient) -> None:
    at = datetime(2026, 3, 5, 10, tzinfo=timezone(timedelta(hours=8)))
    assert (safe_cell(at), safe_cell(at.date())) == ("2026-03-05T02:00:00.000Z", "2026-03-05")
    for path in (ROOT / "app").rglob("*.py"):
        source = path.read_text("utf-8")
        if "app.domain.spreadsheets import" in source and str(path.relative_to(ROOT)) not in OWN_TIME:
            assert not re.search(r"strftime|\bat\.isoformat|_at\.isoformat", source), path
    moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|\d{4}-\d\d-\d\d|")
    for url in ("table.csv?table=rates", "rows.csv?table=ledger&figure=forms", "rows.csv?table=recruitment"):
        heads, *rows = lines(monitor.get(f"/desk/report/{url}").text)
        timed = [heads.index(name) for name in heads if name.endswith(("_at", "_on", "as_of"))]
        assert timed
        assert all(moment.fullmatch(row[column]) for row in rows for column in timed), url


def test_shares_are_rounded_from_exact_counts() -> None:
    assert [format_percent(*each) for each in ((4, 7), (1, 2000), (1, 8), (0, 3), (3, 3))] == [
        "57.1", "0.1", "12.5", "0.0", "100.0",
    ]  # fmt: skip


def test_a_wrong_choice_is_named_and_what_was_typed_stays(monitor: TestClient) -> None:
    wrong = page(monitor, "/desk/report?from=soon&rules=2", 422)
    assert "Please check the date: day, month, and the year with four digits." in wrong.text
    assert wrong.one("input", id="from_year")["value"] == "soon"
    assert "soon" not in wrong.text
    wrong = page(monitor, "/desk/report?to=2600-01-01&part=recruitment", 422)
    assert "Please check the year: a date must lie between" in wrong.text
    wrong = page(monitor, "/desk/report?from=soon&part=recruitment", 422)
    assert "Please check the date" in wrong.text
    assert page(monitor, "/desk/report?site=9999", 422).all("dl", class_="rates")
    empty = page(monitor, "/desk/report?from=2030-01-01&part=elsewhere")
    assert "There is nothing to count yet with this choice." in empty.text
    assert monitor.get("/desk/report?study=another").status_code == 404
    assert monitor.get("/desk/report/rows?from=soon").status_code == 422


def test_a_choice_goes_along_to_the_parts_that_have_it(monitor: TestClient) -> None:
    shown = page(monitor, "/desk/report?visit=W6&site=0571&from=2026-01-01&to=2026-12-31&late=yes")
    assert "Site 0571. Visit W6. From 1 Jan 2026. To 31 Dec 2026." in shown.text
    tabs = {each.text: str(each["href"]) for each in shown.one("nav", class_="tabs").all("a")}
    days = "&from=2026-01-01&to=2026-12-31"
    assert tabs["Timing"] == f"/desk/report?part=timing&site=0571&visit=W6{days}&late=yes"
    assert tabs["Diary"] == f"/desk/report?part=diary&site=0571{days}&late=yes"
    assert tabs["Recruitment"] == "/desk/report?part=recruitment&site=0571&late=yes"
    people = page(monitor, f"/desk/report/rows?table=recruitment&figure=enrolled{days}")
    assert "Visit" not in people.one("main").text
    (back,) = (str(each["href"]) for each in people.all("a") if each.text == "Back to the report")
    assert back == f"/desk/report?part=recruitment{days}#recruitment"


@pytest.mark.req("REP-01")
def test_the_matrix_leads_to_each_form(monitor: TestClient, clinic: ClinicFixture) -> None:
    shown = page(monitor, "/desk/matrix?site=0571")
    rows = shown.one("table", class_="matrix").one("tbody").all("tr")
    assert [row.one("th").text for row in rows] == sorted(EVERYBODY)
    link = rows[sorted(EVERYBODY).index(NORMAL[0])].all("a")[2]
    assert link["href"] == f"{clinic.url}/forms/{clinic.person.slot('W6').public_id}"
    assert link.text == "✓ Sent"
    assert page(monitor, link["href"] or "").all("h1")
    assert "No participants here." in page(monitor, "/desk/matrix?after=9999").text
    assert monitor.get("/desk/matrix?site=9999").status_code == 422


def test_the_report_speaks_chinese(clinic: ClinicFixture) -> None:
    reader = clinic.browser(Role.DATA_MANAGER, language="zh_CN")
    shown = page(reader, "/desk/report?visit=W6")
    assert "完成率" in shown.text
    assert "规则集 1" in shown.text
    assert "矩阵" in page(reader, "/desk/matrix").text


def test_files_name_their_columns_and_wrong_choices_are_refused_in_words(monitor: TestClient) -> None:
    heads = {
        table: lines(monitor.get(f"/desk/report/table.csv?table={table}").text)[0]
        for table in ("weeks", "recruitment", "diary", "sites")
    }
    assert [heads[table][0] for table in ("weeks", "recruitment", "diary")] == ["week", "month", "study_week"]
    assert "site" in heads["sites"]
    diary = lines(monitor.get("/desk/report/table.csv?table=diary").text)
    assert diary[1][0] == "1"  # as the page counts study weeks
    assert monitor.get("/desk/report/table.csv?table=zz").status_code == 422
    assert "one of your sites" in page(monitor, "/desk/report?site=9999", 422).text
    reversed_days = page(monitor, "/desk/report?from=2026-05-01&to=2026-04-01", 422)
    assert "Until: this day is before the first one." in reversed_days.text
    rows = page(monitor, "/desk/report/rows?from=soon", 422)
    assert "Please check the date" in rows.text
