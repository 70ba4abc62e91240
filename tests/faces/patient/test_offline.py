"""What a phone may keep to open a form without a connection, and who gets the worker that keeps it."""

import gzip
import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from tests.applications import Clock, open_browser
from tests.faces.offline import VERSION, enrol_with_link, offline_app, write_definitions
from tests.faces.participant_browsers import Phone, event
from tests.markup import parse_page
from tests.meta.sources import ROOT
from tests.scenarios.people import START
from tests.scenarios.site_hours import keep_hours

STATIC = ROOT / "app" / "static" / "js"


@pytest.fixture
def offline(sqlite_template: Path, tmp_path: Path) -> FastAPI:
    """The application with a study that opens forms without a connection."""
    own = shutil.copyfile(sqlite_template, tmp_path / "offline.sqlite3")
    return offline_app(f"sqlite:///{own}", Clock(START), write_definitions(tmp_path))


@pytest.fixture
def taking_part(offline: FastAPI) -> Phone:
    """Somebody of that study, with a bound browser."""
    phone = enrol_with_link(offline)
    phone.activate()
    return phone


def worker(client: TestClient) -> str:
    answer = client.get("/sw.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    return answer.text


@pytest.mark.req("OFF-03", "OFF-06")
def test_a_blank_form_holds_nothing_of_anybody(taking_part: Phone) -> None:
    slot = taking_part.begin()
    assert taking_part.save(slot, event(1, "q1", 3), event(2, "q2", 4)).status_code == 204
    answer = taking_part.client.get(f"/f/{slot}/blank")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    page = parse_page(answer.text)
    taking_part.person.randomise(START.date(), START)
    diary = taking_part.begin("D0")  # where an answer can be urgent
    assert taking_part.call_numbers(f"/f/{diary}/blank") == ["tel:05715550000"]
    keep_hours(taking_part.person, "120", mon="20:00-21:00")  # it is kept for any hour: both numbers
    assert taking_part.call_numbers(f"/f/{diary}/blank") == ["tel:120", "tel:05715550000"]
    assert "urgent" not in {each.get("id") for each in page.all("div")}
    assert page.all("input", checked="") == []
    assert page.one("input", name="revision")["value"] == "0"
    assert len(page.all("section", class_="q")) == 30
    assert "Answers you sent earlier are safe" in page.one("main").text
    text = answer.text + str(answer.headers)
    assert taking_part.person.subject not in text
    assert taking_part.person.row().public_id not in text
    form = taking_part.client.get(f"/f/{slot}")
    assert form.headers["content-security-policy"] == answer.headers["content-security-policy"]
    assert "Answers you sent earlier" not in form.text


def test_only_begun_answerable_forms_are_cached(offline: FastAPI, taking_part: Phone) -> None:
    blank = f"/f/{taking_part.slot()}/blank"
    assert taking_part.client.get(blank).status_code == 404
    slot = taking_part.begin()
    assert taking_part.client.get(blank).status_code == 200
    assert taking_part.client.get("/f/nobodys/blank").status_code == 404
    assert open_browser(offline).get(blank).status_code == 401
    assert taking_part.send(slot).status_code == 303
    assert taking_part.client.get(blank).status_code == 404


def test_the_page_for_no_connection_brings_its_look_along(taking_part: Phone) -> None:
    answer = taking_part.client.get("/offline")
    page = parse_page(answer.text)
    assert "set-cookie" not in answer.headers
    assert page.all("link") == []
    assert "sha256-" in answer.headers["content-security-policy"]
    assert "No connection" in page.one("title").text
    assert page.one("h1").text == "No connection"
    assert taking_part.person.subject not in answer.text


def test_a_phone_gets_the_worker_unless_the_study_does_not_want_it(
    app: FastAPI, phone: Phone, sqlite_template: Path, tmp_path: Path
) -> None:
    taking_part = phone  # the plan that ships says nothing of it
    own, folder = tmp_path / "own.sqlite3", write_definitions(tmp_path, "opens_offline = false")
    phone = enrol_with_link(
        offline_app(f"sqlite:///{shutil.copyfile(sqlite_template, own)}", Clock(START), folder)
    )
    phone.activate()
    worker_script = (STATIC / "sw.js").read_text("utf-8")
    removing = (STATIC / "sw-off.js").read_text("utf-8")
    assert worker(taking_part.client) == worker_script
    assert "js/register.js" in taking_part.client.get("/home").text
    assert worker(phone.client) == worker(open_browser(app)) == removing
    assert "js/register.js" not in phone.client.get("/home").text
    slot = phone.begin()
    assert [phone.client.get(path).status_code for path in (f"/f/{slot}/blank", "/offline")] == [404, 404]
    assert taking_part.client.post("/settings/leave").status_code == 303
    assert worker(taking_part.client) == removing


def test_without_an_outbox_nothing_opens_offline(migrated_sqlite_url: str, tmp_path: Path) -> None:
    without = ("outbox = false", "opens_offline = true\noutbox = false")
    plans = [write_definitions(tmp_path / str(index), settings) for index, settings in enumerate(without)]
    read = [load_library(folder, LANGUAGE_CODES).get_plan("sbrt-nsclc", VERSION) for folder in plans]
    assert [plan.opens_offline for plan in read] == [False, True]
    phone = enrol_with_link(offline_app(migrated_sqlite_url, Clock(START), plans[1]))
    phone.activate()
    assert worker(phone.client) == (STATIC / "sw-off.js").read_text("utf-8")


@pytest.mark.parametrize(("name", "most"), [("sw.js", 1500), ("sw-off.js", 400), ("register.js", 400)])
def test_the_scripts_are_small(name: str, most: int) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes(), 9)) <= most
