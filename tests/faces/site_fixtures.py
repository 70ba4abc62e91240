"""The site fixture of `callers`, made once per test process and copied; browsers get their cookies back.

Somebody of each role has signed in, and an administrator of the whole study.
"""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlmodel import select

from app.services.setup.studies import NewClient, NewStaff
from app.storage.queries.participants import get_study
from app.storage.tables.studies import Site
from tests.applications import Clock, application, open_browser
from tests.faces.callers import SiteFixture, caller_as, make_site_fixture, sign_in_colleague
from tests.faces.edc_caller import STUDY, Edc
from tests.faces.participant_browsers import Phone
from tests.faces.rights import STAFF, Who
from tests.scenarios.people import START, Person, with_short_diary
from tests.stages import Stage

BOSS = "boss@example.org"
"""An administrator of the whole study."""


def restore_site_fixture(app: FastAPI, clock: Clock, secrets: Sequence[str]) -> SiteFixture:
    """The fixture in an application whose database is at `SITES_STAGE`."""
    clock.at = START
    app.state.installation = with_short_diary(app.state.installation)
    stored = json.loads(secrets[0])
    edc = Edc(open_browser(app), NewClient(*stored["client"]), stored["token"])
    with app.state.installation.read() as session:
        study = get_study(session, STUDY)
        sites = {site.code: site for site in session.exec(select(Site).where(Site.study_id == study.id))}
    phone, others, waiting = (_phone(app, sites[each["site"]], each) for each in stored["phones"])
    member, assessments = NewStaff(*stored["member"]), stored["assessments"]
    staff = {
        email: (NewStaff(staff_id, secret), carried)
        for email, (staff_id, secret, carried) in stored["staff"].items()
    }
    return SiteFixture(app, clock, phone, others, waiting, member, edc, assessments, staff)


def _grow(url: str) -> Sequence[str]:
    clock = Clock()
    sites = make_site_fixture(application(url, clock), clock)
    for who in STAFF:
        caller_as(sites, who)
    sign_in_colleague(sites, Who.admin, BOSS, None)
    stored = {
        "phones": [_described(phone) for phone in (sites.phone, sites.others, sites.waiting)],
        "member": [sites.member.staff_id, sites.member.totp_secret],
        "client": [sites.edc.client.client_id, sites.edc.client.secret],
        "token": sites.edc.token,
        "assessments": dict(sites.assessments),
        "staff": {
            email: [new.staff_id, new.totp_secret, carried] for email, (new, carried) in sites.staff.items()
        },
    }
    sites.installation.engine.dispose()
    return [json.dumps(stored)]


def _described(phone: Phone) -> dict[str, Any]:
    cookies = [(each.name, each.value, each.domain, each.path) for each in phone.client.cookies.jar]
    person = phone.person
    return {
        "site": person.site.code,
        "subject": person.subject,
        "link": phone.link,
        "code": phone.code,
        "cookies": cookies,
    }


def _phone(app: FastAPI, site: Site, described: dict[str, Any]) -> Phone:
    installation, client = app.state.installation, open_browser(app)
    for name, value, domain, path in described["cookies"]:
        client.cookies.set(name, value, domain=domain, path=path)
    return Phone(
        Person(installation, site, described["subject"]), client, described["link"], described["code"]
    )


SITES_STAGE = Stage(_grow)
