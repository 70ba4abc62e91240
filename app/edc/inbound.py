"""Routes by which the EDC sends: every one an idempotent PUT. Nothing here writes an answer."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.domain.plans.rescheduling import WindowMove
from app.domain.plans.windows import Window
from app.edc import request_models, response_models
from app.edc.authentication import AuthenticatedClient, Conditions, RateCountedRoute
from app.edc.openapi import PUT, WRITTEN
from app.edc.responses import json_response, receipt_response
from app.i18n.languages import find_language
from app.services.edc.participants import ParticipantBody, StatusBody, receive_participant, receive_status
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import (
    AnchorBody,
    preview_edc_anchor,
    receive_anchor,
    receive_arm,
    receive_visit,
)
from app.web.urls import EDC

router = APIRouter(prefix=EDC, route_class=RateCountedRoute)


@router.put("/participants/{subject}", responses=WRITTEN)
def put_participant(
    subject: request_models.Subject,
    payload: request_models.ParticipantIn,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Register a participant, or update one."""
    spoken = find_language(payload.language)
    body = ParticipantBody(payload.site, spoken.code if spoken else payload.language, payload.reference_date)
    request = EdcRequest(context, subject, payload.as_of, conditions)
    return receipt_response(request.resource(), receive_participant(request, body))


@router.put("/participants/{subject}/status", responses=WRITTEN)
def put_status(
    subject: request_models.Subject,
    payload: request_models.StatusIn,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record withdrawal, completion, loss to follow-up or death."""
    body = StatusBody(payload.status, payload.date, payload.scope, payload.reason)
    request = EdcRequest(context, subject, payload.as_of, conditions)
    return receipt_response(request.resource("status"), receive_status(request, body))


@router.put("/participants/{subject}/visits/{visit}", responses=WRITTEN)
def put_visit(
    subject: request_models.Subject,
    visit: request_models.Visit,
    payload: request_models.VisitIn,
    query: Annotated[request_models.ConfirmQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record a visit."""
    request = EdcRequest(context, subject, payload.as_of, conditions)
    stored = receive_visit(request, visit, payload.state, payload.date, query.confirm)
    return receipt_response(request.resource(f"visits/{visit}"), stored)


@router.put(
    "/participants/{subject}/anchors/{kind}",
    responses=PUT
    | {
        200: {"model": response_models.AnchorOut, "description": "Known, changed, or a dry run"},
        201: {"model": response_models.AnchorOut, "description": "The first of its kind"},
    },
)
def put_anchor(
    subject: request_models.Subject,
    kind: request_models.AnchorKind,
    payload: request_models.AnchorIn,
    query: Annotated[request_models.AnchorQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record a dated fact, or show what it would move."""
    body = AnchorBody(kind, payload.date, payload.at, query.confirm)
    if query.dry_run:
        seen = preview_edc_anchor(context, subject, body)
        return json_response(
            {"changed": False, "dry_run": True, "standing": seen.standing, "windows": _moves(seen.moves)}
        )
    request = EdcRequest(context, subject, payload.as_of, conditions)
    stored, done = receive_anchor(request, body)
    more = {"dry_run": False, "standing": done.standing, "windows": _moves(done.moves)}
    return receipt_response(request.resource(f"anchors/{kind}"), stored, **more)


@router.put("/participants/{subject}/arm", responses=WRITTEN)
def put_arm(
    subject: request_models.Subject,
    payload: request_models.ArmIn,
    query: Annotated[request_models.ConfirmQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record the randomised arm."""
    request = EdcRequest(context, subject, payload.as_of, conditions)
    return receipt_response(request.resource("arm"), receive_arm(request, payload.arm, query.confirm))


def _moves(moves: tuple[WindowMove, ...]) -> list[dict[str, object]]:
    return [
        {
            "visit": move.key[0],
            "instrument": move.key[1],
            "before": _window(move.old),
            "after": _window(move.new),
            "would_be_missed": move.would_be_missed,
        }
        for move in moves
    ]


def _window(window: Window | None) -> dict[str, object] | None:
    if window is None:
        return None
    days = {"opens_on": window.opens_on, "target_on": window.target_on, "closes_on": window.closes_on}
    return {**days, "opens_at": window.opens_at, "closes_at": window.closes_at, "zone": window.zone}
