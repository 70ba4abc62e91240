"""`POST /oauth/token`: client credentials by Basic or form (RFC 6749 §4.4), errors as OAuth tells them."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from app.domain.refusal import Refused
from app.edc.openapi import TOKEN, TOKEN_BODY
from app.edc.strict_route import EdcRoute
from app.services.accounts.edc_clients import issue_token
from app.web.dependencies import At, CurrentInstallation
from app.web.middleware.forwarding import find_source
from app.web.urls import EDC

FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.post("/oauth/token", responses=TOKEN, openapi_extra=TOKEN_BODY)
async def post_token(request: Request, installation: CurrentInstallation, at: At) -> Response:
    """A short-lived access token for a client's id and secret."""
    try:
        form = _form(request, await request.body())
        client_id, secret = _credentials(request, form)
        scopes = form.get("scope", "").split()
        source = find_source(request)
        issued = await run_in_threadpool(issue_token, installation, client_id, secret, scopes, source, at)
    except Refused as refused:
        return _refusal(refused, at)
    body = {"access_token": issued.token, "token_type": "Bearer", "expires_in": issued.seconds}
    return JSONResponse(body | {"scope": " ".join(issued.scopes)}, headers=_NO_STORE)


def _form(request: Request, body: bytes) -> Mapping[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", allowed=f"a body of {FORM}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as malformed:
        raise Refused("invalid_request", allowed="form fields in UTF-8") from malformed
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", allowed="each field once")
    if "grant_type" not in form:
        raise Refused("invalid_request", allowed="the field grant_type")
    if form["grant_type"] != "client_credentials":
        raise Refused("unsupported_grant_type", allowed="client_credentials")
    return form


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    kind, _, packed = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise Refused("invalid_request", allowed="one way of telling the secret")
    try:
        client_id, _, secret = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _refusal(refused: Refused, at: datetime) -> Response:
    headers, error, status = dict(_NO_STORE), refused.code, 400
    if error == "throttled":
        # RFC 6749 knows no word for it; the device grant's (RFC 8628) says what is meant.
        error, status = "slow_down", 429
        headers["Retry-After"] = str(_seconds(refused.details["until"], at))
    if error == "invalid_client":
        status = 401
        headers["WWW-Authenticate"] = 'Basic realm="daybook"'
    allowed = refused.details.get("allowed", "")
    names = allowed if isinstance(allowed, str) else " ".join(allowed)  # type: ignore[arg-type]  # scopes
    description = f"allowed: {names}" if names else "see the transfer specification"
    return JSONResponse({"error": error, "error_description": description}, status, headers)


def _seconds(until: object, at: datetime) -> int:
    return max(1, round((until - at).total_seconds())) if isinstance(until, datetime) else 3600
