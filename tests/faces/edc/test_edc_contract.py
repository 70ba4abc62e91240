"""The published contract: frozen, true to what is served, and understood by clients of others."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import schemathesis
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from app.edc.openapi import describe_api
from app.edc.rate_limit import RateLimits
from app.edc.routes import router
from app.jobs.export_rounds import make_exports
from app.storage.tables.studies import Site
from app.web.permissions import ROUTES, CallerKind
from app.web.urls import EDC as BASE
from tests import servers
from tests.applications import Clock
from tests.faces.edc_caller import AS_OF, REGISTER, STUDY, Edc, enrol_with_baseline

FROZEN = Path(__file__).parents[3] / "docs" / "manual" / "edc-openapi.json"
REWRITE = "REWRITE_CONTRACT"


@pytest.mark.req("EDC-01")
def test_the_published_contract_is_the_frozen_one(edc: Edc) -> None:
    """Set the variable named above to freeze a new version, and look at the difference."""
    served = edc.http.get(f"{BASE}/openapi.json")
    if os.environ.get(REWRITE):
        FROZEN.write_bytes(served.content + b"\n")
    assert served.content + b"\n" == FROZEN.read_bytes()
    assert served.json()["openapi"].startswith("3.1")


def test_every_operation_asks_for_the_scope_of_the_table() -> None:
    document = orjson.loads(describe_api(router))
    assert len(document["paths"]) > 10
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            access = ROUTES[verb.upper(), path]
            scopes = [name for each in operation.get("security", []) for name in each["client"]]
            assert (access.caller is CallerKind.EDC) is ("security" in operation)
            assert scopes == ([access.scope.value] if access.scope else [])


def test_no_operation_deletes() -> None:
    document = orjson.loads(describe_api(router))
    assert {verb for operations in document["paths"].values() for verb in operations} == {
        "get",
        "put",
        "post",
    }


@pytest.fixture
def lived_in(app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock) -> Edc:
    """A study with an answered form and a participant of the EDC."""
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    edc.put("/participants/0571-014", REGISTER)
    edc.put("/participants/0571-014/anchors/randomisation", {"date": "2026-03-02", "as_of": AS_OF})
    edc.post("/cuts", {"name": "IA1", "purpose": "interim"})
    export = edc.post("/exports", {"cut": "IA1", "purpose": "interim", "formats": ["csv"]})
    KNOWN["export"] = export.json()["id"]
    make_exports(app.state.installation, clock, lambda: False)
    app.state.edc_limits = RateLimits(quota=1_000_000)
    return edc


# A well-formed date can lie in the future, and a token is asked for in tests of its own.
EXCLUDED = [ignored_auth, positive_data_acceptance]
KNOWN = {"subject": "0571-014", "visit": "W12", "kind": "randomisation", "study": STUDY, "cut": "IA1"}
KNOWN |= {"dataset": "adqs", "file": "adqs.csv"}


@pytest.mark.slow
@pytest.mark.req("EDC-01")
@pytest.mark.filterwarnings("ignore")  # a generator of nonsense warns of what it finds out
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("known", [True, False])
def test_every_response_matches_the_published_schema(
    app: FastAPI, lived_in: Edc, mode: GenerationMode, known: bool
) -> None:
    """Each operation, and once more at the address of what there is where its address names something."""
    schema = schemathesis.openapi.from_asgi(f"{BASE}/openapi.json", app)
    headers = {"Authorization": f"Bearer {lived_in.token}"}
    tried: set[str] = set()
    for documented in schema.get_all_operations():
        operation: Any = documented.ok()  # type: ignore[union-attr]  # a faulty description would end the test here
        places = known_places(operation.path)
        if known and not places:
            continue
        if operation.path.endswith("/v1/changes"):
            headers["Accept"] = "application/json"
        if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation, known):
            continue
        # What names nobody is mostly answered before its other parts are looked at.
        try_out(operation, mode, headers, places if known else {}, 6 if places and not known else 12)
        tried.add(operation.label)
    if mode is GenerationMode.POSITIVE:
        assert len(tried) == (17 if known else 28)
    else:
        assert len(tried) == (7 if known else 24)
        assert len([label for label in tried if label.startswith("PUT ")]) == 5


def can_be_wrong(operation: Any, known: bool) -> bool:  # noqa: ANN401 - it publishes no types
    """Whether any part of its requests can be other than described: a header takes any text.

    To find that out by drawing takes a second, and it is found out by no request.
    """
    parts = [operation.query, operation.body, [] if known else operation.path_parameters]
    return any(list(part) for part in parts)


def known_places(path: str) -> dict[str, str]:
    """What an address names that there is."""
    return {name: value for name, value in KNOWN.items() if f"{{{name}}}" in path}


def try_out(
    operation: Any,  # noqa: ANN401 - it publishes no types
    mode: GenerationMode,
    headers: dict[str, str],
    places: dict[str, str],
    count: int,
) -> None:
    """Send a few requests of one kind, others in each run, and check each answer against the contract."""
    fixed = {"path_parameters": places} if places else {}

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def send(case: Any) -> None:  # noqa: ANN401 - as above
        if case.query and "wait" in case.query:
            case.query = {**case.query, "wait": 0}
        case.call_and_validate(base_url="https://testserver", headers=headers, excluded_checks=EXCLUDED)

    send()


@pytest.fixture
def base_url(app: FastAPI, lived_in: Edc, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The application behind a real server; the OAuth libraries want to be told that plain HTTP is meant."""
    assert lived_in.token
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with servers.serve_application(app) as url:
        yield f"{url}{BASE}"


def test_requests_oauthlib_client_pulls(base_url: str, lived_in: Edc) -> None:
    client = lived_in.client
    session = OAuth2Session(client=BackendApplicationClient(client.client_id))
    session.fetch_token(f"{base_url}/oauth/token", auth=HTTPBasicAuth(client.client_id, client.secret))
    page = session.get(f"{base_url}/changes", params={"limit": 3}).json()
    assert [item["seq"] for item in page["items"]] == [1, 2, 3]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_client_pulls(base_url: str, lived_in: Edc, method: str) -> None:
    client = lived_in.client
    session = AuthlibSession(
        client.client_id, client.secret, token_endpoint_auth_method=method, scope="scores:read"
    )
    session.fetch_token(f"{base_url}/oauth/token", grant_type="client_credentials")
    rows = session.get(f"{base_url}/scores").json()["items"]
    assert {row["subject"] for row in rows} == {"0571-001"}
    assert session.get(f"{base_url}/participants/0571-001").json().get("arm") is None


def test_a_waiting_client_hears_of_news(base_url: str, lived_in: Edc) -> None:
    head = lived_in.head()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            requests.get,
            f"{base_url}/changes",
            params={"after": head, "wait": 20},
            headers={"Authorization": f"Bearer {lived_in.token}"},
            timeout=60,
        )
        time.sleep(0.7)
        lived_in.put("/participants/0571-077", REGISTER)
        page = waiting.result().json()
    assert page["items"][0]["subject"] == "0571-077"
    assert page["after"] == head


def test_a_waiting_client_is_let_go(base_url: str, lived_in: Edc) -> None:
    headers = {"Authorization": f"Bearer {lived_in.token}"}
    query = {"after": lived_in.head(), "wait": 1}
    page = requests.get(f"{base_url}/changes", params=query, headers=headers, timeout=60).json()
    assert (page["items"], page["complete"]) == ([], True)
