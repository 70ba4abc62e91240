"""Exports at the desk: cuts are made and listed, datasets downloaded, by those who may and with a purpose."""

import io
import json
import zipfile

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry
from app.web import urls
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.services.beginnings import site_of
from tests.services.dataset_stage import FINAL, TREATED, TRIAL
from tests.services.people import Person, days
from tests.stages import Stage

ADQS = {"cut": "FINAL", "dataset": "adqs", "format": "csv", "purpose": "final analysis"}


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    made: Installation = app.state.installation
    clock.at = FINAL + days(1)
    site = site_of(made)
    return ClinicFixture(app, clock, site, Person(made, site, TREATED))


def act_of(client: TestClient) -> str:
    form = page(client, urls.EXPORTS).all("form", method="post", action=urls.EXPORTS)[0]
    return str(form.one("input", name="act")["value"])


@pytest.mark.req("REP-09", "AUD-07")
def test_a_statistician_makes_a_cut_and_downloads_datasets_of_it(clinic: ClinicFixture) -> None:
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
    refused = statistician.head(urls.EXPORT_FILE, params=ADQS)  # nothing is made or recorded
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    file = statistician.get(urls.EXPORT_FILE, params=ADQS)
    assert file.headers["content-disposition"] == 'attachment; filename="sbrt-nsclc-FINAL-adqs.csv"'
    assert file.text.startswith("STUDYID,USUBJID,SUBJID,SITEID,TRTP,")
    packed = statistician.get(urls.EXPORT_FILE, params=ADQS | {"dataset": "all", "format": "xpt"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert {"adqs.xpt", "define.xml", "codebook.csv", "manifest.json"} < set(archive.namelist())
        assert json.loads(archive.read("manifest.json"))["cut"] == "FINAL"
    assert (
        packed.content
        == statistician.get(urls.EXPORT_FILE, params=ADQS | {"dataset": "all", "format": "xpt"}).content
    )
    with clinic.person.installation.read() as session:
        made = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.DATA_EXPORTED)).all()
    assert [(entry.reason, entry.actor_role) for entry in made] == [("final analysis", "statistician")] * 3


@pytest.mark.req("REP-09")
def test_a_refusal_says_what_is_missing_and_keeps_what_was_typed(clinic: ClinicFixture) -> None:
    statistician = clinic.browser(Role.STATISTICIAN, None)
    for changed, status, field in (
        ({"purpose": ""}, 422, "saving-purpose"),
        ({"cut": "IA9"}, 422, "cut"),
        ({"dataset": "vs"}, 422, "dataset"),
        ({"format": "sas"}, 422, "format"),
    ):
        answer = statistician.get(urls.EXPORT_FILE, params=ADQS | changed)
        assert (answer.status_code, f'href="#{field}"' in answer.text) == (status, True), changed
        assert changed.get("purpose", "final analysis") in answer.text
    typed = {"act": act_of(statistician), "name": "IA1", "purpose": "another one"}
    refused = statistician.post(urls.EXPORTS, data=typed)
    assert (refused.status_code, 'href="#name"' in refused.text) == (409, True)
    assert 'value="another one"' in refused.text
    nameless = statistician.post(
        urls.EXPORTS, data={"act": act_of(statistician), "name": "IA3", "purpose": ""}
    )
    assert (nameless.status_code, 'href="#making-purpose"' in nameless.text) == (422, True)


@pytest.mark.req("IAM-02", "IAM-03", "REP-08")
def test_what_a_role_does_not_see_is_not_in_its_files(clinic: ClinicFixture) -> None:
    viewer = clinic.browser(Role.SPONSOR_VIEWER, None, "zh_CN")
    shown = page(viewer, urls.EXPORTS)
    assert "治疗组" in shown.one("main").text
    assert shown.all("form", method="post", action=urls.EXPORTS) == []
    assert viewer.post(urls.EXPORTS, data={"name": "X", "purpose": "x"}).status_code == 403
    text = viewer.get(urls.EXPORT_FILE, params=ADQS | {"dataset": "qs"}).text
    assert {line.split(",")[6] for line in text.splitlines()[1:]} == {"QSALL"}
    local = clinic.browser(Role.DATA_MANAGER, "0571")
    assert local.get(urls.EXPORT_FILE, params=ADQS | {"dataset": "dm"}).text.count("\n") == 4
    refused = local.post(urls.EXPORTS, data={"act": "", "name": "X", "purpose": "x"})
    assert refused.status_code == 409
    assert clinic.browser(Role.NURSE, None).get(urls.EXPORTS).status_code == 403
