"""Tags on the EDC's face: they change exactly when what is served does, on each database."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from app.domain.records.access import Scope
from app.edc.rate_limit import RateLimits
from app.storage.tables.edc import Transfer
from app.storage.tables.studies import Site
from tests.applications import Clock, application
from tests.faces.edc_caller import (
    AS_OF,
    BODIES,
    CODINGS,
    REGISTER,
    Edc,
    count_trail,
    enrol_with_baseline,
    later_as_of,
    sign_in_edc,
)
from tests.faces.edc_stages import edc_stage
from tests.scenarios.people import enrol_person, with_short_diary
from tests.stages import Stage

PARTS = ("", "/status", "/arm", "/anchors/randomisation", "/visits/W6")
"""What the EDC writes to, below a participant."""
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def app(migrated_url: str, clock: Clock) -> Iterator[FastAPI]:
    """On each database: what a tag is computed from is read back from it."""
    installation = application(migrated_url, clock)
    installation.state.edc_limits = RateLimits(quota=1_000_000)
    yield installation
    installation.state.installation.engine.dispose()


def _fill(_app: FastAPI, edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    for part, body in BODIES.items():
        assert edc.put(f"/participants/0571-101{part}", {**body, "as_of": AS_OF}).status_code == 201


FILLED = edc_stage(_fill)


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return FILLED if "filled" in request.fixturenames else stage


@pytest.fixture
def filled(edc: Edc) -> Edc:
    """A participant of whom the EDC has told everything."""
    return edc


ACTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "chinese": ("", {key: value for key, value in REGISTER.items() if key != "as_of"}),
    "english": ("", {"site": "0571", "language": "en", "reference_date": "2026-03-02"}),
    "arm": ("/arm", {"arm": "SBRT"}),
    "other arm": ("/arm", {"arm": "SOC"}),
    "randomised": ("/anchors/randomisation", {"date": "2026-03-02"}),
    "at an instant": ("/anchors/randomisation", {"date": "2026-03-02", "at": "2026-03-02T01:15:00.5Z"}),
    "planned": ("/visits/W6", {"state": "planned", "date": "2026-04-13"}),
    "cancelled": ("/visits/W6", {"state": "cancelled"}),
    "treatment": ("/status", {"status": "withdrawn", "scope": "treatment", "date": "2026-03-02"}),
    "lost": ("/status", {"status": "lost", "date": "2026-03-02"}),
    "death": ("/status", {"status": "died", "date": "2026-03"}),
}
SUBJECTS = itertools.count(200)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=6),
    by_site=st.booleans(),
    coding=st.sampled_from(CODINGS),
)
def test_a_tag_changes_exactly_when_the_representation_does(
    edc: Edc,
    app: FastAPI,
    sites: tuple[Site, Site],
    clock: Clock,
    acts: list[str],
    by_site: bool,
    coding: str,
) -> None:
    """And what GET served, sent back under its tag, is accepted and changes nothing, before and after."""
    app.state.installation = with_short_diary(app.state.installation)
    edc.renew()
    subject = f"/participants/0571-{next(SUBJECTS)}"
    if by_site:
        enrol_person(app.state.installation, sites[0], subject.removeprefix("/participants/"))
    else:
        assert edc.put(subject, REGISTER).status_code == 201
    take_back(app, edc, subject, coding)
    before = {part: edc.get(f"{subject}{part}", PLAIN) for part in PARTS}
    for act in acts:
        clock.forward(seconds=1)
        part, body = ACTS[act]
        tag = before[part].headers["etag"]
        did = edc.put(f"{subject}{part}", {**body, "as_of": clock.at.isoformat()}, {**PLAIN, "If-Match": tag})
        after = {part: edc.get(f"{subject}{part}", PLAIN) for part in PARTS}
        for each in PARTS:
            same_tag = after[each].headers["etag"] == before[each].headers["etag"]
            assert same_tag is (after[each].content == before[each].content), (act, each)
        if did.status_code in (200, 201):
            assert did.headers["etag"] == after[part].headers["etag"]
            assert did.json()["version"] == after[part].json()["version"]
            assert edc.put(f"{subject}{part}", {**body, "as_of": AS_OF}, {"If-Match": tag}).status_code in (
                (200,) if act == "death" else (409, 412)
            )
        before = after
    take_back(app, edc, subject, coding)


@pytest.mark.parametrize("coding", CODINGS)
def test_what_was_served_is_accepted_under_its_tag_in_any_coding(
    filled: Edc, app: FastAPI, coding: str
) -> None:
    before = filled.get("/participants/0571-101/arm", {"Accept-Encoding": coding}).content
    take_back(app, filled, "/participants/0571-101", coding)
    assert filled.get("/participants/0571-101/arm", {"Accept-Encoding": coding}).content == before


def take_back(app: FastAPI, edc: Edc, subject: str, coding: str) -> None:
    """Send back what is served, under its tag."""
    before = count_trail(app), edc.head()
    for part in PARTS:
        seen = edc.get(f"{subject}{part}", {"Accept-Encoding": coding})
        headers = {"Accept-Encoding": coding, "If-Match": seen.headers["etag"]}
        done = edc.put(f"{subject}{part}", seen.json(), headers)
        assert (done.status_code, done.json()["changed"]) == (200, False), (part, done.text)
        assert done.headers["etag"] == seen.headers["etag"]
        assert done.json()["version"] == seen.json()["version"]
        assert edc.get(f"{subject}{part}", {"Accept-Encoding": coding}).content == seen.content
    assert (count_trail(app), edc.head()) == before


def test_time_alone_changes_nothing_that_can_be_put(filled: Edc, clock: Clock) -> None:
    """The state of a form, which it does change, stands at an address of its own."""
    before = {part: filled.get(f"/participants/0571-101{part}").headers["etag"] for part in PARTS}
    form = filled.get("/participants/0571-101/visits/W6/forms")
    clock.forward(days=42)
    filled.renew()
    assert {part: filled.get(f"/participants/0571-101{part}").headers["etag"] for part in PARTS} == before
    later_form = filled.get("/participants/0571-101/visits/W6/forms")
    assert (form.json()["forms"][0]["status"], later_form.json()["forms"][0]["status"]) == ("planned", "due")
    assert form.headers["etag"] != later_form.headers["etag"]


def test_a_tag_that_was_read_before_other_parts_changed_is_out_of_date(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    current = edc.get("/participants/0571-101")
    for part, body in {**BODIES, "/status": {"status": "died", "date": "2026-03"}}.items():
        edc.put(f"/participants/0571-101{part}", {**body, "as_of": AS_OF})
        answer = edc.get("/participants/0571-101", {"If-None-Match": current.headers["etag"]})
        if part == "/visits/W6":  # which the participant's representation does not show
            assert answer.status_code == 304
            continue
        assert answer.status_code == 200
        assert answer.json() != current.json()
        current = answer


def test_a_member_that_only_a_get_serves_cannot_be_set(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    served = edc.get("/participants/0571-101").json()
    assert (
        edc.put(
            "/participants/0571-101", {**served, "language": "en", "as_of": later_as_of(hours=1)}
        ).status_code
        == 200
    )
    served = edc.get("/participants/0571-101").json()
    refused = edc.put("/participants/0571-101", {**served, "zone": "UTC", "as_of": later_as_of(hours=2)})
    assert (refused.status_code, refused.json()["code"]) == (422, "read_only")
    assert refused.json()["errors"][0]["pointer"] == "/zone"
    assert edc.put("/participants/0571-102", {**REGISTER, "version": 7}).status_code == 422


@pytest.mark.parametrize("part", PARTS)
def test_an_empty_member_is_taken_only_as_it_was_served(edc: Edc, part: str) -> None:
    edc.put("/participants/0571-101", REGISTER)
    body = {**(REGISTER if not part else BODIES[part]), "as_of": None}
    refused = edc.put(f"/participants/0571-101{part}", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/as_of")
    assert edc.put("/participants/0571-109", {**REGISTER, "as_of": None}).status_code == 404


def test_a_stale_tag_is_refused_before_the_first_body(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    served = edc.get("/participants/0571-101/arm").json()
    assert edc.put("/participants/0571-101/arm", served, {"If-Match": '"1"'}).status_code == 412


BULK = ("/changes", "/scores", "/snapshot")
LINES = "application/x-ndjson"
ANY_JSON = "application/json, */*;q=0.1"


@pytest.fixture
def answered_form(filled: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock) -> Edc:
    """A feed in which somebody has sent a form, so that there are scores."""
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    return filled


def transfers(app: FastAPI) -> int:
    with app.state.installation.read() as session:
        return int(session.exec(select(func.count()).select_from(Transfer)).one())


def test_unchanged_bulk_data_gets_304(answered_form: Edc, app: FastAPI) -> None:
    edc, names = answered_form, ("etag", "vary", "cache-control", "x-through", "x-head", "link")
    for path, coding, accept in itertools.product(BULK, ("identity", "gzip"), (ANY_JSON, LINES)):
        headers = {"Accept-Encoding": coding, "Accept": accept}
        first = edc.get(path, headers)
        assert (first.status_code, first.headers.get("content-encoding", "identity")) == (200, coding)
        tag, before = first.headers["etag"], transfers(app)
        again = edc.get(path, {**headers, "If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b""), (path, coding, accept)
        assert [again.headers.get(name) for name in names] == [first.headers.get(name) for name in names]
        assert transfers(app) == before
        assert "no-transform" in first.headers["cache-control"]


def test_a_head_of_bulk_data_has_the_headers_of_its_get(answered_form: Edc, app: FastAPI) -> None:
    edc = answered_form
    for path in BULK:
        before = transfers(app)
        answer = edc.http.head(f"/api/edc/v1{path}", headers=edc._headers(PLAIN))
        assert (answer.status_code, answer.content, transfers(app)) == (200, b"", before), path
        plain = edc.get(path, PLAIN)
        for name in ("etag", "vary", "cache-control", "content-type", "x-through", "x-head", "link"):
            assert answer.headers.get(name) == plain.headers.get(name), path


def test_the_tag_of_bulk_data_tells_coding_and_content(
    answered_form: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock
) -> None:
    edc, bodies = answered_form, {}
    for path in BULK:
        plain, packed = (edc.get(path, {"Accept-Encoding": each}) for each in ("identity", "gzip"))
        assert plain.content == packed.content, path
        assert plain.headers["etag"] != packed.headers["etag"], path
        assert edc.get(path, {**PLAIN, "If-None-Match": packed.headers["etag"]}).status_code == 200
        assert edc.get(path, {**PLAIN, "If-Match": packed.headers["etag"]}).status_code == 200
        assert edc.get(path, {**PLAIN, "If-Match": '"other"'}).status_code == 412
        bodies[path] = plain
    enrol_with_baseline(app, sites[0], "0571-002", clock.at)
    for path, plain in bodies.items():
        later_one = edc.get(path, {**PLAIN, "If-None-Match": plain.headers["etag"]})
        assert (later_one.status_code, later_one.content != plain.content) == (200, True), path
        assert later_one.headers["etag"] != plain.headers["etag"], path


def test_what_a_client_may_not_see_is_tagged_otherwise(
    answered_form: Edc, app: FastAPI, clock: Clock
) -> None:
    reader = sign_in_edc(app, clock.at, [Scope.SCORES_READ], ["0571"])
    for path in ("/changes", "/snapshot"):
        whole, part = answered_form.get(path, PLAIN), reader.get(path, PLAIN)
        assert part.content != whole.content, path
        assert part.headers["etag"] != whole.headers["etag"], path


def test_what_was_served_of_a_part_that_nobody_stated_is_accepted_and_changes_nothing(
    edc: Edc, app: FastAPI
) -> None:
    assert edc.put("/participants/0571-102", REGISTER).status_code == 201
    before = {part: edc.get(f"/participants/0571-102{part}").content for part in PARTS}
    take_back(app, edc, "/participants/0571-102", CODINGS[0])
    assert {part: edc.get(f"/participants/0571-102{part}").content for part in PARTS} == before
