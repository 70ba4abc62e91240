"""Exports at the desk: cuts, datasets of them as files, changes between two, figures computed again."""

import io
import json
import zipfile
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from app.clinic.exports import changes_page
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.jobs.export_rounds import make_exports
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry
from app.web import urls
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.beginnings import site_of
from tests.scenarios.dataset_stage import FINAL, TREATED, TRIAL
from tests.scenarios.people import Person, days
from tests.stages import Stage

ADQS = {"cut": "FINAL", "dataset": "adqs", "format": "csv", "purpose": "final analysis"}


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    installation: Installation = app.state.installation
    clock.at = FINAL + days(1)
    site = site_of(installation)
    return ClinicFixture(app, clock, site, Person(installation, site, TREATED))


def act_of(client: TestClient, action: str = urls.EXPORTS) -> str:
    shown = page(client, urls.EXPORT_CHECKS if action == urls.EXPORT_CHECKS else urls.EXPORTS)
    return str(shown.one("form", method="post", action=action).one("input", name="act")["value"])


def make_exports_now(clinic: ClinicFixture) -> None:
    make_exports(clinic.app.state.installation, clinic.clock, lambda: False)


def links(client: TestClient) -> list[str]:
    """The files that may be downloaded, the newest first."""
    return [str(link["href"]) for link in page(client, urls.EXPORTS).one("table", id="mine").all("a")]


@pytest.mark.req("REP-09", "AUD-07")
def test_a_statistician_creates_a_cut_and_exports_its_datasets(clinic: ClinicFixture) -> None:
    statistician = clinic.browser(Role.STATISTICIAN, None)
    assert statistician.get("/desk").headers["location"] == urls.REPORT
    assert page(statistician, urls.REPORT).all("a", href=urls.EXPORTS)
    typed = {"act": act_of(statistician), "name": "ＩＡ2", "purpose": "second interim analysis"}
    done = statistician.post(urls.EXPORTS, data=typed)
    again = statistician.post(urls.EXPORTS, data=typed)
    assert done.headers["location"] == again.headers["location"] == f"{urls.EXPORTS}?done=cut"
    shown = page(statistician, done.headers["location"])
    assert "Data cut made." in shown.text
    assert [row.one("th").text for row in shown.one("tbody").all("tr")] == ["IA2", "FINAL", "IA1"]
    assert "Li Na" in shown.one("tbody").text
    assert "Operator" in shown.one("tbody").text
    act = {"act": act_of(statistician, urls.EXPORT_REQUESTS)}
    done = statistician.post(urls.EXPORT_REQUESTS, data=ADQS | act)
    again = statistician.post(urls.EXPORT_REQUESTS, data=ADQS | act)
    assert done.headers["location"] == again.headers["location"] == f"{urls.EXPORTS}?done=requested"
    shown = page(statistician, done.headers["location"])
    assert "made in the background" in shown.text
    assert "Waiting" in shown.one("table", id="mine").text
    statistician.post(urls.EXPORT_REQUESTS, data=ADQS | {"dataset": "all", "format": "xpt"})
    make_exports_now(clinic)
    packed, single = links(statistician)
    file, head = statistician.get(single), statistician.head(single)
    assert file.headers["content-disposition"] == 'attachment; filename="sbrt-nsclc-FINAL-adqs.csv"'
    assert file.text.startswith("STUDYID,USUBJID,SUBJID,SITEID,TRTP,")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(file.content))
    with zipfile.ZipFile(io.BytesIO(statistician.get(packed).content)) as archive:
        assert {"adqs.xpt", "define.xml", "codebook.csv", "manifest.json"} < set(archive.namelist())
        assert json.loads(archive.read("manifest.json"))["cut"] == "FINAL"
    with clinic.person.installation.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.DATA_EXPORTED)).all()
    assert [(entry.reason, entry.actor_role) for entry in entries] == [("final analysis", "statistician")] * 2
    assert clinic.browser(Role.DATA_MANAGER, None).get(packed).status_code == 404


