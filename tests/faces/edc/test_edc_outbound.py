"""What the EDC pulls: contiguous numbers, sections by scope, views that agree with the feed."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.domain.records.access import CLOCK, Scope
from app.domain.records.audit import GENESIS, canonical_json, link_hash, sha256_hex
from app.domain.records.feed import event_envelope
from app.services.core.installation import Installation
from app.storage.tables.audit import DaySeal
from app.storage.tables.edc import Transfer
from app.storage.tables.studies import Site
from tests.applications import Clock
from tests.faces.edc_caller import AS_OF, REGISTER, STUDY, Edc, enrol_with_baseline, later_as_of, sign_in_edc
from tests.faces.edc_stages import both_sites, edc_stage
from tests.stages import Stage

READS = (Scope.ANSWERS_READ, Scope.SCORES_READ, Scope.DIARY_READ, Scope.ARM_READ)


def _fill(app: FastAPI, edc: Edc) -> None:
    for site, subject in zip(both_sites(app), ("0571-001", "0512-001"), strict=True):
        enrol_with_baseline(app, site, subject, app.state.clock())
    edc.put("/participants/0571-101", REGISTER)
    for subject in ("0571-101", "0571-001"):
        edc.put(f"/participants/{subject}/arm", {"arm": "SBRT", "as_of": AS_OF})
        edc.put(f"/participants/{subject}/anchors/randomisation", {"date": "2026-03-02", "as_of": AS_OF})
    edc.put("/participants/0571-101", REGISTER | {"language": "en", "as_of": later_as_of(hours=1)})


FILLED = edc_stage(_fill)


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return FILLED if "filled" in request.fixturenames else stage


@pytest.fixture
def filled(edc: Edc) -> Edc:
    """A feed with people of both sites, arms, anchors and two answered forms."""
    return edc


def check(items: Sequence[dict[str, Any]], previous: str = GENESIS) -> str:
    """What a client checks: numbers, links, digests of the sections it can see."""
    for item in items:
        assert item["prev_hash"] == previous
        assert item["hash"] == link_hash(item["prev_hash"], item["envelope_sha256"])
        if item["type"] != "withheld":
            assert item["envelope_sha256"] == sha256_hex(canonical_json(event_envelope(item)))
            for name, data in item["data"].items():
                assert item["digests"][name] == sha256_hex(f"{item['salts'][name]}:{canonical_json(data)}")
        previous = item["hash"]
    return previous


@pytest.mark.req("EDC-02", "EDC-04")
def test_pages_join_without_gap_and_the_chain_holds(filled: Edc) -> None:
    whole = filled.changes()
    paged: list[dict[str, Any]] = []
    after, complete = 0, False
    while not complete:
        answer = filled.get("/changes", after=after, limit=3)
        page = answer.json()
        assert ('rel="next"' in answer.headers.get("link", "")) is not page["complete"]
        assert page["head"] == len(whole)
        paged += page["items"]
        after, complete = page["through"], page["complete"]
    assert paged == whole
    assert [item["seq"] for item in whole] == list(range(1, len(whole) + 1))
    assert check(whole) == whole[-1]["hash"]


def test_the_link_leads_to_the_next_page(filled: Edc) -> None:
    answer = filled.get("/changes", limit=2, type="participant.*")
    target = answer.headers["link"].partition(">")[0].removeprefix("<")
    assert target.startswith("/api/edc/v1/changes?")
    headers = {"Authorization": f"Bearer {filled.token}"}
    following = filled.http.get(target, headers=headers).json()
    assert following["after"] == answer.json()["through"]


def test_a_filter_passes_over_numbers_and_still_advances(filled: Edc) -> None:
    page = filled.get("/changes", type="assessment.*").json()
    assert {item["type"] for item in page["items"]} == {"assessment.completed"}
    assert (page["through"], page["complete"]) == (page["head"], True)
    assert filled.changes(type="anchor.recorded")[0]["type"] == "anchor.recorded"


def test_lines_carry_the_counters_in_headers(filled: Edc) -> None:
    answer = filled.get("/changes", headers={"Accept": "application/x-ndjson"}, limit=4)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines == filled.changes(limit=4)
    counters = [answer.headers[f"x-{name}"] for name in ("after", "through", "head", "complete")]
    assert counters == ["0", "4", str(filled.head()), "false"]


def test_gzip_holds_the_same_bytes(filled: Edc) -> None:
    plain = filled.get("/changes", headers={"Accept-Encoding": "identity"})
    headers = {"Accept-Encoding": "gzip", "Authorization": f"Bearer {filled.token}"}
    with filled.http.stream("GET", "/api/edc/v1/changes", headers=headers) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain.content
    assert (
        filled.get("/snapshot").text == filled.get("/snapshot", headers={"Accept-Encoding": "identity"}).text
    )


def test_another_feed_begins_anew(filled: Edc) -> None:
    other = filled.get("/changes", feed="other")
    ahead = filled.get("/changes", after=10_000)
    same = filled.get("/changes", feed=filled.get(f"/studies/{STUDY}").json()["feed"])
    assert [other.status_code, ahead.status_code, same.status_code] == [409, 409, 200]
    assert other.json()["type"] == "/problems/feed-epoch-changed"


@pytest.mark.req("EDC-07")
def test_scopes_hide_sections_and_the_chain_still_verifies(app: FastAPI, filled: Edc, clock: Clock) -> None:
    reader = sign_in_edc(app, clock.at, [Scope.SCORES_READ])
    items = reader.changes()
    check(items)
    completed = next(item for item in items if item["type"] == "assessment.completed")
    assert set(completed["data"]) == {"slot", "response", "scores"}
    assert "answers" in completed["digests"]
    assert all("arm" not in item["data"] for item in items if item["type"].startswith("participant"))
    assert len(items) == filled.head()


def test_another_sites_events_are_stubs(app: FastAPI, filled: Edc, clock: Clock) -> None:
    limited = sign_in_edc(app, clock.at, READS, ["0571"])
    items = limited.changes()
    assert check(items) == filled.changes()[-1]["hash"]
    stubs = [item for item in items if item["type"] == "withheld"]
    assert len(stubs) == 3
    assert set(stubs[0]) == {"seq", "type", "envelope_sha256", "prev_hash", "hash"}
    assert {item["site"] for item in items if item not in stubs} == {"0571"}
    assert [item["site"] for item in limited.changes(type="assessment.*")] == ["0571"]
    assert '"site":"0512"' not in limited.get("/snapshot").text
    assert {row["site"] for row in limited.get("/scores").json()["items"]} == {"0571"}


@pytest.mark.req("EDC-02")
def test_snapshot_then_changes_is_the_whole_feed(
    app: FastAPI, filled: Edc, sites: tuple[Site, Site], clock: Clock
) -> None:
    answer = filled.get("/snapshot")
    snapshot = {item["ref"]: item for item in map(json.loads, answer.text.splitlines())}
    enrol_with_baseline(app, sites[0], "0571-002", clock.at)
    for item in filled.changes(after=int(answer.headers["x-through"])):
        snapshot[item["ref"]] = item
    newest = {item["ref"]: item for item in filled.changes()}
    assert snapshot == newest
    assert len(snapshot) < filled.head()


def test_an_empty_feed_has_an_empty_snapshot(edc: Edc) -> None:
    answer = edc.get("/snapshot", headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.text, answer.headers["x-through"]) == (200, "", "0")
    assert edc.get("/changes").json()["items"] == []


@pytest.mark.req("EDC-03")
def test_scores_are_flat_rows(filled: Edc) -> None:
    page = filled.get("/scores").json()
    rows = [row for row in page["items"] if row["subject"] == "0571-001"]
    assert {row["scale"] for row in rows} >= {"QL", "PF", "SUM"}
    pf = next(row for row in rows if row["scale"] == "PF")
    assert (pf["visit"], pf["status"], pf["answered"]) == ("BL", "complete", 5)
    assert float(pf["value"]) == pytest.approx(66.6666666667)
    first = filled.get("/scores", limit=1).json()
    rest = filled.get("/scores", after=first["through"]).json()
    assert first["complete"] is False
    assert first["items"] + rest["items"] == page["items"]
    lines = filled.get("/scores", headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == page["items"]
    assert filled.get("/scores", feed="other").status_code == 409


def test_an_assessment_keeps_its_versions(app: FastAPI, filled: Edc, clock: Clock) -> None:
    event = filled.changes(type="assessment.completed")[0]
    path = f"/assessments/{event['ref']}"
    now, version = filled.get(path), filled.get(f"{path}/versions/{event['version']}")
    assert now.json() == version.json() == event
    assert now.headers["etag"] == filled.get(path).headers["etag"]
    for absent in (f"{path}/versions/99", "/assessments/abcdefgh1234"):
        assert filled.get(absent).json()["type"] == "/problems/unknown-assessment"
    participant = filled.changes(type="participant.created")[0]["ref"]
    assert filled.get(f"/assessments/{participant}").status_code == 404
    limited = sign_in_edc(app, clock.at, READS, ["0512"])
    assert limited.get(path).status_code == 404


def test_the_study_and_the_client_tell_of_themselves(filled: Edc) -> None:
    study, me = filled.get(f"/studies/{STUDY}").json(), filled.get("/whoami").json()
    assert (study["zone"], study["arms"]) == ("Asia/Shanghai", ["SBRT", "SOC"])
    assert {used["id"] for used in study["instruments"]} == {"qlq-c30", "symptom-diary"}
    assert (me["client"], me["study"], me["sites"]) == (filled.client.client_id, STUDY, None)
    assert filled.get("/studies/other-study").status_code == 404


def test_the_newest_seal_goes_with_every_pull(app: FastAPI, filled: Edc, clock: Clock) -> None:
    installation: Installation = app.state.installation
    seal = DaySeal(study_id=1, sealed_on="2026-03-01", chains=3, hash="a" * 64, sealed_at=clock.at)
    with installation.open_work(CLOCK, clock.at) as work:
        work.session.add(seal)
    seal_body = {"day": "2026-03-01", "chains": 3, "hash": "a" * 64}
    assert filled.get("/changes").json()["audit_head"] == seal_body
    lines = filled.get("/changes", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["x-audit-head"] == "a" * 64


@pytest.mark.req("EDC-05", "EDC-08")
def test_every_pull_is_noted_and_nothing_is_taken_away(app: FastAPI, filled: Edc) -> None:
    first = filled.get("/changes", limit=5).json()
    filled.get("/snapshot")
    again = filled.get("/changes", limit=5).json()
    assert again == first
    filled.get("/changes", after=filled.head())
    installation: Installation = app.state.installation
    with installation.read() as session:
        noted = session.exec(select(Transfer)).all()
    rows = [(row.resource, row.after, row.through) for row in noted]
    head = filled.head()
    assert rows == [("changes", 0, 5), ("snapshot", 0, head), ("changes", 0, 5)]
    assert noted[0].sha256 == first["items"][-1]["hash"]
    assert noted[0].rows == 5


@pytest.mark.parametrize(
    "query",
    [
        {"after": -1},
        {"limit": 0},
        {"limit": 1001},
        {"wait": 31},
        {"type": "x' OR 1"},
        {"feed": "a b"},
        {"depth": 1},
    ],
)
def test_a_query_that_is_not_as_allowed_is_refused(edc: Edc, query: dict[str, str | int]) -> None:
    headers = {"Authorization": f"Bearer {edc.token}"}
    answer = edc.http.get("/api/edc/v1/changes", params=query, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == next(iter(query))
