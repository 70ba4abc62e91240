"""Every route is in the table of permissions, and the table names nothing else."""

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.web.permissions import ROUTES, CallerKind
from tests.applications import Clock, application, visitor

CLOSED = [
    (method, path) for (method, path), access in ROUTES.items() if access.caller is not CallerKind.PUBLIC
]


@pytest.fixture
def app(migrated_sqlite_url: str) -> FastAPI:
    return application(migrated_sqlite_url, Clock())


def declared(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_the_table_names_every_route_and_no_other(app: FastAPI) -> None:
    found = declared(app)
    assert sorted(found) == sorted(ROUTES)
    assert len(found) == len(set(found))


@pytest.mark.req("SEC-11")
def test_no_page_of_the_frameworks_own_is_served(app: FastAPI) -> None:
    visits = visitor(app)
    assert [visits.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404] * 3


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_stranger_gets_nothing(app: FastAPI, method: str, path: str) -> None:
    answer = visitor(app).request(method, re.sub(r"\{[^}]+\}", "x", path))
    # 400: a body that cannot be read is refused before anybody is asked who they are.
    assert answer.status_code in (303, 400, 401, 403, 404), answer.text[:300]
    if answer.status_code == 303:
        assert ("GET", answer.headers["location"].partition("?")[0]) not in CLOSED
