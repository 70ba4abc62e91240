"""Routes by which the EDC pulls and looks things up."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from app.edc import request_models, response_models, responses
from app.edc.authentication import AuthenticatedClient, Conditions, RateCountedRoute
from app.edc.openapi import GET, STREAM, json_or_lines
from app.services.core.context import EdcContext
from app.services.edc import transfers
from app.services.edc.lookups import describe_participant, describe_study, describe_visit
from app.services.edc.transfers import FeedPage, FeedQuery, TransferRange, log_transfer, pull_changes
from app.web.dependencies import get_now
from app.web.urls import EDC

LOOKS_EVERY = 0.5
"""Seconds between two looks at the feed's head while a client waits."""

router = APIRouter(prefix=EDC, route_class=RateCountedRoute)


@router.get("/whoami", responses=GET | {200: {"model": response_models.ClientOut}})
def whoami(context: AuthenticatedClient) -> Response:
    """The client itself: its study, sites and scopes."""
    client = context.client
    return responses.json_response(
        {
            "client": client.client_id,
            "name": client.name,
            "study": client.study,
            "sites": client.sites,
            "scopes": sorted(client.scopes),
            "expires_at": client.expires_at,
        }
    )


@router.get("/studies/{study}", responses=GET | {200: {"model": response_models.StudyOut}})
def get_study(study: request_models.Subject, context: AuthenticatedClient) -> Response:
    """The client's study: feed, versions, rules."""
    return responses.json_response(describe_study(context, study))


@router.get("/participants/{subject}", responses=GET | {200: {"model": response_models.ParticipantOut}})
def get_participant(
    subject: request_models.Subject, context: AuthenticatedClient, conditions: Conditions
) -> Response:
    """A participant by code."""
    return responses.representation_response(describe_participant(context, subject), conditions)


@router.get(
    "/participants/{subject}/visits/{visit}", responses=GET | {200: {"model": response_models.VisitOut}}
)
def get_visit(
    subject: request_models.Subject,
    visit: request_models.Visit,
    context: AuthenticatedClient,
) -> Response:
    """A visit and its forms, with their state now."""
    seen = describe_visit(context, subject, visit)
    return responses.json_response(seen.body, version=seen.version)


@router.get("/changes", responses=json_or_lines(response_models.ChangesOut))
async def get_changes(
    request: Request,
    query: Annotated[request_models.ChangesQuery, Query()],
    context: AuthenticatedClient,
) -> Response:
    """The feed after a number, in order, each number exactly once."""
    stretch = FeedQuery(query.after, query.limit, query.type, query.feed)
    page = await _waited(request, context, stretch, query.wait)
    return await run_in_threadpool(_handed, request, context, page, page.lines, "changes")


@router.get("/scores", responses=json_or_lines(response_models.ScoresOut))
def get_scores(
    request: Request,
    query: Annotated[request_models.ScoresQuery, Query()],
    context: AuthenticatedClient,
) -> Response:
    """Flat score rows of completed assessments after a feed number."""
    page, rows = transfers.pull_scores(context, FeedQuery(query.after, query.limit, feed=query.feed))
    return _handed(request, context, page, [orjson.dumps(row).decode() for row in rows], "scores")


@router.get("/snapshot", responses=STREAM)
def get_snapshot(request: Request, context: AuthenticatedClient) -> Response:
    """The newest event of every record, one per line; go on with `/changes` after X-Through."""
    through = transfers.get_feed_head(context)
    parts = _streamed(request, context, through)
    headers = {"X-Feed": context.client.feed, "X-Through": str(through), "Vary": "Accept-Encoding"}
    if responses.takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        parts = responses.gzip_parts(parts)
    return StreamingResponse(parts, headers=headers, media_type=responses.LINES)


@router.get("/assessments/{assessment}", responses=GET | {200: {"model": response_models.Event}})
def get_assessment(assessment: request_models.Assessment, context: AuthenticatedClient) -> Response:
    """An assessment as it is now."""
    return _one(transfers.get_assessment(context, assessment, None))


@router.get(
    "/assessments/{assessment}/versions/{version}", responses=GET | {200: {"model": response_models.Event}}
)
def get_assessment_version(
    assessment: request_models.Assessment,
    version: request_models.Version,
    context: AuthenticatedClient,
) -> Response:
    """An assessment as one of its versions was; every one stays readable."""
    return _one(transfers.get_assessment(context, assessment, version))


def _one(line: str) -> Response:
    return Response(
        line, media_type=responses.JSON, headers=responses.version_headers(orjson.loads(line)["version"])
    )


async def _waited(request: Request, context: EdcContext, query: FeedQuery, seconds: int) -> FeedPage:
    """The page, once there is one: waiting clients hold no thread and no connection between looks."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    page = await run_in_threadpool(pull_changes, context, query)
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
) -> Response:
    """The page as a response, and its transfer noted; a page of nothing is no transfer."""
    if lines:
        handed = TransferRange(resource, page.after, page.through, len(lines))
        log_transfer(replace(context, at=get_now(request)), handed)
    return responses.page_response(request, page, lines)


def _streamed(request: Request, context: EdcContext, through: int) -> Iterator[bytes]:
    count = 0
    for lines in transfers.stream_snapshot(context, through):
        count += len(lines)
        yield "".join(f"{line}\n" for line in lines).encode()
    log_transfer(replace(context, at=get_now(request)), TransferRange("snapshot", 0, through, count))
