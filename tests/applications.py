"""The real application on a database of the test's own, with a clock that the test sets."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI

from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from app.main import Parts, create_app
from app.services.core.hashing import HashCost
from app.settings import ROOT, Settings
from tests.browsers import BASE_URL, Browser
from tests.compiled_templates import shipped_pages

CHEAP = HashCost(passes=1, memory_kib=8, lanes=1)
"""Guessing is not what most tests are about."""


@dataclass(slots=True)
class Clock:
    """A clock that stands still until the test moves it."""

    at: datetime = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **spans: float) -> None:
        self.at += timedelta(**spans)


def application(url: str, clock: Callable[[], datetime] | None, **environ: str) -> FastAPI:
    """The application on a migrated database; without a clock it has the machine's, watched."""
    environment = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_PUBLIC_URL": BASE_URL, **environ}
    settings = Settings.from_environment(environment)
    return create_app(settings, clock, CHEAP, _parts_for(settings))


def _parts_for(settings: Settings) -> Parts | None:
    """What earlier applications read, as far as it is the repository's own: a test may have other files."""
    if settings.locales != ROOT / "locales":
        return None
    if settings.questionnaires == ROOT / "questionnaires":
        return _parts()
    return replace(_parts(), library=load_library(settings.questionnaires, LANGUAGE_CODES))


@lru_cache(maxsize=1)
def _parts() -> Parts:
    """Read, parsed and compiled once per test process: most of what making an application costs."""
    return replace(Parts.load(Settings.from_environment({})), pages=shipped_pages())


@contextmanager
def untouched_application(template: Path, folder: Path) -> Iterator[FastAPI]:
    """One for many tests that store nothing; fails at the end if its database has changed."""
    database = folder / "untouched.sqlite3"
    shutil.copyfile(template, database)
    before = _dump(database)
    app = application(f"sqlite:///{database}", Clock())
    yield app
    app.state.installation.engine.dispose()
    assert _dump(database) == before


def _dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as driver:
        return list(driver.iterdump())


def open_browser(app: FastAPI, **headers: str) -> Browser:
    """A browser of its own: own cookies, redirects shown, failures answered as a server would."""
    client = Browser(app)
    client.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return client
