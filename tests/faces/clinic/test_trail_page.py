"""The trail as its readers meet it: in words, narrowed to an answer, as files, and without the arm."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from sqlmodel import col, select

from app.clinic.records.event_words import EVENT_WORDS, OTHER_EVENT, name_event
from app.clinic.trail.field_words import FIELD_WORDS
from app.domain.desk.trail import TrailChange, TrailKind, find_trail_kind, list_trail_events
from app.domain.people.role_views import RoleView
from app.domain.records.access import Permission, Role
from app.domain.records.audit import AuditEvent
from app.services.clinic.trail import entries
from app.storage.proof.event_tables import COVERS
from app.storage.row_changes import NOT_AUDITED, TECHNICAL_TABLES
from app.storage.tables.audit import AuditEntry
from app.storage.tables.columns import metadata
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.markup import parse_page
from tests.scenarios.arms import assign_arm, with_hidden_arms
from tests.scenarios.people import START, qlq

ARM_WORDS = re.compile(r"SBRT|\bSOC\b|EOT|standard care", re.IGNORECASE)
HIDDEN_TABLES = frozenset({"staff", "staff_link", "role_grant", "recovery_code", "clock_confirmation"})
"""Records of accounts and of the machine, which stand in no study's trail."""


def lived(clinic: ClinicFixture) -> None:
    """A baseline with a changed answer, an assignment, and dates of one arm."""
    clinic.person.begin("BL", START)
    clinic.person.submit("BL", START, qlq(2))
    clinic.person.randomise(START.date(), START + timedelta(hours=1))
    assign_arm(clinic.person, "SBRT", 0)
    clinic.person.anchor("sbrt_end", START.date(), START + timedelta(hours=2))


def looks(clinic: ClinicFixture) -> list[str]:
    """The looks and downloads that the trail holds, in their order."""
    with clinic.person.installation.read() as session:
        rows = session.exec(select(AuditEntry.event).order_by(col(AuditEntry.id)))
        return [row for row in rows if row in (AuditEvent.TRAIL_VIEWED, AuditEvent.TRAIL_SAVED)]


@pytest.mark.req("AUD-08")
def test_every_event_of_a_study_has_a_kind_and_words() -> None:
    of_kinds = {event for kind in TrailKind for event in list_trail_events(kind)}
    assert of_kinds == set(EVENT_WORDS)
    assert {event for event in AuditEvent if find_trail_kind(event) is not None} == of_kinds
    assert name_event(AuditEvent.STAFF_CREATED) == OTHER_EVENT


@pytest.mark.req("AUD-08")
def test_every_field_that_tells_people_something_has_words() -> None:
    tables_of_events = {table for event, tables in COVERS.items() if event in EVENT_WORDS for table in tables}
    nameless = [
        f"{table}.{column.name}"
        for table in sorted(tables_of_events - TECHNICAL_TABLES - HIDDEN_TABLES - {"answer_event", "slot"})
        for column in metadata.tables[table].columns
        if f"{table}.{column.name}" not in NOT_AUDITED
        and not TrailChange(f"{table}:1", column.name, None, 1).is_technical
        and column.name not in FIELD_WORDS
    ]
    assert nameless == []


@pytest.mark.req("AUD-08", "AUD-09", "INV-06")
def test_an_answer_leads_in_two_clicks_to_its_trail(clinic: ClinicFixture) -> None:
    lived(clinic)
    monitor = clinic.browser(Role.MONITOR, None)
    form = page(monitor, f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}")
    link = next(each for each in form.all("a") if "Audit trail" in each.text)
    shown = page(monitor, str(link["href"]))
    assert shown.one("input", name="participant")["value"] == "0571-001"
    assert shown.one("input", name="visit")["value"] == "BL"
    of_item = next(each for each in shown.all("a") if each.text == "Question 5")
    one = page(monitor, str(of_item["href"]))
    rows = [
        [cell.text.strip() for cell in (*row.all("th"), *row.all("td"))] for row in one.one("tbody").all("tr")
    ]
    assert len(rows) == 1
    when, who, what, actor, changed, _why = rows[0]
    assert when == "2 March 2026, 09:30 (UTC+08:00)"
    assert (who.split()[0], what, actor) == ("0571-001", "Form sent", "Participant")
    assert "BL · Quality of life" in changed
    assert "Question 5: Mild" in changed
    history = page(monitor, f"{clinic.url}/history")
    assert any("/desk/trail?participant=0571-001" in str(each["href"]) for each in history.all("a"))
    nurse = clinic.browser(Role.NURSE)
    assert "/desk/trail" not in nurse.get(f"{clinic.url}/history").text
    assert nurse.get("/desk/trail").status_code == 403
    assert nurse.get("/desk/trail/entries.csv").status_code == 403


