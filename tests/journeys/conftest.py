"""One served application for the tests of a module, and a phone for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.journeys.patients import SIZE, Hospital, Patient, serve_hospital


@pytest.fixture(scope="module")
def served(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    path = tmp_path_factory.mktemp("hospital") / "daybook.sqlite3"
    shutil.copyfile(sqlite_template, path)
    with serve_hospital(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
def patient(served: Hospital) -> Patient:
    return served.patient()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport=SIZE, has_touch=True, locale="en-GB") as opened:
        yield opened
