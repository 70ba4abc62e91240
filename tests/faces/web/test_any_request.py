"""Nothing that anybody sends, to any route and in any part of it, ends in an error of the program's own.

The routes and their parts come from the application. `DAYBOOK_FUZZ=20000` draws that many requests for each
database instead of a few hundred.
"""

import os
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.web.permissions import ROUTES
from tests.applications import Clock, application
from tests.coroutines import LoopThread
from tests.faces.fuzz.nasty_values import WORST, WORST_DAYS, json_values, texts
from tests.faces.fuzz.raw_client import RawRequest, RawResponse
from tests.faces.fuzz.route_parts import Part, RouteParts, list_route_parts
from tests.faces.fuzz.spoiled_requests import SpoiledCalls, is_dated, takes_json
from tests.faces.site_fixtures import SITES_STAGE, restore_site_fixture
from tests.stages import Stage

DRAWS = int(os.environ.get("DAYBOOK_FUZZ", "150"))
DECIDING = ("authorization", "content-type", "origin", "sec-fetch-site", "accept", "host")
"""Headers that would end a request before any other part is looked at; drawn one by one."""
WAYS = ("form", "json", "multipart")
NOT_READY = 503


@pytest.fixture
def stage() -> Stage:
    return SITES_STAGE


@pytest.fixture
def app(migrated_url: str, clock: Clock) -> FastAPI:
    return application(migrated_url, clock)


@pytest.fixture
def calls(
    app: FastAPI, clock: Clock, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Iterator[SpoiledCalls]:
    sites = restore_site_fixture(app, clock, secrets[migrated_url])
    with LoopThread() as runner:
        yield SpoiledCalls.begin(app, sites, runner)
    sites.installation.engine.dispose()


def fault_of(request: RawRequest, response: RawResponse) -> str:
    """An error of the program's own, with where it was raised; only the readiness page may say 503."""
    if response.failure is not None:
        steps = traceback.extract_tb(response.failure.__traceback__)
        raised = next((step for step in reversed(steps) if "/app/" in step.filename), steps[-1])
        return f"{response.failure!r} at {raised.filename}:{raised.lineno} for {request}"
    fine = 200 <= response.status < 500 or (response.status, request.path) == (NOT_READY, "/readyz")
    return "" if fine else f"{response.status} for {request}"


def spoilable(route: RouteParts) -> Iterator[tuple[Sequence[Part], str]]:
    """What is spoiled at a time: each part that the route declares; all others of one place together."""
    declared = ("path", "query") if route.sends == "any" else ("path", "query", "form", "json")
    yield from (((part,), "form") for part in route.parts if part.location in declared)
    for location in ("header", "cookie"):
        together = [part for part in route.parts if part.location == location and part.name not in DECIDING]
        if together:
            yield together, "form"
    if route.sends == "any":
        yield [part for part in route.parts if part.location == "form"], "form"
        if takes_json(route):
            yield from (((part,), "json") for part in route.parts if part.location == "json")


def worst_requests(route: RouteParts, database: str) -> Iterator[tuple[dict[Part, Any], bool, str]]:
    """The worst values in every part: from the right caller, and of a path from a stranger as well.

    A header or cookie cannot carry NUL: what is left of that value is tried on SQLite alone.
    """
    for parts, way in spoilable(route):
        values: tuple[str, ...] = (*WORST, *WORST_DAYS) if is_dated(route, parts) else WORST
        if database != "sqlite" and parts[0].location in ("header", "cookie"):
            values = values[1:]
        yield from ((dict.fromkeys(parts, value), True, way) for value in values)
        if parts[0].location == "path":
            yield dict.fromkeys(parts, WORST[0]), False, way


def test_the_worst_in_every_part_of_every_route_is_refused_in_words(
    app: FastAPI, calls: SpoiledCalls
) -> None:
    database = calls.sites.installation.engine.dialect.name
    faults = [
        fault_of(*calls.ask(route, *spoiled))
        for route in list_route_parts(app)
        for spoiled in worst_requests(route, database)
    ]
    assert len(faults) > len(ROUTES)
    assert set(faults) == {""}


written = texts | st.lists(texts, min_size=2, max_size=2)
"""What stands in a part, which may come twice."""


@st.composite
def spoiled_requests(
    draw: st.DrawFn, routes: Sequence[RouteParts]
) -> tuple[RouteParts, dict[Part, Any], bool, str]:
    route = draw(st.sampled_from(routes))
    location = draw(st.sampled_from(sorted({part.location for part in route.parts})))
    first = draw(st.sampled_from([part for part in route.parts if part.location == location]))
    chosen = {first, *draw(st.lists(st.sampled_from(route.parts), max_size=2))}
    spoils: dict[Part, Any] = {
        part: draw(json_values if part.location == "json" else written) for part in sorted(chosen, key=str)
    }
    if route.sends and draw(st.integers(0, 30)) == 0:
        spoils = {Part("body", ""): draw(json_values)}
    ways = [each for each in WAYS if each != "json" or route.sends == "any"]
    return route, spoils, draw(st.integers(0, 3)) > 0, draw(st.sampled_from(ways))


@pytest.mark.slow
def test_whatever_is_drawn_is_answered_in_words(app: FastAPI, calls: SpoiledCalls) -> None:
    routes = [route for route in list_route_parts(app) if route.parts]

    @settings(max_examples=DRAWS, suppress_health_check=list(HealthCheck))
    @given(spoiled_requests(routes))
    def send(drawn: tuple[RouteParts, dict[Part, Any], bool, str]) -> None:
        assert fault_of(*calls.ask(*drawn)) == ""

    send()
