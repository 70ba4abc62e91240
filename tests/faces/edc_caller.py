"""An EDC as it calls: a token of its own, and requests under the API's base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import func, select

from app.domain.records.access import SYSTEM, Scope
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import NewClient, create_client, load_study, open_site
from app.storage.tables.audit import AuditEntry
from app.storage.tables.studies import Site
from tests.applications import open_browser
from tests.scenarios.people import Person, enrol_person, qlq, site_entry

BASE = "/api/edc/v1"
STUDY = "sbrt-nsclc"
AS_OF = "2026-03-01T22:00:00Z"
"""Four hours before the clock of the tests begins."""
REGISTER = {"site": "0571", "language": "zh-Hans", "reference_date": "2026-03-02", "as_of": AS_OF}

BODIES: Mapping[str, Mapping[str, Any]] = {
    "/arm": {"arm": "SBRT"},
    "/anchors/randomisation": {"date": "2026-03-02", "at": "2026-03-02T01:15:00.123456Z"},
    "/visits/W6": {"state": "planned", "date": "2026-04-13"},
    "/status": {"status": "withdrawn", "scope": "treatment", "date": "2026-03-02", "reason": "BURDEN"},
}
"""What the EDC sends below a participant, beside `as_of`."""
CODINGS = ("identity", "gzip", "br")


@dataclass
class Edc:
    """One client of the API, signed in."""

    http: TestClient
    client: NewClient
    token: str

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: str | int | bool) -> Response:
        return self.http.get(f"{BASE}{path}", params=query or None, headers=self._headers(headers))

    def put(
        self,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        **query: str | int | bool,
    ) -> Response:
        return self.http.put(f"{BASE}{path}", json=body, params=query or None, headers=self._headers(headers))

    def post(self, path: str, body: Mapping[str, Any]) -> Response:
        return self.http.post(f"{BASE}{path}", json=body, headers=self._headers(None))

    def changes(self, after: int = 0, **query: str | int | bool) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/changes", None, after=after, **query).json()["items"]
        return items

    def renew(self) -> None:
        """A fresh token, once the clock has moved on."""
        self.token = token_of(self.http, self.client)

    def head(self) -> int:
        return int(self.get(f"/studies/{STUDY}").json()["head"])

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **(more or {})}


def sign_in_edc(
    app: FastAPI, at: datetime, scopes: Sequence[Scope] = tuple(Scope), sites: Sequence[str] | None = None
) -> Edc:
    """A new client with a token."""
    installation: Installation = app.state.installation
    client = create_client(StaffContext(installation, SYSTEM, at), STUDY, "EDC", scopes, sites)
    http = open_browser(app)
    return Edc(http, client, token_of(http, client))


def token_of(http: TestClient, client: NewClient) -> str:
    form = {"grant_type": "client_credentials"}
    answer = http.post(f"{BASE}/oauth/token", data=form, auth=(client.client_id, client.secret))
    return str(answer.json()["access_token"])


def open_sites(app: FastAPI, at: datetime) -> tuple[Site, Site]:
    """The study with two sites."""
    installation: Installation = app.state.installation
    load_study(StaffContext(installation, SYSTEM, at), STUDY, "1.0", StudyMode.DEMO)
    first = open_site(StaffContext(installation, SYSTEM, at), STUDY, site_entry("0571"))
    return first, open_site(StaffContext(installation, SYSTEM, at), STUDY, site_entry("0512"))


def enrol_with_baseline(app: FastAPI, site: Site, subject: str, at: datetime) -> Person:
    """Somebody whose baseline form was sent."""
    person = enrol_person(app.state.installation, site, subject)
    person.begin("BL", at)
    person.submit("BL", at, qlq(2))
    return person


def later_as_of(**spans: float) -> str:
    """An `as_of` after the first one."""
    moment = datetime.fromisoformat(AS_OF) + timedelta(**spans)
    return moment.isoformat()


def count_trail(app: FastAPI) -> int:
    """How many entries the audit trail has."""
    installation: Installation = app.state.installation
    with installation.read() as session:
        return session.exec(select(func.count()).select_from(AuditEntry)).one()