@pytest.mark.req("REP-09")
def test_a_refusal_says_what_is_missing_and_keeps_what_was_typed(clinic: ClinicFixture) -> None:
    statistician = clinic.browser(Role.STATISTICIAN, None)
    for changed, status, field in (
        ({"purpose": ""}, 422, "requesting-purpose"),
        ({"cut": "IA9"}, 422, "requesting-cut"),
        ({"dataset": "vs"}, 422, "requesting-dataset"),
        ({"format": "sas"}, 422, "requesting-format"),
    ):
        answer = statistician.post(urls.EXPORT_REQUESTS, data=ADQS | changed)
        assert (answer.status_code, f'href="#{field}"' in answer.text) == (status, True), changed
        assert changed.get("purpose", "final analysis") in answer.text
    typed = {"act": act_of(statistician), "name": "IA1", "purpose": "another one"}
    refused = statistician.post(urls.EXPORTS, data=typed)
    assert (refused.status_code, 'href="#making-name"' in refused.text) == (409, True)
    assert 'value="another one"' in refused.text
    nameless = statistician.post(
        urls.EXPORTS, data={"act": act_of(statistician), "name": "IA3", "purpose": ""}
    )
    assert (nameless.status_code, 'href="#making-purpose"' in nameless.text) == (422, True)
    for number in range(3):
        statistician.post(urls.EXPORT_REQUESTS, data=ADQS | {"purpose": f"number {number}"})
    full = statistician.post(urls.EXPORT_REQUESTS, data=ADQS)
    assert (full.status_code, "3 exports of yours are not ready yet" in full.text) == (409, True)
    clinic.app.state.installation = replace(clinic.app.state.installation, export_room=1)
    make_exports_now(clinic)
    assert "no room left" in page(statistician, urls.EXPORTS).one("table", id="mine").text


@pytest.mark.req("IAM-02", "IAM-03", "REP-08")
def test_what_a_role_does_not_see_is_not_in_its_files(clinic: ClinicFixture) -> None:
    viewer = clinic.browser(Role.SPONSOR_VIEWER, None, "zh_CN")
    shown = page(viewer, urls.EXPORTS)
    assert "治疗组" in shown.one("main").text
    assert shown.all("form", method="post", action=urls.EXPORTS) == []
    assert shown.all("a", href=urls.EXPORT_CHECKS) == []
    assert viewer.post(urls.EXPORTS, data={"name": "X", "purpose": "x"}).status_code == 403
    viewer.post(urls.EXPORT_REQUESTS, data=ADQS | {"dataset": "qs"})
    local = clinic.browser(Role.DATA_MANAGER, "0571")
    local.post(urls.EXPORT_REQUESTS, data=ADQS | {"dataset": "dm"})
    make_exports_now(clinic)
    text = viewer.get(links(viewer)[0]).text
    assert {line.split(",")[6] for line in text.splitlines()[1:]} == {"QSALL"}
    assert local.get(links(local)[0]).text.count("\n") == 4
    refused = local.post(urls.EXPORTS, data={"act": "", "name": "X", "purpose": "x"})
    assert refused.status_code == 409
    changes = page(viewer, f"{urls.EXPORT_CHANGES}?since=IA1&cut=FINAL").one("main").text
    assert "0571-002" in changes
    assert "第 9 题" not in changes  # no answer of anybody
    refused = viewer.post(urls.EXPORT_CHECKS, data={"cut": "FINAL", "purpose": "x"})
    assert refused.status_code == 409
    assert clinic.browser(Role.NURSE, None).get(urls.EXPORTS).status_code == 403


