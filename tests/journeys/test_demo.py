"""`daybook demo` from the shell: made once, kept, served, and open to everybody whom it prints."""

import base64
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, Page, expect

from app.domain.plans.status import Status
from app.settings import ROOT
from tests.demonstrations import Folder, ProgramsDemonstration, folder_at
from tests.forks import Fork, fork
from tests.servers import free_port

_PATIENCE_SECONDS = 600.0
_WHOLE_PIPE = 1 << 20


@dataclass(frozen=True)
class Demonstration:
    """What the command said when it made the demonstration and when it found it, and where it is served."""

    folder: Folder
    server: Fork
    output_pipe: int
    """The pipe into which the server writes."""
    printed: str
    progress: str
    first_run: dict[str, Any]
    second_run: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.second_run["base_url"])

    def participant(self, subject: str) -> dict[str, Any]:
        return next(each for each in self.second_run["participants"] if each["subject"] == subject)


@pytest.fixture(scope="module")
def demonstration(program_demonstration: ProgramsDemonstration) -> Iterator[Demonstration]:
    folder, done = program_demonstration.folder, program_demonstration.done
    first_run = json.loads((folder.path / "made.json").read_text("utf-8"))
    port = free_port()
    words = ["-m", "app", "demo", "--port", str(port), "--json", "found.json"]
    printed, into = os.pipe()
    with (folder.path / "log").open("w") as log:
        server = fork(words, folder.environment, into, log.fileno(), lambda: os.chdir(folder.path))
    os.close(into)
    try:
        _ready(server, f"http://127.0.0.1:{port}/readyz")
        second_run = json.loads((folder.path / "found.json").read_text("utf-8"))
        yield Demonstration(folder, server, printed, done.stdout, done.stderr, first_run, second_run)
    finally:
        server.terminate()
        server.wait(_PATIENCE_SECONDS)
        os.close(printed)


def _ready(server: Fork, url: str) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(url)


def test_the_json_has_its_agreed_shape(demonstration: Demonstration) -> None:
    printed = demonstration.first_run
    assert list(printed) == ["base_url", "edc", "staff", "participants"]
    assert list(printed["edc"]) == ["client_id", "client_secret", "token_url", "study"]
    assert {tuple(each) for each in printed["staff"]} == {
        ("email", "password", "totp_secret", "role", "site")
    }
    shape = ("subject", "site", "activation_url", "pin", "state")
    assert {tuple(each) for each in printed["participants"]} == {shape}
    assert {each["state"] for each in printed["participants"]} == set(Status)
    assert (demonstration.folder.path / "made.json").stat().st_mode & 0o077 == 0


def test_everything_is_printed_for_people_too(demonstration: Demonstration) -> None:
    first_run = demonstration.first_run
    printed = [
        first_run["edc"]["client_id"],
        first_run["edc"]["client_secret"],
        first_run["edc"]["token_url"],
    ]
    printed += [each["totp_secret"] for each in first_run["staff"]]
    printed += [each["activation_url"] for each in first_run["participants"] if each["activation_url"]]
    assert all(word in demonstration.printed for word in printed)
    assert demonstration.printed.startswith("A demonstration")


def test_progress_is_shown_a_tenth_at_a_time(demonstration: Demonstration) -> None:
    heading, *lines = demonstration.progress.splitlines()
    assert heading.startswith("Making the demonstration")
    shown = [re.fullmatch(r" +(\d+) %: until (\d{4}-\d\d-\d\d)", line) for line in lines]
    assert [int(each[1]) if each else 0 for each in shown] == list(range(10, 101, 10))
    days = [each[2] for each in shown if each]
    assert days == sorted(days)
    assert "\r" not in demonstration.progress


def test_the_links_are_written_while_the_server_still_runs(demonstration: Demonstration) -> None:
    """Into a pipe, which Python would else fill first."""
    # What is in the pipe now, without waiting for what comes when the server ends.
    os.set_blocking(demonstration.output_pipe, False)
    printed = os.read(demonstration.output_pipe, _WHOLE_PIPE).decode()
    assert demonstration.server.poll() is None
    assert f"{demonstration.url}/a/" in printed


def test_a_second_run_keeps_everything(demonstration: Demonstration) -> None:
    first_run, second_run = demonstration.first_run, demonstration.second_run
    assert second_run["staff"] == first_run["staff"]
    assert second_run["edc"]["client_secret"] == first_run["edc"]["client_secret"]
    assert [_secret(each) for each in second_run["participants"]] == [
        _secret(each) for each in first_run["participants"]
    ]
    assert second_run["base_url"] != first_run["base_url"]


