"""Every route is in the table of permissions, the table names nothing else, and it is what is enforced."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match, Mount, Router
from starlette.types import Scope

from app.domain.records.access import Permission
from app.services.people import staff_links
from app.services.reminders import alert_delivery
from app.services.schedule import enrolment
from app.web import urls
from app.web.middleware.route_index import RouteIndex
from app.web.permissions import (
    PUBLIC,
    ROUTES,
    Access,
    CallerKind,
    RouteMismatch,
    check_routes,
    edc_access,
    staff_access,
)
from tests.applications import Clock, application, open_browser, untouched_application

CLOSED = [
    (method, path) for (method, path), access in ROUTES.items() if access.caller is not CallerKind.PUBLIC
]


@pytest.fixture(scope="session")
def app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with untouched_application(sqlite_template, tmp_path_factory.mktemp("routes")) as app:
        yield app


def declared(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_the_table_names_every_route_and_no_other(app: FastAPI) -> None:
    routes = declared(app)
    assert sorted(routes) == sorted(ROUTES)
    assert len(routes) == len(set(routes))


@pytest.mark.parametrize("word", ["x", "sign-in", "blank", "a/b", ""])
def test_an_address_reaches_the_same_route_by_its_beginning_as_among_all(app: FastAPI, word: str) -> None:
    index, every = RouteIndex(app.router), app.router.routes
    grouped = 0
    for method, path in ROUTES:
        address = re.sub(r"\{[^}]+\}", word, path)
        scope = {"type": "http", "method": method, "path": address}
        part = index._find(address)
        route = part and part.__self__  # type: ignore[attr-defined]  # a method of its router
        routes = cast("Router", route).routes if route else every
        grouped += routes is not every
        assert reached(routes, scope) == reached(every, scope)
        assert len(routes) < len(every) / 2 or routes is every
    assert grouped > len(ROUTES) / 2 or word in ("a/b", "")


def reached(routes: Sequence[BaseRoute], scope: Scope) -> list[BaseRoute]:
    """The routes that answer, or refuse the method, in their order."""
    return [route for route in routes if route.matches(scope)[0] is not Match.NONE]


@pytest.mark.req("SEC-11")
def test_no_page_of_the_frameworks_own_is_served(app: FastAPI) -> None:
    visits = open_browser(app)
    assert [visits.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404] * 3


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_stranger_gets_nothing(app: FastAPI, method: str, path: str) -> None:
    answer = open_browser(app).request(method, re.sub(r"\{[^}]+\}", "x", path))
    # 400: a body that cannot be read is refused before anybody is asked who they are.
    assert answer.status_code in (303, 400, 401, 403, 404), answer.text[:300]
    if answer.status_code == 303:
        assert ("GET", answer.headers["location"].partition("?")[0]) not in CLOSED


TABLE = cast("dict[tuple[str, str], Access]", ROUTES)
"""The table itself, to be changed for one test."""


def test_an_application_with_a_route_that_no_row_names_does_not_start(
    migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(TABLE, ("GET", urls.ENROL))
    with pytest.raises(RouteMismatch, match="GET /desk/enrol: not in the table"):
        application(migrated_sqlite_url, Clock())


@pytest.mark.req("IAM-02")
def test_no_row_can_be_removed(app: FastAPI) -> None:
    for row in list(ROUTES):
        with pytest.MonkeyPatch.context() as table:
            table.delitem(TABLE, row)
            with pytest.raises(RouteMismatch, match=re.escape(f"{row[0]} {row[1]}: not in the table")):
                check_routes(app.routes)


@pytest.mark.req("IAM-02")
def test_no_row_can_name_another_kind_of_caller(app: FastAPI) -> None:
    for row in list(ROUTES):
        other = edc_access() if ROUTES[row] == PUBLIC else PUBLIC
        with pytest.MonkeyPatch.context() as table:
            table.setitem(TABLE, row, other)
            with pytest.raises(RouteMismatch, match=re.escape(f"{row[0]} {row[1]}: for {other.caller}")):
                check_routes(app.routes)


def test_a_row_without_a_route_is_named(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, ("GET", "/nowhere"), PUBLIC)
    with pytest.raises(RouteMismatch, match="/nowhere"):
        check_routes(app.routes)


def test_a_route_of_another_make_is_named(app: FastAPI) -> None:
    with pytest.raises(RouteMismatch, match="/static"):
        check_routes([*app.routes, Mount("/static", routes=[])])


def test_a_route_about_a_participant_names_a_permission(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE, ("GET", urls.PARTICIPANT), staff_access())
    with pytest.raises(RouteMismatch, match="names no permission"):
        check_routes(app.routes)


def test_every_permission_guards_a_route_or_what_a_page_shows() -> None:
    shown = {Permission.ARM_SEE}  # forms that tell the arm
    assert {access.permission for access in ROUTES.values()} - {None} == set(Permission) - shown


def test_only_one_function_decides_who_sees_the_arm() -> None:
    """Elsewhere the permission is asked by itself: for figures by arm, words of the trail, files of data."""
    root = Path(__file__).parents[2]
    asking = {
        path.relative_to(root).as_posix()
        for path in (root / "app").rglob("*.py")
        if "Permission.ARM_SEE" in path.read_text(encoding="utf-8")
    }
    assert asking == {
        *("app/domain/records/access.py", "app/clinic/frame/permission_words.py"),
        "app/clinic/study/aspect_words.py",
        "app/domain/desk/arm_blinding.py",
        *("app/services/clinic/report/scope.py", "app/services/clinic/trail/scope.py"),
        "app/services/datasets/readers.py",
    }


def test_links_that_use_cases_write_are_addresses_of_pages() -> None:
    assert enrolment.PATH == urls.WAY_IN
    assert alert_delivery.PATH == urls.ALERT
    assert staff_links.PATH + "{link}" == urls.JOIN


def test_a_page_asks_what_it_offers_by_route() -> None:
    """Not by a permission of its own choice, which may be another than the one that is enforced."""
    root = Path(__file__).parents[2] / "app"
    asking = re.compile(r"actor\.(list_reach|may|permissions)\b")
    offers = {
        path.name: path.read_text(encoding="utf-8")
        for path in (root / "clinic").rglob("*.py")
        if asking.search(path.read_text(encoding="utf-8"))
    }
    assert set(offers) == {
        "request.py",
        "studies.py",  # which of their studies a request is about
        "navigation.py",  # the menu, of the route of each entry
        "access.py",  # whether a review of the whole study is theirs
        "work_page.py",  # whether any role is left
        "recorded_pages.py",  # whose looks at a page are recorded
    }
    templates = (path.read_text(encoding="utf-8") for path in (root / "templates").rglob("*.html"))
    assert not any(f'"{each}"' in text for text in templates for each in Permission)
