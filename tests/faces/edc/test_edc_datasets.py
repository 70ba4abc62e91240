"""Datasets and exports as an EDC reads them: by its scopes and sites, streamed, or made by the clock."""

import csv
import hashlib
import io
import json
from base64 import b64encode

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from app.domain.records.access import Scope
from app.domain.records.audit import AuditEvent
from app.jobs.export_rounds import make_exports
from app.services.datasets.export import ExportEntry, export_cut
from app.services.datasets.export_requests import RETENTION
from app.storage.tables.audit import AuditEntry
from app.storage.tables.edc import Transfer
from tests.applications import Clock
from tests.faces.edc_caller import BASE, Edc, sign_in_edc
from tests.scenarios.dataset_stage import FINAL, STUDY, TRIAL, client_of
from tests.scenarios.people import days
from tests.stages import Stage

WHY = "figures for the board"
EXPORT_REQUEST = {"cut": "FINAL", "purpose": "final analysis", "formats": ["csv", "xpt"]}


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def reader(app: FastAPI, clock: Clock) -> Edc:
    """A client of the whole study with every scope, after the trial of `dataset_stage`."""
    clock.at = FINAL + days(1)
    return sign_in_edc(app, clock.at)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.req("EDC-04", "EDC-05", "REP-09")
def test_a_dataset_is_streamed_in_each_format_as_it_is_exported(
    app: FastAPI, reader: Edc, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    context = client_of(app.state.installation, clock.at)
    folder = tmp_path_factory.mktemp("out") / "made"
    export_cut(context, STUDY, ExportEntry("FINAL", "to compare"), folder)
    for name in ("csv", "ndjson", "json", "xpt"):
        for dataset in ("ADQS", "compl", "qs"):
            read = reader.get(f"/datasets/{dataset}", cut="FINAL", purpose=WHY, format=name)
            assert read.content == (folder / f"{dataset.lower()}.{name}").read_bytes()
    by_type = reader.get("/datasets/dm", {"Accept": "application/x-ndjson"}, cut="FINAL", purpose=WHY)
    assert by_type.headers["content-type"] == "application/x-ndjson"
    assert reader.get("/datasets/dm", cut="FINAL", purpose=WHY).headers["content-type"].startswith("text/csv")
    marked = reader.get("/datasets/dm", cut="FINAL", purpose=WHY, bom="true")
    assert marked.content.startswith(b"\xef\xbb\xbfSTUDYID")
    tag = {"If-None-Match": marked.headers["etag"]}
    assert reader.get("/datasets/dm", tag, cut="FINAL", purpose=WHY, bom="true").status_code == 304
    assert reader.get("/datasets/dm", tag, cut="IA1", purpose=WHY, bom="true").status_code == 200
    assert reader.get("/datasets/vs", cut="FINAL", purpose=WHY).json()["type"] == "/problems/unknown-dataset"
    assert reader.get("/datasets/dm", cut="IA9", purpose=WHY).json()["type"] == "/problems/unknown-cut"
    assert reader.get("/datasets/dm", cut="FINAL", purpose=WHY, format="parquet").status_code == 422
    assert reader.get("/datasets/dm", cut="FINAL").status_code == 422
    assert reader.get("/datasets/dm", cut="FINAL", purpose=" \u202e").status_code == 422
    path = "/datasets/dm?cut=FINAL&purpose=figures"
    assert reader.http.head(f"{BASE}{path}", headers=reader._headers(None)).status_code == 200
    with app.state.installation.read() as session:
        noted = session.exec(select(Transfer).where(Transfer.resource == "dataset dm")).all()
        pulled = col(AuditEntry.event) == AuditEvent.DATA_EXPORTED
        trail = session.exec(select(AuditEntry).where(pulled).order_by(col(AuditEntry.id))).all()
    assert [each.rows for each in noted] == [3] * len(noted)
    assert len(noted) == 4  # 304 hands nothing over
    assert [entry.reason for entry in trail] == ["to compare", *[WHY] * (3 * 4 + len(noted))]
    changes = {change["field"]: change["new"] for change in json.loads(trail[-1].changes)}
    assert (changes["cut"], changes["dataset"], changes["file"]) == ("IA1", "DM", "csv")
    assert {entry.actor_id for entry in trail} == {reader.client.client_id, context.client.client_id}


@pytest.mark.req("IAM-02", "REP-08")
def test_a_dataset_holds_what_the_scopes_open(app: FastAPI, reader: Edc, clock: Clock) -> None:
    without = sign_in_edc(app, clock.at, [Scope.SCORES_READ])
    refused = without.get("/datasets/dm", cut="FINAL", purpose=WHY)
    assert (refused.status_code, refused.json()["scope"]) == (403, "exports:run")
    scores = sign_in_edc(app, clock.at, [Scope.SCORES_READ, Scope.EXPORTS_RUN])
    tests = {row["QSTESTCD"][:5] for row in rows(scores.get("/datasets/qs", cut="FINAL", purpose=WHY).text)}
    assert tests == {"EOR01", "QSALL"}
    assert "ARMCD" not in rows(scores.get("/datasets/dm", cut="FINAL", purpose=WHY).text)[0]
    assert rows(scores.get("/datasets/diary", cut="FINAL", purpose=WHY).text) == []
    tags = {
        each.get("/datasets/compl", cut="FINAL", purpose=WHY).headers["etag"] for each in (scores, reader)
    }
    assert len(tags) == 2


@pytest.mark.req("EDC-04", "AUD-07", "REP-09")
def test_an_export_is_requested_produced_and_downloaded(app: FastAPI, reader: Edc, clock: Clock) -> None:
    response, again = reader.post("/exports", EXPORT_REQUEST), reader.post("/exports", EXPORT_REQUEST)
    assert (response.status_code, again.status_code) == (202, 200)
    assert (response.headers["location"], response.headers["retry-after"]) == (again.headers["location"], "5")
    location = response.headers["location"].removeprefix(BASE)
    assert reader.get(location).json()["state"] == "waiting"
    make_exports(app.state.installation, clock, lambda: False)
    ready = reader.get(location)
    assert "retry-after" not in ready.headers
    assert (ready.json()["state"], ready.json()["contents"]) == (
        "ready",
        ["arm", "answers", "scores", "diary"],
    )
    assert [item["id"] for item in reader.get("/exports").json()["items"]] == [ready.json()["id"]]
    files = {each["name"]: each for each in ready.json()["files"]}
    whole = reader.get(files["adqs.xpt"]["href"].removeprefix(BASE))
    assert hashlib.sha256(whole.content).hexdigest() == files["adqs.xpt"]["sha256"]
    digest = b64encode(hashlib.sha256(whole.content).digest()).decode()
    assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
    manifest = reader.get(files["manifest.json"]["href"].removeprefix(BASE))
    assert json.loads(manifest.text)["cut"] == "FINAL"
    href = files["adqs.xpt"]["href"].removeprefix(BASE)
    part = reader.get(href, {"Range": "bytes=80-159", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[80:160])
    assert reader.get(href, {"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert reader.get(href, {"Range": "bytes=99999999-"}).status_code == 416
    stranger = sign_in_edc(app, clock.at)
    assert stranger.get(href).json()["type"] == "/problems/unknown-export"
    assert stranger.get("/exports").json()["items"] == []
    clock.at += RETENTION
    reader.renew()
    assert reader.get(href).json()["type"] == "/problems/gone"
    refused = reader.post("/exports", EXPORT_REQUEST | {"cut": "IA9"})
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/unknown-cut")
    assert reader.post("/exports", EXPORT_REQUEST | {"formats": ["sas"]}).status_code == 422
