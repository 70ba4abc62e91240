"""Routes by which the EDC sends: every one an idempotent PUT. Nothing here writes an answer."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.domain.schedule import Move
from app.domain.window import Window
from app.edc import schemas, shapes
from app.edc.answers import receipt, told
from app.edc.callers import (
    AnchorsWriter,
    ArmWriter,
    Conditions,
    Counted,
    ParticipantsWriter,
    StatusWriter,
    VisitsWriter,
)
from app.edc.openapi import PUT, WRITTEN
from app.i18n.languages import language
from app.services.edc_delivery import Delivery
from app.services.edc_inbound import ParticipantBody, StatusBody, receive_participant, receive_status
from app.services.edc_schedule import AnchorBody, preview, receive_anchor, receive_arm, receive_visit
from app.web.dependencies import At, Daybook

router = APIRouter(route_class=Counted)


@router.put("/participants/{subject}", responses=WRITTEN)
def put_participant(
    subject: schemas.Subject,
    sent: schemas.ParticipantIn,
    client: ParticipantsWriter,
    conditions: Conditions,
    daybook: Daybook,
    at: At,
) -> Response:
    """Register a participant, or update one."""
    spoken = language(sent.language)
    body = ParticipantBody(sent.site, spoken.code if spoken else sent.language, sent.reference_date)
    delivery = Delivery(client, subject, sent.as_of, at, conditions)
    return receipt(delivery.place(), receive_participant(daybook, delivery, body))


@router.put("/participants/{subject}/status", responses=WRITTEN)
def put_status(
    subject: schemas.Subject,
    sent: schemas.StatusIn,
    client: StatusWriter,
    conditions: Conditions,
    daybook: Daybook,
    at: At,
) -> Response:
    """Record withdrawal, completion, loss to follow-up or death."""
    body = StatusBody(sent.status, sent.date, sent.scope, sent.reason)
    delivery = Delivery(client, subject, sent.as_of, at, conditions)
    return receipt(delivery.place("status"), receive_status(daybook, delivery, body))


@router.put("/participants/{subject}/visits/{visit}", responses=WRITTEN)
def put_visit(
    subject: schemas.Subject,
    visit: schemas.Visit,
    sent: schemas.VisitIn,
    client: VisitsWriter,
    conditions: Conditions,
    daybook: Daybook,
    at: At,
) -> Response:
    """Record a visit."""
    delivery = Delivery(client, subject, sent.as_of, at, conditions)
    kept = receive_visit(daybook, delivery, visit, sent.state, sent.date)
    return receipt(delivery.place(f"visits/{visit}"), kept)


@router.put(
    "/participants/{subject}/anchors/{kind}",
    responses=PUT
    | {
        200: {"model": shapes.AnchorOut, "description": "Known, changed, or a dry run"},
        201: {"model": shapes.AnchorOut, "description": "The first of its kind"},
    },
)
def put_anchor(
    subject: schemas.Subject,
    kind: schemas.AnchorKind,
    sent: schemas.AnchorIn,
    asked: Annotated[schemas.AnchorAsked, Query()],
    client: AnchorsWriter,
    conditions: Conditions,
    daybook: Daybook,
    at: At,
) -> Response:
    """Record a dated fact, or show what it would move."""
    body = AnchorBody(kind, sent.date, sent.at, asked.confirm)
    if asked.dry_run:
        seen = preview(daybook, client, subject, body, at)
        return told(
            {"changed": False, "dry_run": True, "standing": seen.standing, "windows": _moves(seen.moves)}
        )
    delivery = Delivery(client, subject, sent.as_of, at, conditions)
    kept, done = receive_anchor(daybook, delivery, body)
    more = {"dry_run": False, "standing": done.standing, "windows": _moves(done.moves)}
    return receipt(delivery.place(f"anchors/{kind}"), kept, **more)


@router.put("/participants/{subject}/arm", responses=WRITTEN)
def put_arm(
    subject: schemas.Subject,
    sent: schemas.ArmIn,
    client: ArmWriter,
    conditions: Conditions,
    daybook: Daybook,
    at: At,
) -> Response:
    """Record the randomised arm."""
    delivery = Delivery(client, subject, sent.as_of, at, conditions)
    return receipt(delivery.place("arm"), receive_arm(daybook, delivery, sent.arm))


def _moves(moves: tuple[Move, ...]) -> list[dict[str, object]]:
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