def _secret(participant: dict[str, Any]) -> str:
    return str(participant["activation_url"]).rsplit("/", 1)[-1]


def test_the_trail_of_the_demonstration_is_whole(demonstration: Demonstration) -> None:
    checked = demonstration.folder.run("verify-audit")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_participant_comes_in_by_the_printed_link(demonstration: Demonstration, chromium: Browser) -> None:
    with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(demonstration.participant("0571-003")["activation_url"])
        expect_demonstration(page)
        page.locator("footer button[type=submit]").last.click()
        page.locator("[name=pin]").fill("246802")
        page.locator("[name=pin_again]").fill("246802")
        page.locator("footer button[type=submit]").last.click()
        for step in ("welcome", "practice"):
            page.wait_for_url(f"**/{step}")
            expect_demonstration(page)
            page.locator("footer a").click()
        page.wait_for_url("**/home**")
        expect_demonstration(page)
        page.locator("main a[href^='/f/']").first.click()
        expect_demonstration(page)


def test_a_nurse_finds_the_overdue_form_on_the_work_list(
    demonstration: Demonstration, chromium: Browser
) -> None:
    nurse = next(each for each in demonstration.second_run["staff"] if each["role"] == "nurse")
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{demonstration.url}/desk/sign-in")
        expect_demonstration(page)
        page.locator("[name=email]").fill(nurse["email"])
        page.locator("[name=password]").fill(nurse["password"])
        page.locator("main button[type=submit]").last.click()
        page.locator("[name=code]").fill(pyotp.TOTP(nurse["totp_secret"]).now())
        page.locator("main button[type=submit]").last.click()
        page.wait_for_url("**/desk")
        expect_demonstration(page)
        expect(page.locator("main table")).to_contain_text("0571-004")
        page.goto(f"{demonstration.url}/desk/participants")
        expect_demonstration(page)


@pytest.mark.parametrize("path", ["/", "/about", "/help", "/code", "/desk/sign-in", "/nothing-here"])
def test_every_page_says_that_it_is_a_demonstration(
    demonstration: Demonstration, chromium: Browser, path: str
) -> None:
    with chromium.new_context(locale="en") as context:
        page = context.new_page()
        page.goto(demonstration.url + path)
        expect_demonstration(page)
        expect(page.locator("aside.demo")).to_contain_text("Demonstration")


def expect_demonstration(page: Page) -> None:
    expect(page.locator("aside.demo")).to_be_visible()


def test_the_edc_pulls_scores_with_the_printed_client(demonstration: Demonstration) -> None:
    edc = demonstration.second_run["edc"]
    basic = base64.b64encode(f"{edc['client_id']}:{edc['client_secret']}".encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    token_request = urllib.request.Request(edc["token_url"], form, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(token_request, timeout=10) as answer:
        token = json.load(answer)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    address = f"{demonstration.url}/api/edc/v1/changes?after=0&limit=500"
    with urllib.request.urlopen(urllib.request.Request(address, headers=bearer), timeout=10) as answer:
        page = json.load(answer)
    assert [event["seq"] for event in page["items"]] == list(range(1, page["through"] + 1))


def test_a_foreign_file_is_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "demo.sqlite3") as other:
        other.execute("CREATE TABLE letters (words TEXT)")
    other.close()
    refused = folder_at(tmp_path).run("demo", "--reset", "--no-serve")
    assert refused.returncode == 2
    assert "not_a_demonstration" in refused.stderr
    assert (tmp_path / "demo.sqlite3").exists()


@pytest.mark.req("VAL-08")
def test_there_is_no_demonstration_in_a_live_installation(tmp_path: Path) -> None:
    live = {"DAYBOOK_MODE": "live", "DAYBOOK_PUBLIC_URL": "https://daybook.example"}
    key = Fernet.generate_key().decode()
    refused = folder_at(tmp_path).run("demo", "--no-serve", DAYBOOK_KEY=key, **live)
    assert refused.returncode == 2
    assert "DAYBOOK_MODE" in refused.stderr
    assert not (tmp_path / "demo.sqlite3").exists()


def test_only_a_file_is_thrown_away(tmp_path: Path) -> None:
    """Refused by a new interpreter, which has imported nothing yet."""
    server = Folder(tmp_path, "postgresql+psycopg://127.0.0.1/demo")
    environ = {**server.environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "app", "demo", "--reset", "--no-serve"]
    refused = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--reset" in refused.stderr