@pytest.mark.req("AUD-09")
def test_filters_stay_in_the_address_and_a_wrong_one_is_named(clinic: ClinicFixture) -> None:
    lived(clinic)
    monitor = clinic.browser(Role.INVESTIGATOR)
    typed = "participant=%EF%BC%90571-001&kind=dates&from=2026-03-01&to=2026-03-31&item=qlq-c30/q1"
    shown = page(monitor, f"/desk/trail?{typed}")
    assert "Nothing found with these filters." in shown.text
    assert shown.one("option", selected="", value="dates").text == "Dates"
    everything = page(monitor, f"/desk/trail?{typed.rpartition('&')[0]}").one("tbody").text
    assert "Date recorded" in everything
    assert "Form sent" not in everything
    for wrong, words in (
        ("participant=0021-001", "No participant at your sites has this code."),
        ("from=x&participant=0571-001", "Please check the date"),
        ("from=2026-03-02&to=2026-03-01", "Until: this day is before the first one."),
        ("site=0021", "This isn't one of your sites."),
    ):
        refused = page(monitor, f"/desk/trail?{wrong}", 422)
        assert words in refused.text
        assert not refused.all("tbody")
    shown_again = page(monitor, "/desk/trail?from=x&participant=0571-001", 422)
    assert shown_again.one("input", name="participant")["value"] == "0571-001"
    assert monitor.get("/desk/trail?before=0").status_code == 422
    assert monitor.get("/desk/trail/entries.csv?participant=0021-001").status_code == 422
    assert looks(clinic) == [AuditEvent.TRAIL_VIEWED] * 2


