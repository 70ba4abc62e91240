"""Building responses: JSON with a version tag, pages of ready-made lines, streams."""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import orjson
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from app.domain.records.audit import canonical_json
from app.services.edc.lookups import Representation
from app.services.edc.records import Preconditions, StoreEffect, StoreResult
from app.services.edc.transfers import FeedPage
from app.web.urls import EDC

JSON = "application/json"
LINES = "application/x-ndjson"
AT_ONCE = 25
"""Lines per piece, some 100 kB."""

QUICK = 1
"""Level of gzip for bulk data: the higher ones cost more time than they save."""


def json_response(body: object, status: int = 200, version: int | None = None) -> Response:
    """A JSON body, tagged with its version."""
    headers = {} if version is None else version_headers(version)
    return Response(orjson.dumps(body, default=str), status, headers, media_type=JSON)


def version_headers(version: int) -> dict[str, str]:
    """The headers of a version: its strong tag, which a compressed copy would not keep."""
    return {"ETag": f'"{version}"', "Cache-Control": "no-store, no-transform"}


def receipt_response(resource: str, stored: StoreResult, **more: object) -> Response:
    """What a PUT did: 201 for the first body at an address, 200 ever after."""
    body = {
        "resource": f"{EDC}/{resource}",
        "version": stored.version,
        "changed": stored.acts,
        "as_of": stored.as_of,
    }
    status = 201 if stored.effect is StoreEffect.created and not stored.known else 200
    return json_response(body | more, status, stored.version)


def representation_response(seen: Representation, conditions: Preconditions) -> Response:
    """A thing as it is, or 304 where the reader holds this version."""
    conditions.check_reading(seen.version)
    if conditions.unchanged(seen.version):
        return Response(status_code=304, headers=version_headers(seen.version))
    return json_response(seen.body, version=seen.version)


def wants_lines(request: Request) -> bool:
    """Whether the client asks for one event per line."""
    return LINES in request.headers.get("accept", "")


def page_response(request: Request, page: FeedPage, lines: Sequence[str]) -> Response:
    """A stretch of the feed; the stored texts are joined and never read again."""
    headers = {} if page.complete else {"Link": f'<{_next(request, page)}>; rel="next"'}
    if wants_lines(request):
        return streamed_response(
            request, join_lines(lines, "\n", "", "\n"), LINES, headers | counter_headers(page)
        )
    opening = canonical_json(
        {"feed": page.feed, "after": page.after, "through": page.through, "head": page.head}
        | {"complete": page.complete, "audit_head": page.audit_head}
    )
    parts = join_lines(lines, ",", f'{opening[:-1]},"items":[', "]}")
    return streamed_response(request, parts, JSON, headers)


def join_lines(lines: Sequence[str], between: str, opening: str, closing: str) -> Iterator[bytes]:
    """The lines joined some at a time: megabytes in one piece would be copied again and again."""
    yield opening.encode()
    for start in range(0, len(lines), AT_ONCE):
        some = between.join(lines[start : start + AT_ONCE])
        yield (some if start == 0 else between + some).encode()
    yield (closing if opening or lines else "").encode()


def counter_headers(page: FeedPage) -> dict[str, str]:
    """The counters of a page of lines, as headers."""
    seal = page.audit_head
    return {
        "X-Feed": page.feed,
        "X-After": str(page.after),
        "X-Through": str(page.through),
        "X-Head": str(page.head),
        "X-Complete": str(page.complete).lower(),
        **({"X-Audit-Head": str(seal["hash"])} if seal else {}),
    }


def streamed_response(
    request: Request, parts: Iterator[bytes], kind: str, headers: dict[str, str]
) -> Response:
    """Bulk data piece by piece, in quick gzip where the client takes it."""
    all_headers = headers | {"Vary": "Accept, Accept-Encoding"}
    if takes_gzip(request):
        parts, all_headers["Content-Encoding"] = gzip_parts(parts), "gzip"
    return StreamingResponse(_handed(parts), headers=all_headers, media_type=kind)


async def _handed(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    # A coroutine of ready-made pieces: a plain iterator would be taken to a thread for each of them.
    for part in parts:
        if part:
            yield part


def takes_gzip(request: Request) -> bool:
    """Whether the client takes gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def gzip_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same stream, compressed piece by piece."""
    press = zlib.compressobj(QUICK, wbits=zlib.MAX_WBITS | 16)
    for part in parts:
        yield press.compress(part)
    yield press.flush()


def _next(request: Request, page: FeedPage) -> str:
    return str(request.url.include_query_params(after=page.through).replace(scheme="", netloc=""))
