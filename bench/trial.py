"""Opens a study in a fresh database, set up by the use cases: plan, sites and two signed-in staff."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from app.clock import now
from app.definitions.library import Library, load_library
from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.i18n.languages import LANGUAGE_CODES
from app.services.core.context import StaffContext
from app.services.core.hashing import HashCost
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.setup.studies import (
    SiteEntry,
    create_staff,
    grant_role,
    load_study,
    open_site,
)
from app.settings import DEMO_KEY
from app.storage.engine import open_engine
from app.storage.migrations import migrate_database
from app.storage.tables.studies import Site, Study
from bench.loading import Loader, PostgresLoader, SqliteLoader
from tests.postgres import APP, OWNER, Cluster

STUDY, PLAN_VERSION = "sbrt-nsclc", "1.0"
ZONE = "Asia/Shanghai"
ONE_SITE, ALL_SITES = "nurse-of-one-site", "manager-of-all-sites"
"""The cookies of two signed-in colleagues."""
_QUESTIONNAIRES = Path(__file__).parents[1] / "questionnaires"


@dataclass(frozen=True, slots=True)
class Trial:
    """A study ready to be filled: `at` is the moment from which its rows count."""

    installation: Installation
    study: Study
    sites: tuple[Site, ...]
    url: str
    loader: Loader
    at: datetime

    def copy(self, table: str, columns: str, rows: Iterator[str]) -> None:
        """Load rows, tab-separated text each, as the owner; triggers, keys and checks all hold."""
        self.loader.copy(table, columns, rows)

    def execute(self, statement: str) -> None:
        """Run one statement as the owner."""
        self.loader.execute(statement)


@contextmanager
def open_trial(cluster: Cluster, sites: int) -> Iterator[Trial]:
    """Open a fresh PostgreSQL database with the study and so many sites; drop it afterwards."""
    name = cluster.create(migrated(cluster))
    loader = PostgresLoader(f"{cluster.admin} user={OWNER} dbname={name}")
    try:
        with _opened(cluster.url(name, APP), loader, sites) as opened:
            yield opened
    finally:
        cluster.drop(name)


@contextmanager
def open_sqlite_trial(sites: int) -> Iterator[Trial]:
    """Open the same study in a temporary SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.sqlite3"
        file.write_bytes(_migrated_file())
        url = f"sqlite:///{file}"
        with _opened(url, SqliteLoader(url), sites) as opened:
            yield opened


@contextmanager
def _opened(url: str, loader: Loader, sites: int) -> Iterator[Trial]:
    installation = Installation(
        open_engine(url),
        _library(),
        SecretBox(DEMO_KEY, HashCost(1, 8, 1)),
        "http://127.0.0.1",
        "bench",
    )
    try:
        yield _set_up(installation, url, loader, sites)
    finally:
        installation.engine.dispose()


@cache
def _migrated_file() -> bytes:
    """A migrated SQLite file, made once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.sqlite3"
        migrate_database(f"sqlite:///{file}")
        return file.read_bytes()


@cache
def _library() -> Library:
    return load_library(_QUESTIONNAIRES, LANGUAGE_CODES)


@cache
def migrated(cluster: Cluster) -> str:
    """The name of a migrated database of this server, made once: every pass works on a copy."""
    name = cluster.create()
    migrate_database(cluster.url(name))
    return name


def _set_up(installation: Installation, url: str, loader: Loader, sites: int) -> Trial:
    at = now()
    study = load_study(StaffContext(installation, SYSTEM, at), STUDY, PLAN_VERSION, StudyMode.DEMO)
    entries = [
        SiteEntry(f"{1000 + number}", f"Hospital {number}", "0571-000", "8-17", ZONE)
        for number in range(sites)
    ]
    opened = tuple(open_site(StaffContext(installation, SYSTEM, at), STUDY, entry) for entry in entries)
    opened_trial = Trial(installation, study, opened, url, loader, at)
    for cookie, role, site in ((ONE_SITE, Role.NURSE, opened[0].code), (ALL_SITES, Role.MONITOR, None)):
        _sign_in(opened_trial, cookie, role, site)
    return opened_trial


def _sign_in(trial: Trial, cookie: str, role: Role, site: str | None) -> None:
    staff = create_staff(
        StaffContext(trial.installation, SYSTEM, trial.at),
        f"{cookie}@example.org",
        cookie,
        "a password of a bench",
        "en",
    )
    grant_role(StaffContext(trial.installation, SYSTEM, trial.at), staff.staff_id, role, STUDY, site)
    moment = trial.at.isoformat()
    trial.copy(
        "staff_session",
        "token_hash,staff_id,second_factor_at,opened_at,seen_at",
        iter([f"{token_digest(cookie)}\t{staff.staff_id}\t{moment}\t{moment}\t{moment}\n"]),
    )