def _renumber(clinic: ClinicFixture) -> None:
    """The plan asks a later version of its questionnaire, in which every question has another number."""
    installation: Installation = clinic.app.state.installation
    library = installation.library
    known, plan = library.get_instrument("qlq-c30", "3.0"), library.get_plan("sbrt-nsclc", "1.0")
    items = tuple(replace(item, number=item.number + 30) for item in known.items)
    used = tuple(replace(each, version="3.1") if each.id == known.id else each for each in plan.instruments)
    later = replace(
        library,
        instruments={**library.instruments, (known.id, "3.1"): replace(known, version="3.1", items=items)},
        plans={**library.plans, (plan.id, plan.version): replace(plan, instruments=used)},
    )
    clinic.app.state.installation = replace(installation, library=later)


@pytest.mark.req("REP-09", "COR-04")
def test_what_changed_between_cuts_is_shown_with_reason_and_author(
    clinic: ClinicFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistician = clinic.browser(Role.STATISTICIAN, None)
    shown = page(statistician, urls.EXPORT_CHANGES)
    assert [heading.text.split()[0] for heading in shown.all("h2")] == ["0571-001", "0571-002"]
    (wrong,) = (row.text for row in shown.all("tr") if "Question 9" in row.text)
    assert "W6" in wrong
    assert "1 → 4" in wrong
    assert "I meant the last one" in wrong
    missed = [row.text for row in shown.all("tr") if "Why it was missed" in row.text]
    assert "Too ill" in missed[0]
    assert "sha256" not in shown.text
    assert [row for row in shown.all("tr") if "Form sent" in row.text and "22" not in row.all("td")[0].text]
    _renumber(clinic)
    assert page(statistician, urls.EXPORT_CHANGES).text == shown.text
    monkeypatch.setattr(changes_page, "MOST", 1)
    monkeypatch.setattr(changes_page, "MOST_OF_ONE", 2)
    first = page(statistician, urls.EXPORT_CHANGES)
    assert len(first.all("h2")) == 1
    assert "compare-cuts" in first.text
    second = page(statistician, str(next(a["href"] for a in first.all("a") if a.text == "Next participants")))
    assert [heading.text.split()[0] for heading in second.all("h2")] == ["0571-002"]
    assert page(statistician, f"{urls.EXPORT_CHANGES}?since=FINAL&cut=FINAL").all("h2") == []
    for query, status, field in (("since=IA9", 422, "since"), ("cut=IA1&since=FINAL", 422, "since")):
        refused = statistician.get(f"{urls.EXPORT_CHANGES}?{query}")
        assert (refused.status_code, f'href="#{field}"' in refused.text) == (status, True)


@pytest.mark.req("REP-09", "VAL-07")
def test_a_cut_is_computed_again_and_says_n_of_n(clinic: ClinicFixture) -> None:
    statistician = clinic.browser(Role.STATISTICIAN, None)
    typed = {"act": act_of(statistician, urls.EXPORT_CHECKS), "cut": "FINAL", "purpose": "before the board"}
    done = statistician.post(urls.EXPORT_CHECKS, data=typed)
    assert done.headers["location"] == f"{urls.EXPORT_CHECKS}?done=requested"
    waiting = page(statistician, done.headers["location"])
    assert "computed in the background" in waiting.text
    assert waiting.all("a", href=urls.EXPORT_CHECKS)
    make_exports_now(clinic)
    shown = page(statistician, urls.EXPORT_CHECKS)
    rows = [row.all("td")[0].text for row in shown.one("tbody").all("tr")]
    assert len(rows) >= 4
    assert all(text.split(" of ")[0] == text.split(" of ")[1] for text in rows)
    assert page(statistician, urls.EXPORTS).all("table", id="mine") == []
    for changed, field in (({"cut": "IA9"}, "cut"), ({"purpose": ""}, "purpose")):
        refused = statistician.post(urls.EXPORT_CHECKS, data={"cut": "FINAL", "purpose": "x"} | changed)
        assert (refused.status_code, f'href="#{field}"' in refused.text) == (422, True)
