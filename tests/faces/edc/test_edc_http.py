"""The laws of HTTP on the EDC's face: tags, conditions, HEAD, methods, media types, repeated members."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from app.domain.refusal import Refused
from app.edc.rate_limit import RateLimits
from app.edc.strict_route import find_repeated_members
from app.jobs.export_rounds import make_exports
from app.storage.tables.studies import Site
from app.web.errors import refusal_response
from app.web.middleware.head import HeadRequests
from app.web.middleware.negotiation import choose_coding, select_type
from app.web.permissions import ROUTES
from app.web.problems import RESERVED, problem_response
from app.web.refusal_messages import MESSAGES
from app.web.urls import EDC as BASE
from tests.applications import Clock, open_browser, untouched_application
from tests.coroutines import run_apart
from tests.faces.edc_caller import (
    AS_OF,
    BODIES,
    CODINGS,
    REGISTER,
    STUDY,
    Edc,
    count_trail,
    enrol_with_baseline,
)


@pytest.fixture
def filled(app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock) -> Edc:
    """Every resource of the face with something to serve."""
    app.state.edc_limits = RateLimits(quota=1_000_000)
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    edc.put("/participants/0571-101", REGISTER)
    edc.post("/cuts", {"name": "IA1", "purpose": "interim"})
    edc.post("/exports", EXPORT)
    make_exports(app.state.installation, clock, lambda: False)
    for part, body in BODIES.items():
        assert edc.put(f"/participants/0571-101{part}", {**body, "as_of": AS_OF}).status_code == 201
    return edc


def resources(edc: Edc) -> dict[str, str]:
    """Each GET route of the face by its declared path, with a real address."""
    ref = edc.changes(type="assessment.completed")[0]["ref"]
    places = {"subject": "0571-101", "visit": "W6", "kind": "randomisation", "study": STUDY, "version": "1"}
    places |= {"cut": "IA1", "dataset": "dm", "file": "dm.csv"}
    places["export"] = edc.get("/exports").json()["items"][0]["id"]
    declared = [path for method, path in ROUTES if method == "GET" and path.startswith(BASE)]
    filled = {
        path: re.sub(r"\{(\w+)\}", lambda name: {**places, "assessment": ref}[name[1]], path)
        for path in declared
    }
    filled[f"{BASE}/cuts/{{cut}}/changes"] += "?since=IA1&purpose=interim"
    filled[f"{BASE}/datasets/{{dataset}}"] += "?cut=IA1&purpose=interim"
    return {path: address.removeprefix(BASE) for path, address in filled.items()}


EXPORT = {"cut": "IA1", "purpose": "interim", "formats": ["csv"]}
BULK = {f"{BASE}/{name}" for name in ("changes", "snapshot", "scores", "cuts/{cut}/changes")}
FILES = {f"{BASE}/{name}" for name in ("datasets/{dataset}", "exports/{export}/files/{file}")}
BULK |= FILES
"""Packed by gzip alone, and tagged by rules of their own: see `test_edc_tags`."""


def test_every_resource_has_a_tag_for_each_coding(filled: Edc) -> None:
    sizes = set()
    for path in (address for declared, address in resources(filled).items() if declared not in BULK):
        served = {coding: filled.get(path, {"Accept-Encoding": coding}) for coding in CODINGS}
        assert {answer.status_code for answer in served.values()} == {200}, path
        assert len({answer.content for answer in served.values()}) == 1, path
        coded = len(served["identity"].content) >= 500
        sizes.add(coded)
        assert len({answer.headers["etag"] for answer in served.values()}) == (3 if coded else 1), path
        for coding, answer in served.items():
            assert answer.headers.get("content-encoding", "identity") == (coding if coded else "identity")
            assert "accept-encoding" in answer.headers["vary"].lower()
            tag = answer.headers["etag"]
            again = filled.get(path, {"Accept-Encoding": coding, "If-None-Match": f'"x", W/{tag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            assert filled.get(path, {"Accept-Encoding": coding, "If-Match": tag}).status_code == 200
        assert filled.get(path, {"If-Match": '"1"'}).status_code == 412
    assert sizes == {True, False}, "some are worth packing and some are not"


def test_head_is_get_without_its_body(app: FastAPI, filled: Edc) -> None:
    """Nothing is handed over by it, so that no transfer is noted."""
    for declared, path in resources(filled).items():
        for coding in CODINGS:
            got = filled.get(path, {"Accept-Encoding": coding})
            before = count_trail(app)
            headers = {"Authorization": f"Bearer {filled.token}", "Accept-Encoding": coding}
            head = filled.http.head(f"{BASE}{path}", headers=headers)
            assert (head.status_code, head.content) == (200, b""), path
            assert _lasting(head) == _lasting(got), declared
            assert count_trail(app) == before


def _lasting(answer: Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("x-request-id", "ratelimit", "transfer-encoding")
    }


def test_head_answers_wherever_get_does(app: FastAPI) -> None:
    guest = open_browser(app)
    for method, path in ROUTES:
        address = re.sub(r"\{[^}]+\}", "x", path)
        if method == "GET":
            got, head = guest.get(address), guest.head(address)
            assert (head.status_code, head.content) == (got.status_code, b""), path


def test_no_byte_of_a_body_reaches_the_server_after_head() -> None:
    """Asked without a client, which would drop the body by itself."""
    passed: list[Message] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body"})

    async def send(message: Message) -> None:
        passed.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    run_apart(HeadRequests(app)({"type": "http", "method": "HEAD"}, receive, send))
    assert [message.get("body", b"") for message in passed] == [b"", b""]
    assert passed[0]["headers"] == [(b"content-length", b"4")]


def test_a_method_that_is_not_taken_names_those_that_are(app: FastAPI) -> None:
    guest = open_browser(app)
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    for address in {re.sub(r"\{[^}]+\}", "x", path) for _method, path in ROUTES}:
        answers = {method: guest.request(method, address) for method in methods}
        taken = {method for method, answer in answers.items() if answer.status_code != 405}
        for method in set(methods) - taken:
            assert set(answers[method].headers["allow"].split(", ")) == taken, (method, address)


@pytest.mark.parametrize(
    "accept", ["*/*;q=0", "application/json;q=0, application/x-ndjson;q=0.0", "*/*; Q=0.000"]
)
def test_unacceptable_media_types_get_406(filled: Edc, accept: str) -> None:
    for declared, path in resources(filled).items():
        if "*" not in accept and declared in FILES:
            continue  # which are there in other types too
        answer = filled.get(path, {"Accept": accept})
        assert (answer.status_code, answer.json()["type"]) == (406, "/problems/no-acceptable-type")
        assert answer.json()["allowed"]
        assert filled.get(path, {"Accept": "text/html"}).status_code == 200
    token = filled.http.post(f"{BASE}/oauth/token", headers={"Accept": accept})
    assert token.status_code == 406


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "a/j"),
        ("*/*", "a/j"),
        ("a/n", "a/n"),
        ("a/n, a/j", "a/j"),
        ("a/n, */*;q=0.5", "a/n"),
        ("a/j;q=0.4, a/n;q=0.5", "a/n"),
        ("a/j;q=0", "a/n"),
        ("a/*;q=0, a/n", "a/n"),
        ("a/j;v=1;q=0, a/n;q=0", None),
        ("text/html, a/j;q=0", "a/n"),
        ("a/n;q=2", "a/j"),
        ("text/*", "a/j"),
    ],
)
def test_the_preferred_type_is_served(accept: str, chosen: str | None) -> None:
    assert select_type(accept, ("a/j", "a/n")) == chosen


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (b"gzip, br", "br"),
        (b"gzip;q=0.5", "gzip"),
        (b"br;q=0.000, gzip", "gzip"),
        (b"gzip;q=0", None),
        (b"\xff", None),
    ],
)
def test_a_coding_that_is_refused_is_not_used(accept: bytes, chosen: str | None) -> None:
    assert choose_coding(accept) == chosen


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ('{"site":"0571","site":"0512"}', ["/site"]),
        ('{"s\\u0069te":"0571","site":"0571","as_of":1,"as_of":1}', ["/site", "/as_of"]),
        ('{"anchors":[{"a":{"b/~":1,"b/~":2}}]}', ["/anchors/0/a/b~1~0"]),
    ],
)
def test_a_member_that_stands_twice_is_named(edc: Edc, body: str, places: list[str]) -> None:
    headers = {"Authorization": f"Bearer {edc.token}", "Content-Type": "application/json"}
    answer = edc.http.put(f"{BASE}/participants/0571-101", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/validation")
    assert [error["pointer"] for error in answer.json()["errors"]] == places
    assert edc.get("/participants/0571-101").status_code == 404


@given(
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_document_without_repetition_has_none(document: object) -> None:
    assert find_repeated_members(json.dumps(document).encode()) == []


def test_invalid_json_is_refused_by_every_reader() -> None:
    assert (
        find_repeated_members(b"{")
        == find_repeated_members(b"[" * 100_000)
        == find_repeated_members(b"\xff")
        == []
    )


@given(st.dictionaries(st.sampled_from(sorted(RESERVED)) | st.text(), st.text(), max_size=6))
def test_extensions_never_replace_reserved_members(more: dict[str, str]) -> None:
    body = json.loads(bytes(problem_response("x", 418, "T", "D", more=more, instance="I").body))
    members = {"type": "/problems/x", "title": "T", "status": 418, "detail": "D", "instance": "I"}
    assert body == {**{name: value for name, value in more.items() if name not in RESERVED}, **members}


@pytest.fixture(scope="session")
def untouched(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with untouched_application(sqlite_template, tmp_path_factory.mktemp("edc")) as app:
        yield app


@pytest.mark.parametrize("code", MESSAGES)
def test_every_refusal_keeps_the_members_of_its_problem(untouched: FastAPI, code: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{BASE}/x",
        "headers": [],
        "app": untouched,
        "query_string": b"",
    }
    details = dict.fromkeys(RESERVED, "overwritten")
    answer = refusal_response(Request(scope), Refused(code, **details))
    assert b"overwritten" not in bytes(answer.body) or MESSAGES[code].sentence.count("%(")
    assert f'"status":{answer.status_code}'.encode() in bytes(answer.body)
