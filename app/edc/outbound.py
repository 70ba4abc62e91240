"""Routes by which the EDC pulls and looks things up."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import orjson
import structlog
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.domain.refusal import Refused
from app.edc import request_models, response_models, responses
from app.edc.authentication import AuthenticatedClient, Conditions
from app.edc.openapi import GET, STREAM, json_or_lines
from app.edc.responses import representation_response
from app.edc.strict_route import LINES, EdcRoute
from app.services.core.context import EdcContext
from app.services.edc import transfers
from app.services.edc.entity_tags import Preconditions, serialise_representation
from app.services.edc.lookups import describe_forms, describe_part, describe_study
from app.services.edc.transfers import FeedPage, FeedQuery, TransferRange, log_transfer, pull_changes
from app.web.dependencies import get_now
from app.web.middleware.head import is_bodiless
from app.web.urls import EDC

HANDED_OVER = 200
"""The status of an answer with a body; 304 hands nothing over."""
LOOKS_EVERY = 0.5
"""Seconds between two looks at the feed's head while a client waits."""

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.get("/whoami", responses=GET | {200: {"model": response_models.ClientOut}})
def whoami(request: Request, context: AuthenticatedClient, conditions: Conditions) -> Response:
    """The client itself: its study, sites and scopes."""
    client = context.client
    body = {
        "client": client.client_id,
        "name": client.name,
        "study": client.study,
        "sites": client.sites,
        "scopes": sorted(client.scopes),
        "expires_at": client.expires_at,
    }
    return representation_response(request, serialise_representation(body), conditions)


@router.get("/studies/{study}", responses=GET | {200: {"model": response_models.StudyOut}})
def get_study(
    request: Request, study: request_models.SubjectPath, context: AuthenticatedClient, conditions: Conditions
) -> Response:
    """The client's study: feed, versions, rules."""
    return representation_response(
        request, serialise_representation(describe_study(context, study)), conditions
    )


