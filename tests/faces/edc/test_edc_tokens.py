"""Machine clients: tokens, scopes, rotation, revocation, limits."""

import base64

import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.domain.records.access import SYSTEM, Scope
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.edc.rate_limit import RateLimits
from app.services.accounts.edc_clients import add_secret, disable_client, retire_secret
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import NewClient
from app.storage.tables.audit import AuditEntry
from app.storage.tables.edc import EdcToken
from tests.applications import Clock
from tests.faces.edc_caller import Edc, sign_in_edc

TOKEN = "/api/edc/v1/oauth/token"
GRANT = {"grant_type": "client_credentials"}


def events(app: FastAPI) -> list[str]:
    installation: Installation = app.state.installation
    with installation.read() as session:
        return [row.event for row in session.exec(select(AuditEntry).order_by(AuditEntry.id))]  # type: ignore[arg-type]  # a column here


@pytest.mark.req("EDC-07")
def test_basic_and_form_give_a_token_that_is_stored_only_as_its_digest(app: FastAPI, edc: Edc) -> None:
    by_form = edc.http.post(
        TOKEN, data=GRANT | {"client_id": edc.client.client_id, "client_secret": edc.client.secret}
    )
    body = by_form.json()
    assert (by_form.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 900)
    assert by_form.headers["cache-control"] == "no-store"
    assert body["scope"].split() == sorted(scope.value for scope in Scope)
    installation: Installation = app.state.installation
    with installation.read() as session:
        hashes = session.exec(select(EdcToken.token_hash)).all()
    assert body["access_token"] not in hashes
    assert events(app)[-1] == AuditEvent.EDC_TOKEN_ISSUED


def test_a_token_can_be_requested_with_fewer_scopes(edc: Edc) -> None:
    auth = (edc.client.client_id, edc.client.secret)
    narrow = edc.http.post(TOKEN, data=GRANT | {"scope": "scores:read arm:read"}, auth=auth).json()
    assert narrow["scope"] == "arm:read scores:read"
    refused = edc.http.post(TOKEN, data=GRANT | {"scope": "everything"}, auth=auth)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@pytest.mark.req("EDC-07")
def test_a_wrong_secret_is_refused_recorded_and_slowed_down(app: FastAPI, edc: Edc) -> None:
    wrong = [edc.http.post(TOKEN, data=GRANT, auth=(edc.client.client_id, "guess")) for _ in range(5)]
    unknown = edc.http.post(TOKEN, data=GRANT, auth=("nobody", "guess"))
    assert {answer.status_code for answer in [*wrong, unknown]} == {401}
    assert wrong[0].json() == unknown.json()
    assert wrong[0].json()["error"] == "invalid_client"
    assert wrong[0].headers["www-authenticate"].startswith("Basic")
    assert events(app).count(AuditEvent.EDC_TOKEN_REFUSED) == 6
    slow = edc.http.post(TOKEN, data=GRANT, auth=(edc.client.client_id, edc.client.secret))
    assert (slow.status_code, slow.json()["error"]) == (429, "slow_down")
    assert int(slow.headers["retry-after"]) == 3600


@pytest.mark.parametrize(
    ("body", "headers", "error", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, "invalid_request", 400),
        (b"", {}, "invalid_request", 400),
        (b"scope=x", {}, "invalid_request", 400),
        (b"grant_type=%ff", {}, "invalid_request", 400),
        (b"grant_type=\xff", {}, "invalid_request", 400),
        (b"grant_type=client_credentials&grant_type=client_credentials", {}, "invalid_request", 400),
        (b"grant_type=password", {}, "unsupported_grant_type", 400),
        (b"grant_type=client_credentials", {"Authorization": "Basic !!"}, "invalid_client", 401),
        (b"grant_type=client_credentials&client_id=%00&client_secret=%00", {}, "invalid_client", 401),
        (
            b"grant_type=client_credentials&client_secret=s",
            {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()},
            "invalid_request",
            400,
        ),
    ],
)
def test_a_malformed_request_is_answered_as_oauth_says(
    edc: Edc, body: bytes, headers: dict[str, str], error: str, status: int
) -> None:
    content_type = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    answer = edc.http.post(TOKEN, content=body, headers=content_type)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.req("EDC-07")
def test_a_token_ends_after_a_quarter_of_an_hour(edc: Edc, clock: Clock) -> None:
    assert edc.get("/whoami").status_code == 200
    clock.forward(minutes=15)
    answer = edc.get("/whoami")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "/problems/unauthorized"


def test_no_token_and_no_bearer_are_refused(edc: Edc) -> None:
    for header in ({}, {"Authorization": f"Basic {edc.token}"}, {"Authorization": "Bearer nonsense"}):
        answer = edc.http.get("/api/edc/v1/whoami", headers=header)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.req("EDC-07")
def test_two_secrets_live_during_a_rotation(app: FastAPI, edc: Edc, clock: Clock) -> None:
    installation: Installation = app.state.installation
    name, old = edc.client.client_id, edc.client.secret
    new = add_secret(StaffContext(installation, SYSTEM, clock.at), name)
    with pytest.raises(Refused, match="two_secrets"):
        add_secret(StaffContext(installation, SYSTEM, clock.at), name)
    assert [_request_token(edc, secret) for secret in (old, new)] == [200, 200]
    retire_secret(StaffContext(installation, SYSTEM, clock.at), name)
    assert [_request_token(edc, secret) for secret in (old, new)] == [401, 200]
    with pytest.raises(Refused, match="one_secret"):
        retire_secret(StaffContext(installation, SYSTEM, clock.at), name)
    assert [AuditEvent.EDC_SECRET_ADDED in events(app), AuditEvent.EDC_SECRET_RETIRED in events(app)] == [
        True,
        True,
    ]


def _request_token(edc: Edc, secret: str) -> int:
    client = NewClient(edc.client.client_id, secret)
    return edc.http.post(TOKEN, data=GRANT, auth=(client.client_id, client.secret)).status_code


@pytest.mark.req("EDC-07")
def test_a_disabled_client_stops_at_once(app: FastAPI, edc: Edc, clock: Clock) -> None:
    installation: Installation = app.state.installation
    disable_client(StaffContext(installation, SYSTEM, clock.at), edc.client.client_id, "contract ended")
    assert edc.get("/whoami").status_code == 401
    assert _request_token(edc, edc.client.secret) == 401
    with pytest.raises(Refused, match="unknown_client"):
        disable_client(StaffContext(installation, SYSTEM, clock.at), "edc-nobody", "")
    assert AuditEvent.EDC_CLIENT_DISABLED in events(app)


@pytest.mark.req("EDC-07")
@pytest.mark.usefixtures("sites")
def test_a_burst_is_slowed_down(app: FastAPI, edc: Edc, clock: Clock) -> None:
    app.state.edc_limits = RateLimits(quota=3)
    answers = [edc.get("/whoami") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"client";q=3;w=600'
    assert answers[2].headers["ratelimit"] == '"client";r=0;t=600'
    assert answers[3].headers["retry-after"] == "600"
    assert answers[3].json()["type"] == "/problems/rate-limited"
    other = sign_in_edc(app, clock.at)
    assert other.get("/whoami").status_code == 200
    clock.forward(minutes=10)
    assert edc.get("/whoami").status_code == 200
