"""The routes that belong to no face: start, about, language, health, static files."""

import brotli
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.web.urls import DEVICE_COOKIE, PATIENT_HOME
from tests.applications import Clock, application, open_browser
from tests.markup import parse_page


def test_the_start_page_asks_for_a_code_and_shows_the_door_for_staff(client: TestClient) -> None:
    answer = client.get("/")
    page = parse_page(answer.text)
    assert answer.status_code == 200
    assert page.one("input", name="code")["id"] == page.one("label")["for"]
    assert page.one("html")["lang"] == "en"
    assert "Demonstration" in page.one("aside", class_="demo").text


def test_a_bound_phone_goes_straight_home(client: TestClient) -> None:
    client.cookies.set(f"__Host-{DEVICE_COOKIE}", "anything")
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, PATIENT_HOME)


@pytest.mark.req("VAL-06")
def test_about_names_the_version_and_whose_words_the_questionnaires_are(
    app: FastAPI, client: TestClient
) -> None:
    app.state.commit = "abc123"
    words = parse_page(client.get("/about").text).one("main").text
    assert app.version in words
    assert "abc123" in words
    assert "QLQ-C30 3.0, QLQ-LC13 1.0, Symptom diary 1.0, Symptom diary 1.1" in words
    assert "PRO-CTCAE, QLQ-C30, QLQ-LC13 and their official wording are copyright of their owners" in words
    chinese = parse_page(client.get("/about", headers={"Accept-Language": "zh-CN"}).text).one("main").text
    assert "QLQ-C30 3.0" in chinese
    assert "症状日记 1.1" in chinese
    for instrument in app.state.installation.library.instruments.values():
        assert not any(f"{instrument.id} {instrument.version}" in said for said in (words, chinese))


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-TW", "en"),
        ("de,zh-SG;q=0.2", "zh-Hans"),
        ("", "en"),
        ("x;q=y,*", "en"),
    ],
)
def test_the_language_is_what_the_browser_prefers(client: TestClient, accept: str, lang: str) -> None:
    answer = client.get("/", headers={"accept-language": accept})
    assert parse_page(answer.text).one("html")["lang"] == lang


@pytest.mark.req("SEC-03")
def test_a_chosen_language_stays_in_a_host_cookie_and_returns_to_the_page(client: TestClient) -> None:
    came_from = {"referer": "https://testserver/about?secret=1"}
    answer = client.post("/language", data={"lang": "zh_CN"}, headers=came_from)
    assert (answer.status_code, answer.headers["location"]) == (303, "/about")
    flags = set(answer.headers["set-cookie"].split("; "))
    assert flags >= {"__Host-language=zh_CN", "Secure", "HttpOnly", "SameSite=lax", "Path=/"}
    assert (
        parse_page(client.get("/", headers={"accept-language": "en"}).text).one("html")["lang"] == "zh-Hans"
    )


@pytest.mark.parametrize("referer", ["", "https://elsewhere/about", "https://testserver//evil.example/"])
def test_the_language_switch_leads_nowhere_else(client: TestClient, referer: str) -> None:
    answer = client.post("/language", data={"lang": "en"}, headers={"referer": referer})
    assert answer.headers["location"] == "/"


def test_an_unknown_language_is_refused_without_repeating_it(client: TestClient) -> None:
    answer = client.post("/language", data={"lang": "<b>tlh"})
    assert answer.status_code == 422
    assert "tlh" not in answer.text


def test_health_says_alive_and_ready_says_what_is_wrong(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["faults"]) == (503, ["clock"])


def test_static_files_are_cached_for_ever_under_their_digest(app: FastAPI, client: TestClient) -> None:
    address = app.state.frame.css_href
    answer = client.get(address, headers={"accept-encoding": "br"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "br"
    again = client.get(address, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    old = client.get("/static/000/css/daybook.css", headers={"accept-encoding": "identity"})
    assert old.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in old.headers
    assert old.text == answer.text


@pytest.mark.parametrize("name", ["nope.css", "vendor/htmx/LICENSE", "../main.py", "..%2fmain.py"])
def test_nothing_else_is_served_as_a_static_file(app: FastAPI, client: TestClient, name: str) -> None:
    assert client.get(f"{app.state.frame.static_root}/{name}").status_code == 404


def test_pages_are_compressed_as_the_browser_can_read(app: FastAPI) -> None:
    plain = open_browser(app, accept_encoding="identity").get("/about")
    packed = open_browser(app, accept_encoding="gzip, br;q=0.5").get("/about")
    zipped = open_browser(app, accept_encoding="gzip, br;q=0").get("/about")
    assert "content-encoding" not in plain.headers
    assert [each.headers["content-encoding"] for each in (packed, zipped)] == ["br", "gzip"]
    assert plain.text == packed.text == zipped.text
    assert len(brotli.compress(plain.content, quality=5)) < len(plain.content)
    assert "content-encoding" not in open_browser(app, accept_encoding="br").get("/healthz").headers


def test_a_live_installation_shows_no_demonstration_banner(migrated_sqlite_url: str) -> None:
    settings = {"DAYBOOK_MODE": "live", "DAYBOOK_KEY": "A" * 43 + "=", "DAYBOOK_TRUSTED_HOSTS": "testserver"}
    live = open_browser(application(migrated_sqlite_url, Clock(), **settings))
    assert parse_page(live.get("/").text).all("aside", class_="demo") == []
    assert live.get("/", headers={"host": "elsewhere.example"}).status_code == 400


@pytest.mark.req("SEC-03")
def test_a_demonstration_over_plain_http_works_with_clients_that_keep_no_secure_cookies(
    migrated_sqlite_url: str, clock: Clock
) -> None:
    app = application(migrated_sqlite_url, clock, DAYBOOK_PUBLIC_URL="http://127.0.0.1:8000")
    client = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)
    response = client.post("/language", data={"lang": "zh_CN"}, headers={"Origin": "http://127.0.0.1:8000"})
    flags = response.headers["set-cookie"].split("; ")
    assert "language=zh_CN" in flags
    assert "Secure" not in flags
    assert "HttpOnly" in flags
    assert '<html lang="zh-Hans"' in client.get("/about").text
