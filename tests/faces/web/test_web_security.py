"""Headers, origins, sizes, errors and logs."""

import io
import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from app.domain.refusal import Refused
from app.main import BODY_LIMIT
from app.web.middleware.logs import configure_logging
from tests.applications import Clock, open_browser
from tests.markup import parse_page

EXPECTED = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Body(BaseModel):
    number: int


def broken() -> None:
    raise ValueError("the seventh answer is three")


def streamed() -> StreamingResponse:
    return StreamingResponse(iter([b"line\n"] * 200), media_type="application/json")


def typed(body: Body, page: int = 1) -> dict[str, int]:
    return {"number": body.number + page}


def throttled(minutes: int = 0) -> None:
    raise Refused("throttled", until=Clock().at + timedelta(minutes=minutes) if minutes else None)


def closed() -> None:
    raise Refused("window_closed", day=date(2026, 3, 5))


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """The application with a few routes that fail in the ways that faces can."""
    for prefix in ("/try", "/api/try"):
        app.add_api_route(f"{prefix}/broken", broken)
        app.add_api_route(f"{prefix}/typed", typed, methods=["POST"])
        app.add_api_route(f"{prefix}/streamed", streamed)
        app.add_api_route(f"{prefix}/throttled", throttled)
        app.add_api_route(f"{prefix}/closed", closed)
    return app


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    configure_logging()


@pytest.mark.req("SEC-02")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nope"),
        ("DELETE", "/about"),
        ("GET", "/try/broken"),
        ("GET", "/api/try/broken"),
    ],
)
def test_every_response_carries_the_headers(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in answer.headers


@pytest.mark.req("SEC-04")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://testserver"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://testserver"}, 303),
        ({}, 303),
    ],
)
def test_another_site_cannot_change_anything(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/language", data={"lang": "en"}, headers=headers).status_code == status


def test_the_api_knows_no_cookies_and_asks_for_no_origin(client: TestClient) -> None:
    answer = client.post("/api/try/typed", json={"number": 1}, headers={"origin": "https://edc.example"})
    assert answer.json() == {"number": 2}


@pytest.mark.req("SEC-10")
def test_a_body_has_a_limit_announced_or_not(client: TestClient) -> None:
    whole = client.post("/language", content=b"x" * (BODY_LIMIT + 1))
    parts = client.post("/api/try/typed", content=(b"x" * 100_000 for _ in range(11)))
    odd = client.post("/language", content=b"x", headers={"content-length": "-1"})
    assert [each.status_code for each in (whole, parts, odd)] == [413, 413, 413]
    assert parts.json()["type"] == "/problems/too-large"


@pytest.mark.req("SEC-11")
def test_a_failure_tells_an_id_and_nothing_else(client: TestClient, lines: io.StringIO) -> None:
    page, machine = client.get("/try/broken"), client.get("/api/try/broken?token=s3cret")
    assert (page.status_code, machine.status_code) == (500, 500)
    assert "seventh answer" not in page.text + machine.text + lines.getvalue()
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    requests_by_id = {line["id"]: line for line in logged if line["event"] == "request"}
    assert machine.json()["instance"] in requests_by_id
    assert any(reference in parse_page(page.text).one("main").text for reference in requests_by_id)


def test_the_log_names_routes_and_no_addresses(client: TestClient, lines: io.StringIO) -> None:
    client.get("/static/abcdef/css/daybook.css?token=s3cret", headers={"cookie": "a=s3cret"})
    client.get("/a/s3cret")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines() if '"request"' in line)
    assert (first["route"], first["status"]) == ("/static/{digest}/{name:path}", 200)
    assert (second["route"], second["status"]) == ("/a/{link}", 404)
    assert "s3cret" not in lines.getvalue()
    assert "abcdef" not in lines.getvalue()


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_machines(client: TestClient) -> None:
    page, machine = client.get("/nope"), client.get("/api/edc/v1/nope")
    assert parse_page(page.text).one("h1").text == "Page not found"
    assert machine.headers["content-type"] == "application/problem+json"
    assert machine.json() == {"type": "/problems/not-found", "title": "Not Found", "status": 404}


def test_a_wrong_method_says_so_in_the_reader_s_words(client: TestClient) -> None:
    answer = client.request("DELETE", "/about")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_wrong_fields_are_named_and_never_repeated(client: TestClient) -> None:
    page = client.post("/try/typed?page=s3cret", json={"number": "s3cret"})
    machine = client.post("/api/try/typed?page=s3cret", json={"number": "s3cret"})
    assert (page.status_code, machine.status_code) == (422, 422)
    assert "s3cret" not in page.text + machine.text
    assert "page, number" in parse_page(page.text).one("main").text
    places = [(each.get("pointer"), each.get("parameter")) for each in machine.json()["errors"]]
    assert places == [(None, "page"), ("/number", None)]


@pytest.mark.parametrize("body", [b"{", b'{"number": "\xff"}', b""])
def test_a_body_that_is_no_json_is_a_problem_too(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/try/typed", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stream_passes_as_it_comes(app: FastAPI) -> None:
    answer = open_browser(app, accept_encoding="br").get("/api/try/streamed")
    assert "content-encoding" not in answer.headers
    assert answer.text == "line\n" * 200


@pytest.mark.parametrize("path", ["/try/throttled", "/api/try/throttled"])
def test_a_throttled_caller_learns_when_to_come_again(client: TestClient, path: str) -> None:
    answer = client.get(path, params={"minutes": 10})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    assert "retry-after" not in client.get(path).headers


def test_a_refusal_reads_as_people_write_and_as_machines_parse(client: TestClient) -> None:
    page = client.get("/try/closed", headers={"accept-language": "zh-CN"})
    assert "2026年3月5日星期四" in parse_page(page.text).one("main").text
    machine = client.get("/api/try/closed").json()
    assert (machine["status"], machine["code"], machine["day"]) == (409, "window_closed", "2026-03-05")
