"""Routes by which the EDC sends: every one an idempotent PUT. Nothing here writes an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.domain.plans.rescheduling import WindowMove
from app.domain.plans.windows import Window
from app.domain.records.anchors import AnchorStanding
from app.domain.refusal import Refused
from app.edc import request_models, response_models
from app.edc.authentication import AuthenticatedClient, Conditions
from app.edc.openapi import PUT, WRITTEN
from app.edc.refused import KeepingRoute, keep_incomplete
from app.edc.responses import json_response, receipt_response
from app.i18n.languages import find_language
from app.services.core.context import EdcContext
from app.services.edc.entity_tags import Preconditions
from app.services.edc.lookups import confirm_unset
from app.services.edc.participants import ParticipantBody, StatusBody, receive_participant, receive_status
from app.services.edc.records import StoreResult
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import (
    AnchorBody,
    preview_edc_anchor,
    receive_anchor,
    receive_arm,
    receive_visit,
)
from app.web.urls import EDC

router = APIRouter(prefix=EDC, route_class=KeepingRoute)


@router.put("/participants/{subject}", responses=WRITTEN)
def put_participant(
    request: Request,
    subject: request_models.SubjectPath,
    payload: request_models.ParticipantIn,
    query: Annotated[request_models.ConfirmQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Register a participant, or update one."""
    address = _Address(request, context, subject, "", conditions)
    spoken = find_language(payload.language)
    language = spoken.code if spoken else payload.language
    body_served = payload.stated_members(language=language)
    if payload.as_of is None:
        return address.confirm_empty(body_served)
    body = ParticipantBody(payload.site, language, payload.reference_date, query.confirm)
    return address.build_receipt(
        receive_participant(address.build_request(payload, payload.as_of, body_served), body)
    )


@router.put("/participants/{subject}/status", responses=WRITTEN)
def put_status(
    request: Request,
    subject: request_models.SubjectPath,
    payload: request_models.StatusIn,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record withdrawal, completion, loss to follow-up or death."""
    address = _Address(request, context, subject, "status", conditions)
    if payload.as_of is None or payload.status is None:
        return address.confirm_empty(payload.stated_members())
    body = StatusBody(payload.status, payload.date, payload.scope, payload.reason)
    return address.build_receipt(receive_status(address.build_request(payload, payload.as_of), body))


@router.put("/participants/{subject}/visits/{visit}", responses=WRITTEN)
def put_visit(
    request: Request,
    subject: request_models.SubjectPath,
    visit: request_models.VisitPath,
    payload: request_models.VisitIn,
    query: Annotated[request_models.ConfirmQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record a visit."""
    address = _Address(request, context, subject, f"visits/{visit}", conditions)
    if payload.as_of is None or payload.state is None:
        return address.confirm_empty(payload.stated_members())
    statement = address.build_request(payload, payload.as_of)
    return address.build_receipt(receive_visit(statement, visit, payload.state, payload.date, query.confirm))


@router.put(
    "/participants/{subject}/anchors/{kind}",
    responses=PUT
    | {
        200: {"model": response_models.AnchorOut, "description": "Known, changed, or a dry run"},
        201: {"model": response_models.AnchorOut, "description": "The first of its kind"},
    },
)
def put_anchor(
    request: Request,
    subject: request_models.SubjectPath,
    kind: request_models.AnchorKindPath,
    payload: request_models.AnchorIn,
    query: Annotated[request_models.AnchorQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record a dated fact, or show what it would move."""
    address = _Address(request, context, subject, f"anchors/{kind}", conditions)
    more: dict[str, object] = {"dry_run": query.dry_run}
    if payload.as_of is None or payload.date is None:
        current: dict[str, object] = {"standing": AnchorStanding.CURRENT.value, "windows": []}
        return address.confirm_empty(payload.stated_members(), dry_run=query.dry_run, more=more | current)
    body = AnchorBody(kind, payload.date, payload.at, query.confirm)
    if query.dry_run:
        seen = preview_edc_anchor(context, subject, body)
        more |= {"changed": False, "standing": seen.standing, "windows": _moves(seen.moves)}
        return json_response(more)
    stored, done = receive_anchor(address.build_request(payload, payload.as_of), body)
    return address.build_receipt(stored, **more, standing=done.standing, windows=_moves(done.moves))


@router.put("/participants/{subject}/arm", responses=WRITTEN)
def put_arm(
    request: Request,
    subject: request_models.SubjectPath,
    payload: request_models.ArmIn,
    query: Annotated[request_models.ConfirmQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Record the randomised arm."""
    address = _Address(request, context, subject, "arm", conditions)
    if payload.as_of is None or payload.arm is None:
        return address.confirm_empty(payload.stated_members())
    statement = address.build_request(payload, payload.as_of)
    return address.build_receipt(receive_arm(statement, payload.arm, query.confirm))


@dataclass(frozen=True, slots=True)
class _Address:
    """What a PUT is about, who sends it and under which conditions."""

    request: Request
    context: EdcContext
    subject: str
    part: str
    conditions: Preconditions

    def build_request(
        self,
        payload: request_models.StatedIn,
        as_of: datetime,
        spelled_body: Mapping[str, object] | None = None,
    ) -> EdcRequest:
        """The request as the use cases take it; `spelled_body` where it is spelled otherwise than it came."""
        spelled = payload.stated_members() if spelled_body is None else spelled_body
        unwritable = payload.unwritable_members()
        return EdcRequest(self.context, self.subject, as_of, self.conditions, spelled, unwritable)

    def confirm_empty(
        self,
        body: Mapping[str, object],
        *,
        dry_run: bool = False,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> Response:
        """The answer to a body with empty members: only what was served so may come back.

        Another is refused, and kept as an open matter, but for one of a dry run, which changes nothing.
        """
        try:
            unset = confirm_unset(self.context, self.subject, self.part, body, self.conditions)
        except Refused as refused:
            if not dry_run:
                keep_incomplete(self.context, self.subject, self.part, body, refused)
            raise
        return self.build_receipt(unset, **more)

    def build_receipt(self, stored: StoreResult, **more: object) -> Response:
        """The receipt of what was done."""
        resource = f"participants/{self.subject}" + (f"/{self.part}" if self.part else "")
        return receipt_response(self.request, resource, stored, **more)


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