@pytest.mark.req("AUD-09")
def test_the_list_goes_on_where_it_ended(clinic: ClinicFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(clinic)
    monitor = clinic.browser(Role.MONITOR, None)
    every = monitor.get("/desk/trail/entries.ndjson").text.splitlines()
    monkeypatch.setattr(entries.read_trail, "__defaults__", (None, 3, entries.STRETCH))
    url, count = "/desk/trail?by=participant", 0
    while url:
        shown = page(monitor, url)
        count += len(shown.one("tbody").all("tr"))
        older = [each for each in shown.all("a") if each.text == "Show older entries"]
        url = str(older[0]["href"]) if older else ""
    assert count == sum(json.loads(line)["actor"] == "participant" for line in every)


@pytest.mark.req("AUD-09", "INV-06")
def test_files_hold_every_entry_in_words_and_codes(clinic: ClinicFixture) -> None:
    lived(clinic)
    clinic.person.anchor("progression", START.date(), START + timedelta(hours=3))
    monitor = clinic.browser(Role.MONITOR, None, "zh_CN")
    answer = monitor.get("/desk/trail/entries.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="sbrt-nsclc-trail-2026-03-02.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    lines = [json.loads(line) for line in monitor.get("/desk/trail/entries.ndjson").text.splitlines()]
    assert len(lines) == len({row["entry"] for row in rows}) + 1  # the look of the first file
    submitted = next(line for line in lines if line["event"] == AuditEvent.FORM_SUBMITTED)
    change_of_item = next(each for each in submitted["changes"] if each["field"] == "q5")
    assert (change_of_item["old"], change_of_item["new"]) == (None, 2)
    assert change_of_item["words"]["name"] == "第 5 题"
    assert submitted["what"] == "问卷已提交"
    of_item = next(row for row in rows if row["field_code"] == "q5")
    assert of_item["to"] == change_of_item["words"]["to"]
    assert of_item["local_time"] == "2026-03-02T09:30:00+08:00"
    assert looks(clinic) == [AuditEvent.TRAIL_SAVED] * 2


@pytest.mark.req("AUD-08")
def test_a_file_that_is_saved_is_an_entry_that_says_which(clinic: ClinicFixture) -> None:
    """Alerts, a table of the report, and the rows behind a number of it; pages without answers are none."""
    lived(clinic)
    investigator = clinic.browser(Role.INVESTIGATOR, None)
    for url in ("/desk/report", "/desk/report/rows?table=ledger&figure=forms", "/desk/alerts"):
        assert investigator.get(url).status_code == 200
    assert "File downloaded" not in page(investigator, "/desk/trail?kind=looks").text
    for file in (
        "alerts.csv",
        "report/table.csv?table=days&site=0571&from_year=2026&from_month=1&from_day=5",
        "report/rows.csv?table=ledger&figure=forms&visit=BL",
    ):
        assert investigator.get(f"/desk/{file}").status_code == 200
    with clinic.person.installation.read() as session:
        saved = session.exec(select(AuditEntry.id).where(AuditEntry.event == AuditEvent.FILE_SAVED)).all()
    text = page(investigator, "/desk/trail?kind=looks").one("tbody").text
    assert (len(saved), text.count("File downloaded")) == (3, 3)
    for words in (
        "File: Alerts",
        "File: Report Contents: Days from the target day Site: 0571 From: 5 Jan 2026",
        "File: Rows behind a number of the report Contents: Outcome of each form Visit: BL",
    ):
        assert words in text, text


@pytest.mark.req("AUD-10")
def test_no_word_of_an_arm_on_a_page_or_in_a_file_of_a_blinded_reader(clinic: ClinicFixture) -> None:
    lived(clinic)
    hidden = with_hidden_arms(clinic.person.installation)
    clinic.app.state.installation = hidden
    monitor, investigator = clinic.browser(Role.MONITOR, None), clinic.browser(Role.INVESTIGATOR, None)
    shown = page(monitor, "/desk/trail").one("main").text
    assert ARM_WORDS.findall(shown) == []
    for kind in ("csv", "ndjson"):
        text = monitor.get(f"/desk/trail/entries.{kind}").text
        assert "participant:form:submitted" in text
        assert ARM_WORDS.findall(text) == []
        open_text = investigator.get(f"/desk/trail/entries.{kind}").text
        assert {"SBRT", "EOT"} <= set(ARM_WORDS.findall(open_text))
    assert "EOT" in page(investigator, "/desk/trail").one("main").text


@pytest.mark.req("AUD-10", "INV-02")
def test_a_plan_decides_who_sees_the_arm_and_who_sees_scores(clinic: ClinicFixture) -> None:
    """The investigator of this plan is blinded, and its nurses read scores."""
    lived(clinic)
    investigator, nurse = clinic.browser(Role.INVESTIGATOR, None), clinic.browser(Role.NURSE, None)
    scores = f"{clinic.url}/scores"
    assert "SBRT" in investigator.get(scores).text
    assert [nurse.get(url).status_code for url in (scores, "/desk/scores")] == [403, 403]
    clinic.app.state.installation = with_hidden_arms(
        clinic.person.installation,
        RoleView(Role.INVESTIGATOR, (Permission.ANSWERS_SEE, Permission.SCORES_SEE)),
        RoleView(Role.NURSE, (Permission.SCORES_SEE,)),
    )
    for url in ("/desk/trail", scores, f"{clinic.url}/history", clinic.url):
        assert ARM_WORDS.findall(page(investigator, url).one("main").text) == [], url
    assert ARM_WORDS.findall(investigator.get("/desk/trail/entries.csv").text) == []
    assert ARM_WORDS.findall(page(investigator, "/desk/report?part=recruitment").one("table").text) == []
    assert [nurse.get(url).status_code for url in (scores, "/desk/scores")] == [200, 200]
    assert ARM_WORDS.findall(page(nurse, scores).one("main").text) == []


@pytest.mark.req("INV-06")
def test_a_grant_that_ended_is_as_if_it_were_not_there(clinic: ClinicFixture) -> None:
    clinic.clock.at = START.replace(hour=15, minute=50)  # 23:50 in the zone of the plan
    monitor = clinic.browser(Role.MONITOR, None, ends_on=START.date())
    assert monitor.get("/desk/trail").status_code == 200
    clinic.clock.forward(minutes=20)
    ended = [monitor.get(url).status_code for url in ("/desk/trail", "/desk/trail/entries.csv")]
    assert ended == [403, 403]
    start = monitor.get("/desk")  # no list of nobody, which would say that nothing is to be done
    assert (start.status_code, "You have no role at the moment" in start.text) == (403, True)
    begins = parse_page(start.text).one("main").one("a", class_="btn")["href"]
    assert (begins, monitor.get(str(begins)).status_code) == ("/desk/account", 200)
    assert looks(clinic) == [AuditEvent.TRAIL_VIEWED]
