"""Cuts as an EDC makes and reads them."""

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.domain.datasets.changes import DataChange
from app.domain.records.access import Scope
from app.domain.records.audit import AuditEvent
from app.services.core.context import EdcContext
from app.services.datasets.cut_changes import compare_cuts
from app.storage.tables.audit import AuditEntry
from app.storage.tables.edc import Transfer
from app.storage.tables.studies import Site
from tests.applications import Clock
from tests.faces.edc_caller import BASE, Edc, enrol_with_baseline, sign_in_edc

WHY = "cleaning"
CUT = {"name": "IA1", "purpose": "first interim analysis"}


@pytest.mark.req("REP-09", "EDC-04", "EDC-05")
def test_a_client_makes_a_cut_once_and_reads_what_changed_since(
    app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock
) -> None:
    person = enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    response = edc.post("/cuts", CUT)
    again = edc.post("/cuts", CUT)
    assert (response.status_code, again.status_code, response.json()) == (201, 200, again.json())
    assert (response.json()["through"], response.json()["name"]) == (edc.head(), "IA1")
    other = edc.post("/cuts", CUT | {"purpose": "something else"})
    assert (other.status_code, other.json()["code"]) == (409, "cut_exists")
    person.randomise(clock.at.date(), clock.at)
    person.begin("D0", clock.at)
    person.submit("D0", clock.at, {"any_symptom": 0})
    edc.post("/cuts", {"name": "IA2", "purpose": "second interim analysis"})
    read = edc.get("/cuts/IA2/changes", since="IA1", purpose=WHY)
    lines = [json.loads(line) for line in read.text.splitlines()]
    assert [line["new"] for line in lines if line["field"] == "answers"] == ["1"]
    assert {line["field"] for line in lines} >= {"anchor.date", "slot"}
    same = edc.get("/cuts/IA2/changes", {"If-None-Match": read.headers["etag"]}, since="IA1", purpose=WHY)
    assert same.status_code == 304
    assert (
        edc.http.head(f"{BASE}/cuts/IA2/changes?since=IA1&purpose=cleaning", headers=edc._headers(None)).text
        == ""
    )
    assert edc.get("/cuts/IA1/changes", since="IA2", purpose=WHY).json()["code"] == "cuts_reversed"
    for purpose in ({}, {"purpose": " \u202e"}):
        assert edc.get("/cuts/IA2/changes", None, since="IA1", **purpose).status_code == 422
    with app.state.installation.read() as session:  # once, though it was asked five times
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.DATA_EXPORTED)).one()
    said = {each["field"]: each["new"] for each in json.loads(entry.changes)}
    assert (entry.reason, said["cut"], said["dataset"], said["file"]) == (
        WHY,
        "IA1, IA2",
        "changes",
        "ndjson",
    )
    assert [cut["name"] for cut in edc.get("/cuts").json()["items"]] == ["IA2", "IA1"]
    assert edc.get("/cuts/IA1").json() == response.json()
    assert edc.get("/cuts/IA3").json()["type"] == "/problems/unknown-cut"


@pytest.mark.req("IAM-02", "REP-08")
def test_a_cut_takes_its_scope_and_shows_what_the_scopes_open(
    app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock
) -> None:
    reading = sign_in_edc(app, clock.at, [Scope.SCORES_READ])
    refused = reading.post("/cuts", CUT)
    assert (refused.status_code, refused.json()["scope"]) == (403, "cuts:write")
    edc.post("/cuts", CUT)
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    edc.post("/cuts", CUT | {"name": "IA2"})
    lines = [
        json.loads(line)
        for line in reading.get("/cuts/IA2/changes", since="IA1", purpose=WHY).text.splitlines()
    ]
    fields = {line["field"] for line in lines}
    assert {"response", "scores"} <= fields
    assert "answers" not in fields


@pytest.mark.req("EDC-05")
def test_a_transfer_that_breaks_off_is_noted_with_what_was_handed_over(
    app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    edc.post("/cuts", CUT)
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    edc.post("/cuts", CUT | {"name": "IA2"})

    def broken(context: EdcContext, study: str, older: str, newer: str) -> Iterator[DataChange]:
        yield next(compare_cuts(context, study, older, newer))
        raise ConnectionError

    monkeypatch.setattr("app.edc.data.cuts.compare_cuts", broken)
    monkeypatch.setattr("app.edc.data.cuts.PIECE", 1)
    edc.get("/cuts/IA2/changes", since="IA1", purpose=WHY)
    with app.state.installation.read() as session:
        noted = session.exec(select(Transfer).where(Transfer.resource == "cut changes")).one()
    assert noted.rows == 1
