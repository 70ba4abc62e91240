"""Named data cuts: making one, listing them, and what changed between two."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from http import HTTPStatus
from itertools import islice
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.domain.datasets.changes import DataChange
from app.domain.people.names import parse_purpose
from app.edc import request_models, response_models, responses
from app.edc.authentication import AuthenticatedClient, Conditions
from app.edc.openapi import GET, PUT, STREAM
from app.edc.responses import json_response, representation_response
from app.edc.strict_route import LINES, EdcRoute
from app.services.core.context import EdcContext
from app.services.datasets.cut_changes import compare_cuts, enter_changes
from app.services.datasets.cuts import NamedCut, get_named_cut, list_cuts, make_cut
from app.services.edc.entity_tags import digest_text, serialise_representation
from app.services.edc.transfers import TransferRange, log_transfer
from app.web.dependencies import get_now
from app.web.middleware.head import is_bodiless
from app.web.urls import EDC

PIECE = 200
"""Changes written at a time."""

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.get("/cuts", responses=GET | {200: {"model": response_models.CutsOut}})
def get_cuts(request: Request, context: AuthenticatedClient, conditions: Conditions) -> Response:
    """The study's named cuts, the newest first."""
    items = [_shown(cut) for cut in list_cuts(context, context.client.study)]
    text = serialise_representation({"study": context.client.study, "items": items})
    return representation_response(request, text, conditions)


@router.post(
    "/cuts",
    responses=PUT
    | {
        200: {"model": response_models.CutOut, "description": "Made before, with the same purpose"},
        201: {"model": response_models.CutOut, "description": "Made now"},
    },
)
def post_cut(payload: request_models.CutIn, context: AuthenticatedClient) -> Response:
    """Make a cut of the feed as it is now; the same name and purpose again change nothing."""
    cut = make_cut(context, context.client.study, payload.name, payload.purpose)
    return json_response(_shown(cut.cut), 200 if cut.known else 201)


@router.get("/cuts/{cut}", responses=GET | {200: {"model": response_models.CutOut}})
def get_cut(
    request: Request, cut: request_models.CutPath, context: AuthenticatedClient, conditions: Conditions
) -> Response:
    """One cut by name."""
    named = get_named_cut(context, context.client.study, cut)
    return representation_response(request, serialise_representation(_shown(named)), conditions)


@router.get("/cuts/{cut}/changes", responses=GET | STREAM)
def get_cut_changes(
    request: Request,
    cut: request_models.CutPath,
    query: Annotated[request_models.CutChangesQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Every field that changed after an older cut through this one, one change per line.

    Every pull is an entry of the trail.
    """
    purpose = parse_purpose(query.purpose)
    client, study = context.client, context.client.study
    older, newer = (get_named_cut(context, study, name) for name in (query.since, cut))
    changes = compare_cuts(context, study, query.since, cut)
    seen = [sorted(client.scopes), client.sites, sorted(client.site_ids), context.installation.app_version]
    digest = digest_text(serialise_representation(["changes", older.feed_hash, newer.feed_hash, *seen]))
    parts = _streamed(
        request, context, changes, TransferRange("cut changes", older.through, newer.through, 0)
    )
    answer = responses.bulk_response(request, parts, LINES, digest, {}, conditions, in_thread=True)
    if answer.status_code == HTTPStatus.OK and not is_bodiless(request):
        enter_changes(context, study, (query.since, cut), "ndjson", purpose)
    return answer


def _streamed(
    request: Request, context: EdcContext, changes: Iterator[DataChange], handed: TransferRange
) -> Iterator[bytes]:
    if is_bodiless(request):
        return
    count = 0
    try:
        while lines := [orjson.dumps(asdict(change)) + b"\n" for change in islice(changes, PIECE)]:
            count += len(lines)
            yield b"".join(lines)
    finally:  # also of a transfer that was broken off
        log_transfer(replace(context, at=get_now(request)), replace(handed, rows=count))


def _shown(cut: NamedCut) -> dict[str, object]:
    return {
        "name": cut.name,
        "feed": cut.feed,
        "through": cut.through,
        "feed_hash": cut.feed_hash,
        "at": cut.at,
        "plan_version": cut.plan_version,
        "plan_sha256": cut.plan_sha256,
        "app_version": cut.app_version,
        "purpose": cut.purpose,
        "made_by": cut.made_by,
    }
