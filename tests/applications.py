"""The real application on a database of the test's own, with a clock that the test sets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import Parts, create_app
from app.services.core.hashing import HashCost
from app.settings import ROOT, Settings

CHEAP = HashCost(passes=1, memory_kib=8, lanes=1)
"""Guessing is not what most tests are about."""

BASE_URL = "https://testserver"
"""`__Host-` cookies need https."""


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
    told = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_PUBLIC_URL": BASE_URL, **environ}
    settings = Settings.from_environment(told)
    # Only of the repository's own files: a test may change those in a folder of its own.
    usual = (settings.questionnaires, settings.locales) == (ROOT / "questionnaires", ROOT / "locales")
    return create_app(settings, clock, CHEAP, _parts() if usual else None)


@lru_cache(maxsize=1)
def _parts() -> Parts:
    """Read, parsed and compiled once per test process: most of what making an application costs."""
    return Parts.load(Settings.from_environment({}))


def visitor(app: FastAPI, **headers: str) -> TestClient:
    """A browser of its own: own cookies, redirects shown, failures answered as a server would."""
    client = TestClient(app, base_url=BASE_URL, follow_redirects=False, raise_server_exceptions=False)
    client.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return client
