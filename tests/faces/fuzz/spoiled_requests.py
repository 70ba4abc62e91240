"""A request in good faith to any route, of which some parts are then spoiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.edc.rate_limit import RateLimits
from app.storage.tables.staff import Throttle
from app.web.permissions import CallerKind
from tests.coroutines import LoopThread
from tests.faces.callers import SiteFixture, caller_as, sign_in_colleague, valid_body
from tests.faces.edc_caller import AS_OF
from tests.faces.fuzz.raw_client import (
    RawClient,
    RawRequest,
    RawResponse,
    form_body,
    header_bytes,
    json_bytes,
    multipart_body,
    percent,
)
from tests.faces.fuzz.route_parts import Part, RouteParts
from tests.faces.participant_browsers import enrol_only, event, invite
from tests.faces.rights import Who
from tests.scenarios.people import START, Person

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MULTIPART = "multipart/form-data; boundary=frontier"

WHO = {
    CallerKind.PUBLIC: Who.stranger,
    CallerKind.PARTICIPANT: Who.participant,
    CallerKind.STAFF_HALF: Who.half,
    CallerKind.STAFF: Who.investigator,
    CallerKind.EDC: Who.edc,
}
ENDS_BROWSER = (
    "/settings/leave",
    "/settings/devices/{device}",
    "/desk/participants/{participant}/devices/{device}",
)
ENDS_PARTICIPANT = ("/f/{slot}/submit", "/desk/participants/{participant}/disposition")
"""What a good request to these does, the next requests would only be turned away for."""

PLAUSIBLE: Mapping[str, str] = {
    "site": "sbrt-nsclc:0571",
    "subject": "0571-077",
    "language": "en",
    "lang": "en",
    "enrolled_on": "2026-03-02",
    "consent_version": "2.1",
    "consented_on": "2026-03-02",
    "identity_check": "id_card",
    "channel": "email",
    "address": "name@example.org",
    "kind": "sbrt_start",
    "on": "2026-03-02",
    "reason": "stated by the site",
    "step": "confirm",
    "stated": "2026-03-02",
    "visit": "UNS",
    "outcome": "called",
    "exemption": "no_translation",
    "note": "words",
    "person": "1",
    "until": "2026-03-04",
    "back": "/home",
    "size": "large",
    "wanted": "no",
    "hour": "10:00",
    "form": "questionnaires",
    "code": "123456",
    "email": "half@example.org",
    "password": "correct horse battery",
    "client": "c1",
    "sent": "2026-03-02T10:00:00+08:00",
    "at": "2026-03-02T10:00:00+08:00",
    "width": "390",
    "limit": "5",
    "after": "0",
    "wait": "0",
}
_OF_PATH: Mapping[tuple[str, str], str] = {
    ("kind", "/desk/participants/{participant}/disposition"): "death",
    ("reason", "/desk/participants/{participant}/forms/{slot}"): "too_ill",
}
_DOCUMENT: Mapping[str, Any] = {
    "site": "0571",
    "status": "enrolled",
    "language": "en",
    "reference_date": "2026-03-02",
    "date": "2026-03-02",
    "scope": "study",
    "reason": "R1",
    "state": "occurred",
    "at": AS_OF,
    "arm": "SBRT",
    "as_of": AS_OF,
}
_EVENTS: dict[str, Any] = {"client": "c1", "sent": "2026-03-02T10:00:00+08:00"}

Spoils = Mapping[Part, Any]


@dataclass(slots=True)
class SpoiledCalls:
    """Sends spoiled requests as the right caller or as a stranger, and keeps the callers able to call."""

    app: FastAPI
    sites: SiteFixture
    client: RawClient
    _carried: dict[Who, Mapping[str, str]] = field(default_factory=dict)
    _renewals: int = 100

    @classmethod
    def begin(cls, app: FastAPI, sites: SiteFixture, runner: LoopThread) -> "SpoiledCalls":
        app.state.edc_limits = RateLimits(quota=1_000_000_000)
        sites.phone.begin()
        return cls(app, sites, RawClient(app, runner))

    def ask(self, route: RouteParts, spoils: Spoils, known: bool, way: str) -> tuple[RawRequest, RawResponse]:
        """The request and its answer; `way` is how a body travels where the route leaves it open."""
        request = self._build(route, spoils, self._headers(route, known), way)
        response = self.client.ask(request)
        if response.status < 400 and known:
            self._renew(route)
        if response.status == 429:
            self._forget_failures()
        return request, response

    def _headers(self, route: RouteParts, known: bool) -> dict[str, str]:
        who = WHO[route.caller] if known else Who.stranger
        if who not in self._carried:
            self._carried[who] = caller_as(self.sites, who).carried
        return {name.lower(): value for name, value in self._carried[who].items()}

    def _build(self, route: RouteParts, spoils: Spoils, headers: dict[str, str], way: str) -> RawRequest:
        path = self._path(
            route, {part.name: value for part, value in spoils.items() if part.location == "path"}
        )
        query = _pairs(route, "query", spoils)
        body, kind = _body(self.sites, route, spoils, way)
        if kind:
            headers["content-type"] = kind
        byte_headers = {name: header_bytes(value) for name, value in headers.items()}
        for part, value in spoils.items():
            text = value if isinstance(value, str) else str(value)
            if part.location == "header":
                byte_headers[part.name.replace("_", "-")] = header_bytes(text)
            if part.location == "cookie":
                cookies = [byte_headers["cookie"]] if "cookie" in byte_headers else []
                byte_headers["cookie"] = b"; ".join(
                    [*cookies, part.name.encode() + b"=" + header_bytes(text)]
                )
        pairs = tuple((name.encode(), value) for name, value in byte_headers.items())
        return RawRequest(route.method, path, form_body(query).decode(), pairs, body)

    def _path(self, route: RouteParts, spoiled: Mapping[str, Any]) -> str:
        path = route.path
        for name, value in spoiled.items():
            path = path.replace(f"{{{name}:path}}", percent(str(value))).replace(
                f"{{{name}}}", percent(str(value))
            )
        return self.sites.address(path, self.sites.phone.person)

    def _renew(self, route: RouteParts) -> None:
        person, ended = self.sites.phone.person, route.method == "POST" and route.path in ENDS_PARTICIPANT
        if ended:
            self._renewals += 1
            person = enrol_only(Person(self.sites.installation, person.site, f"0571-{self._renewals}"))
        if ended or (route.method == "POST" and route.path in ENDS_BROWSER):
            self.sites.phone = invite(self.app, person)
            self.sites.phone.activate()
            self._carried.pop(Who.participant, None)
        if ended:
            self.sites.phone.begin()
        if route.path == "/desk/sign-out":
            self._renewals += 1
            email = f"investigator{self._renewals}@example.org"
            self._carried[Who.investigator] = sign_in_colleague(self.sites, Who.investigator, email)

    def _forget_failures(self) -> None:
        with self.sites.installation.open_work(SYSTEM, START) as work:
            for counted in work.session.exec(select(Throttle)):
                counted.failures = 0


def is_dated(route: RouteParts, parts: Sequence[Part]) -> bool:
    """Whether a day or a moment is expected in one of these parts."""
    usual = _DOCUMENT if route.sends == "json" else PLAUSIBLE
    return any(str(usual.get(part.name, "")).startswith("2026-") for part in parts)


def takes_json(route: RouteParts) -> bool:
    """Whether it is the runner that sends to this route, and no page."""
    return route.path in ("/f/{slot}/answers", "/f/{slot}/late")


def _pairs(route: RouteParts, location: str, spoils: Spoils) -> list[tuple[str, str]]:
    """The fields of a query or form: plausible ones, and spoiled ones, which may come several times."""
    pairs = []
    spoiled = {part.name: value for part, value in spoils.items() if part.location == location}
    for part in route.parts:
        if part.location != location:
            continue
        if part.name in spoiled:
            value = spoiled[part.name]
            values = value if isinstance(value, list) else [value]
            pairs += [(part.name, each if isinstance(each, str) else repr(each)) for each in values]
        elif part.name in PLAUSIBLE and not _is_described(route):
            pairs.append((part.name, _OF_PATH.get((part.name, route.path), PLAUSIBLE[part.name])))
    return pairs


def _is_described(route: RouteParts) -> bool:
    """Whether a good request of this route takes no field beyond its own."""
    return route.path.endswith("/submit") or route.path == "/api/edc/v1/oauth/token"


def _body(sites: SiteFixture, route: RouteParts, spoils: Spoils, way: str) -> tuple[bytes, str]:
    if not route.sends:
        return b"", ""
    whole = next((value for part, value in spoils.items() if part.location == "body"), None)
    if whole is not None:
        return json_bytes(whole), JSON
    if route.sends == "json" or (route.sends == "any" and way == "json"):
        return json_bytes(_document(route, spoils)), JSON
    pairs = _pairs(route, "form", spoils)
    if route.sends == "any":
        good = valid_body(sites, route.method, route.path).get("data", {})
        spoiled = {name for name, _value in pairs}
        pairs = [(name, value) for name, value in good.items() if name not in spoiled] + pairs
    if way == "multipart":
        return multipart_body(pairs), MULTIPART
    return form_body(pairs), FORM


def _document(route: RouteParts, spoils: Spoils) -> dict[str, Any]:
    spoiled = {part.name: value for part, value in spoils.items() if part.location == "json"}
    if route.sends == "json":
        names = [part.name for part in route.parts if part.location == "json"]
        return {name: _DOCUMENT[name] for name in names if name in _DOCUMENT} | spoiled
    return document_of_phone(route.path, spoiled)


def document_of_phone(path: str, spoiled: dict[str, Any]) -> dict[str, Any]:
    """Answers as the runner sends them, or as its outbox holds them, some members of them spoiled."""
    outer = {
        name: value
        for name, value in spoiled.items()
        if name in ("client", "sent", "events", "kept", "reviewed")
    }
    if path.endswith("/late"):
        stored = {
            "seq": 1,
            "base": 0,
            "item": "q1",
            "value": 2,
            "at": AS_OF,
            "sum": 1,
            "offline": 1,
        } | spoiled
        records = [[stored[name] for name in ("seq", "base", "item", "value", "at", "sum", "offline")]]
        return {**_EVENTS, "reviewed": AS_OF, "kept": records} | outer
    inner = {name: value for name, value in spoiled.items() if name not in outer}
    return {**_EVENTS, "events": [{**event(1, "q1", 2), **inner}]} | outer