@router.get("/participants/{subject}", responses=GET | {200: {"model": response_models.ParticipantOut}})
def get_participant(
    request: Request,
    subject: request_models.SubjectPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """A participant by code."""
    return _part(request, context, subject, "", conditions)


@router.get("/participants/{subject}/status", responses=GET | {200: {"model": response_models.StatusOut}})
def get_status(
    request: Request,
    subject: request_models.SubjectPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """The status that the EDC stated last, and what is in force."""
    return _part(request, context, subject, "status", conditions)


@router.get("/participants/{subject}/arm", responses=GET | {200: {"model": response_models.ArmOut}})
def get_arm(
    request: Request,
    subject: request_models.SubjectPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """The arm that the EDC stated last."""
    return _part(request, context, subject, "arm", conditions)


@router.get(
    "/participants/{subject}/anchors/{kind}",
    responses=GET | {200: {"model": response_models.StatedAnchorOut}},
)
def get_anchor(
    request: Request,
    subject: request_models.SubjectPath,
    kind: request_models.AnchorKindPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """A dated fact as the EDC stated it last, and the date in force."""
    return _part(request, context, subject, f"anchors/{kind}", conditions)


@router.get(
    "/participants/{subject}/visits/{visit}", responses=GET | {200: {"model": response_models.VisitOut}}
)
def get_visit(
    request: Request,
    subject: request_models.SubjectPath,
    visit: request_models.VisitPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """A visit as the EDC stated it last, and its forms."""
    return _part(request, context, subject, f"visits/{visit}", conditions)


@router.get(
    "/participants/{subject}/visits/{visit}/forms", responses=GET | {200: {"model": response_models.FormsOut}}
)
def get_forms(
    request: Request,
    subject: request_models.SubjectPath,
    visit: request_models.VisitPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """The forms of a visit with their state now."""
    seen = describe_forms(context, subject, visit)
    return representation_response(request, serialise_representation(seen), conditions)


def _part(
    request: Request, context: EdcContext, subject: str, part: str, conditions: Preconditions
) -> Response:
    text = serialise_representation(describe_part(context, subject, part))
    return representation_response(request, text, conditions)


@router.get("/changes", responses=json_or_lines(response_models.ChangesOut))
async def get_changes(
    request: Request,
    query: Annotated[request_models.ChangesQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """The feed after a number, in order, each number exactly once."""
    stretch = FeedQuery(query.after, query.limit, query.type, query.feed)
    page = await _waited(request, context, stretch, query.wait)
    return await run_in_threadpool(_handed, request, context, page, page.lines, "changes", conditions)


@router.get("/scores", responses=json_or_lines(response_models.ScoresOut))
def get_scores(
    request: Request,
    query: Annotated[request_models.ScoresQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """Flat score rows of completed assessments after a feed number."""
    with _logged_rewind(context, query.after):
        page, rows = transfers.pull_scores(context, FeedQuery(query.after, query.limit, feed=query.feed))
    lines = [orjson.dumps(row).decode() for row in rows]
    return _handed(request, context, page, lines, "scores", conditions)


@router.get("/snapshot", responses=STREAM)
def get_snapshot(request: Request, context: AuthenticatedClient, conditions: Conditions) -> Response:
    """The newest event of every record, one per line; go on with `/changes` after X-Through."""
    through = transfers.get_feed_head(context)
    parts = _streamed(request, context, through)
    headers = {"X-Feed": context.client.feed, "X-Through": str(through)}
    digest = transfers.digest_snapshot(context, through)
    return responses.bulk_response(request, parts, LINES, digest, headers, conditions, in_thread=True)


@router.get("/assessments/{assessment}", responses=GET | {200: {"model": response_models.Event}})
def get_assessment(
    request: Request,
    assessment: request_models.AssessmentPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """An assessment as it is now."""
    line = transfers.get_assessment(context, assessment, None)
    return representation_response(request, line, conditions)


@router.get(
    "/assessments/{assessment}/versions/{version}", responses=GET | {200: {"model": response_models.Event}}
)
def get_assessment_version(
    request: Request,
    assessment: request_models.AssessmentPath,
    version: request_models.VersionPath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """An assessment as one of its versions was; every one stays readable."""
    line = transfers.get_assessment(context, assessment, version)
    return representation_response(request, line, conditions)


@contextmanager
def _logged_rewind(context: EdcContext, after: int) -> Iterator[None]:
    """Log a number beyond the feed as an error: the database was rewound, or the client is wrong."""
    try:
        yield
    except Refused as refused:
        if refused.code == "feed_ahead":
            client = context.client
            details = {"study": client.study, "client": client.client_id, "head": refused.details["head"]}
            structlog.get_logger("edc").error("feed_ahead", after=after, **details)
        raise


def _pull(context: EdcContext, query: FeedQuery) -> FeedPage:
    with _logged_rewind(context, query.after):
        return pull_changes(context, query)


async def _waited(request: Request, context: EdcContext, query: FeedQuery, seconds: int) -> FeedPage:
    """The page, once there is one: waiting clients hold no thread and no connection between looks."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    page = await run_in_threadpool(_pull, context, query)
    while page.through == query.after and clock() < until and not await request.is_disconnected():
        await asyncio.sleep(min(LOOKS_EVERY, max(0.0, until - clock())))
        if await run_in_threadpool(transfers.get_feed_head, context) > page.through:
            page = await run_in_threadpool(pull_changes, context, replace(query, after=page.through))
    return page


def _handed(
    request: Request,
    context: EdcContext,
    page: FeedPage,
    lines: Sequence[str],
    resource: str,
    conditions: Preconditions,
) -> Response:
    """The page as a response, and its transfer noted; a page of nothing, or without its body, is none."""
    response = responses.page_response(request, page, lines, conditions)
    if lines and response.status_code == HANDED_OVER and not is_bodiless(request):
        handed = TransferRange(resource, page.after, page.through, len(lines))
        log_transfer(replace(context, at=get_now(request)), handed)
    return response


def _streamed(request: Request, context: EdcContext, through: int) -> Iterator[bytes]:
    if is_bodiless(request):
        return
    count = 0
    try:
        for lines in transfers.stream_snapshot(context, through):
            count += len(lines)
            yield "".join(f"{line}\n" for line in lines).encode()
    finally:  # also of a transfer that was broken off
        log_transfer(replace(context, at=get_now(request)), TransferRange("snapshot", 0, through, count))
