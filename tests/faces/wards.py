"""The ward of `callers`, made once per test process: the database is copied, the browsers are told again."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from app.services.setup.studies import NewClient, NewStaff
from app.storage.queries.participants import get_site_by_code, get_study
from tests.applications import Clock, application, visitor
from tests.faces.callers import Ward, ward
from tests.faces.edc_caller import STUDY, Edc
from tests.faces.visitors import Phone
from tests.services.people import START, Person
from tests.stages import Stage


def revived(app: FastAPI, clock: Clock, secrets: Sequence[str]) -> Ward:
    """The ward in an application whose database is at the stage of WARD."""
    clock.at = START
    kept = json.loads(secrets[0])
    edc = Edc(visitor(app), NewClient(*kept["client"]), kept["token"])
    phone, others, waiting = (_phone(app, each) for each in kept["phones"])
    return Ward(app, clock, phone, others, waiting, NewStaff(*kept["member"]), edc, kept["assessments"])


def _grow(url: str) -> Sequence[str]:
    clock = Clock()
    made = ward(application(url, clock), clock)
    kept = {
        "phones": [_told(phone) for phone in (made.phone, made.others, made.waiting)],
        "member": [made.member.staff_id, made.member.totp_secret],
        "client": [made.edc.client.client_id, made.edc.client.secret],
        "token": made.edc.token,
        "assessments": dict(made.assessments),
    }
    made.installation.engine.dispose()
    return [json.dumps(kept)]


def _told(phone: Phone) -> dict[str, Any]:
    cookies = [(each.name, each.value, each.domain, each.path) for each in phone.client.cookies.jar]
    person = phone.person
    return {
        "site": person.site.code,
        "subject": person.subject,
        "link": phone.link,
        "code": phone.code,
        "cookies": cookies,
    }


def _phone(app: FastAPI, told: dict[str, Any]) -> Phone:
    installation = app.state.installation
    with installation.read() as session:
        site = get_site_by_code(session, get_study(session, STUDY).id or 0, told["site"])
    client = visitor(app)
    for name, value, domain, path in told["cookies"]:
        client.cookies.set(name, value, domain=domain, path=path)
    return Phone(Person(installation, site, told["subject"]), client, told["link"], told["code"])


WARD = Stage(_grow)
