"""Every part of every route that somebody can fill, as the application itself declares or reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from app.patient.forms.event_parser import EVENT_MEMBERS, OUTBOX_MEMBERS, SAVED_MEMBERS
from app.settings import ROOT
from app.web.cookies import PREFIX
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.permissions import ROUTES, CallerKind
from app.web.urls import DEVICE_COOKIE, OTHERS_COOKIE, SESSION_COOKIE

COOKIES = {
    CallerKind.PUBLIC: (LANGUAGE_COOKIE, DEVICE_COOKIE, OTHERS_COOKIE),
    CallerKind.PARTICIPANT: (LANGUAGE_COOKIE, DEVICE_COOKIE, OTHERS_COOKIE),
    CallerKind.STAFF: (LANGUAGE_COOKIE, SESSION_COOKIE),
    CallerKind.STAFF_HALF: (SESSION_COOKIE,),
    CallerKind.EDC: (),
}

_FORM_READS = re.compile(
    r'(?:fields|form)\.get\(\s*"(\w+)"|read_field\(\w+, "(\w+)"|name="([a-z]\w*)"|fields\["(\w+)"\]'
)
_HEADER_READS = re.compile(r'headers\.get\(b?"([a-z-]+)"')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a request: where it stands, and its name."""

    location: str  # "path" | "query" | "form" | "json" | "header" | "cookie"
    name: str


@dataclass(frozen=True, slots=True)
class RouteParts:
    """A route with all of its parts; `sends` says how a body travels: "", "form", "json" or "any"."""

    method: str
    path: str
    caller: CallerKind
    sends: str
    parts: tuple[Part, ...] = field(repr=False)


def list_route_parts(app: FastAPI) -> tuple[RouteParts, ...]:
    """All routes of the application, in their order."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(app.routes)
    return tuple(
        _parts_of(route, method) for route in routes for method in sorted((route.methods or set()) - {"HEAD"})
    )


def _parts_of(route: APIRoute, method: str) -> RouteParts:
    caller, needs = ROUTES[method, route.path].caller, list(_dependants(route.dependant))
    declared = [Part("path", name) for name in route.param_convertors]
    for each in needs:
        declared += [Part("query", name) for name in _names(each.query_params)]
        declared += [Part("header", name) for name in _names(each.header_params)]
    body = [name for each in needs for name in _names(each.body_params)]
    sends = _body_kind(route, method, bool(body))
    declared += [Part(each, name) for each in ("form", "json") if sends == each for name in body]
    if sends == "any":
        declared += [Part("form", name) for name in read_names()]
        declared += [Part("json", name) for name in sorted(EVENT_MEMBERS | OUTBOX_MEMBERS | SAVED_MEMBERS)]
    declared += [Part("header", name) for name in header_names()]
    declared += [Part("cookie", PREFIX + name) for name in COOKIES[caller]]
    return RouteParts(method, route.path, caller, sends, tuple(dict.fromkeys(declared)))


def _body_kind(route: APIRoute, method: str, declared: bool) -> str:
    if method == "GET":
        return ""
    if not declared:
        return "any"
    assert route.body_field is not None
    return "form" if type(route.body_field.field_info).__name__ == "Form" else "json"


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _dependants(each)


def _names(declared: list[Any]) -> Iterator[str]:
    for each in declared:
        kind = each.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        else:
            yield each.alias


@cache
def header_names() -> tuple[str, ...]:
    """The headers that the program, or what it stands on, looks at."""
    read = {header for text in _sources() for header in _HEADER_READS.findall(text)}
    return tuple(sorted(read | {"authorization", "content-type", "origin", "sec-fetch-site", "range"}))


@cache
def read_names() -> tuple[str, ...]:
    """The fields of forms that handlers read by name, or that a page has; and the items of questionnaires."""
    library = load_library(ROOT / "questionnaires", LANGUAGE_CODES)
    items = {f"{each.items[0].code}" for each in library.instruments.values()}
    texts = {each.items[-1].code for each in library.instruments.values()}
    pages = [path.read_text("utf-8") for path in (ROOT / "app" / "templates").rglob("*.html")]
    names_read = {
        name
        for text in (*_sources(), *pages)
        for names in _FORM_READS.findall(text)
        for name in names
        if name
    }
    return tuple(sorted(names_read | items | texts | {f"birth_{each}" for each in ("year", "month", "day")}))


@cache
def _sources() -> tuple[str, ...]:
    faces = ("web", "patient", "clinic", "edc")
    return tuple(path.read_text("utf-8") for face in faces for path in (ROOT / "app" / face).rglob("*.py"))
