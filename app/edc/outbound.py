"""Routes by which the EDC pulls and looks things up."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from app.edc import answers, schemas, shapes
from app.edc.callers import AnyClient, Conditions, Counted, ScoresReader
from app.edc.openapi import GET, STREAM, json_or_lines
from app.services import edc_outbound
from app.services.edc_access import Caller
from app.services.edc_outbound import Page, PageAsked, Stretch, log_transfer, pull
from app.services.edc_reading import participant_seen, study_seen, visit_seen
from app.services.installation import Installation
from app.web.dependencies import At, Daybook, now_of

LOOKS_EVERY = 0.5
"""Seconds between two looks at the feed's head while a client waits."""

router = APIRouter(route_class=Counted)


@router.get("/whoami", responses=GET | {200: {"model": shapes.ClientOut}})
def whoami(client: AnyClient) -> Response:
    """The client itself: its study, sites and scopes."""
    return answers.told(
        {
            "client": client.client_id,
            "name": client.name,
            "study": client.study,
            "sites": client.sites,
            "scopes": sorted(client.scopes),
            "expires_at": client.expires_at,
        }
    )


@router.get("/studies/{study}", responses=GET | {200: {"model": shapes.StudyOut}})
def get_study(study: schemas.Subject, client: AnyClient, daybook: Daybook) -> Response:
    """The client's study: feed, versions, rules."""
    return answers.told(study_seen(daybook, client, study))


@router.get("/participants/{subject}", responses=GET | {200: {"model": shapes.ParticipantOut}})
def get_participant(
    subject: schemas.Subject, client: AnyClient, conditions: Conditions, daybook: Daybook
) -> Response:
    """A participant by code."""
    return answers.shown(participant_seen(daybook, client, subject), conditions)


@router.get("/participants/{subject}/visits/{visit}", responses=GET | {200: {"model": shapes.VisitOut}})
def get_visit(
    subject: schemas.Subject, visit: schemas.Visit, client: AnyClient, daybook: Daybook, at: At
) -> Response:
    """A visit and its forms, with their state now."""
    seen = visit_seen(daybook, client, subject, visit, at)
    return answers.told(seen.body, version=seen.version)


@router.get("/changes", responses=json_or_lines(shapes.ChangesOut))
async def get_changes(
    request: Request,
    asked: Annotated[schemas.ChangesAsked, Query()],
    client: AnyClient,
    daybook: Daybook,
) -> Response:
    """The feed after a number, in order, each number exactly once."""
    stretch = PageAsked(asked.after, asked.limit, asked.type, asked.feed)
    page = await _waited(request, daybook, client, stretch, asked.wait)
    return await run_in_threadpool(_handed, request, daybook, client, page, page.lines, "changes")


@router.get("/scores", responses=json_or_lines(shapes.ScoresOut))
def get_scores(
    request: Request,
    asked: Annotated[schemas.ScoresAsked, Query()],
    client: ScoresReader,
    daybook: Daybook,
) -> Response:
    """Flat score rows of completed assessments after a feed number."""
    page, rows = edc_outbound.scores(daybook, client, PageAsked(asked.after, asked.limit, feed=asked.feed))
    return _handed(request, daybook, client, page, [orjson.dumps(row).decode() for row in rows], "scores")


@router.get("/snapshot", responses=STREAM)
def get_snapshot(request: Request, client: AnyClient, daybook: Daybook) -> Response:
    """The newest event of every record, one per line; go on with `/changes` after X-Through."""
    through = edc_outbound.head(daybook, client)
    parts = _streamed(request, daybook, client, through)
    headers = {"X-Feed": client.feed, "X-Through": str(through), "Vary": "Accept-Encoding"}
    if answers.takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        parts = answers.gzipped(parts)
    return StreamingResponse(parts, headers=headers, media_type=answers.LINES)


@router.get("/assessments/{assessment}", responses=GET | {200: {"model": shapes.Event}})
def get_assessment(assessment: schemas.Assessment, client: AnyClient, daybook: Daybook) -> Response:
    """An assessment as it is now."""
    return _one(edc_outbound.assessment(daybook, client, assessment, None))


@router.get("/assessments/{assessment}/versions/{version}", responses=GET | {200: {"model": shapes.Event}})
def get_assessment_version(
    assessment: schemas.Assessment, version: schemas.Version, client: AnyClient, daybook: Daybook
) -> Response:
    """An assessment as one of its versions was; every one stays readable."""
    return _one(edc_outbound.assessment(daybook, client, assessment, version))


def _one(line: str) -> Response:
    return Response(line, media_type=answers.JSON, headers=answers.tagged(orjson.loads(line)["version"]))


async def _waited(
    request: Request, daybook: Installation, client: Caller, asked: PageAsked, seconds: int
) -> Page:
    """The page, once there is one: waiting clients hold no thread and no connection between looks."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    page = await run_in_threadpool(pull, daybook, client, asked)
    while page.through == asked.after and clock() < until and not await request.is_disconnected():
        await asyncio.sleep(min(LOOKS_EVERY, max(0.0, until - clock())))
        if await run_in_threadpool(edc_outbound.head, daybook, client) > page.through:
            page = await run_in_threadpool(pull, daybook, client, replace(asked, after=page.through))
    return page


def _handed(
    request: Request, daybook: Installation, client: Caller, page: Page, lines: Sequence[str], resource: str
) -> Response:
    """The page as a response, and its transfer noted; a page of nothing is no transfer."""
    if lines:
        handed = Stretch(resource, page.after, page.through, len(lines))
        log_transfer(daybook, client, handed, now_of(request))
    return answers.page(request, page, lines)


def _streamed(request: Request, daybook: Installation, client: Caller, through: int) -> Iterator[bytes]:
    sent = 0
    for lines in edc_outbound.snapshot(daybook, client, through):
        sent += len(lines)
        yield "".join(f"{line}\n" for line in lines).encode()
    log_transfer(daybook, client, Stretch("snapshot", 0, through, sent), now_of(request))
