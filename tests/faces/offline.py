"""A study that lets forms be opened without a connection, and somebody who takes part in it."""

import shutil
from pathlib import Path

from fastapi import FastAPI

from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.setup.studies import load_study, open_site
from app.storage.queries.participants import get_site_by_code, get_study
from tests.applications import Clock, application
from tests.faces.participant_browsers import Phone, enrol_only, invite
from tests.meta.sources import ROOT
from tests.scenarios.people import START, Person, site_entry

PLAN = "plans/sbrt-nsclc/1.0.toml"
VERSION = "9.0"


def write_definitions(folder: Path, settings: str = "opens_offline = true") -> Path:
    """The shipped definitions with one more version of the plan."""
    copy = Path(shutil.copytree(ROOT / "questionnaires", folder / "questionnaires"))
    shipped = (copy / PLAN).read_text("utf-8")
    changed = shipped.replace('version = "1.0"', f'version = "{VERSION}"\n{settings}', 1)
    (copy / PLAN.replace("1.0", VERSION)).write_text(changed, "utf-8")
    return copy


def offline_app(url: str, clock: Clock, folder: Path, **environ: str) -> FastAPI:
    """The application with those definitions."""
    return application(url, clock, DAYBOOK_QUESTIONNAIRES=str(folder), **environ)


def enrol_with_link(app: FastAPI) -> Phone:
    """Somebody of such a study who holds a link."""
    installation = app.state.installation
    load_study(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", VERSION, StudyMode.DEMO)
    open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
    with installation.read() as session:
        site = get_site_by_code(session, get_study(session, "sbrt-nsclc").id, "0571")
    return invite(app, enrol_only(Person(installation, site, "0571-001")))
