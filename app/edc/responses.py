"""Building responses: JSON with a version tag, pages of ready-made lines, streams."""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from app.domain.records.audit import canonical_json
from app.edc.strict_route import JSON, LINES, accepted_types
from app.services.edc.entity_tags import (
    Preconditions,
    digest_representation,
    digest_text,
    entity_tag,
    list_entity_tags,
    serialise_representation,
)
from app.services.edc.records import StoreEffect, StoreResult
from app.services.edc.transfers import FeedPage
from app.web.middleware.compression import WORTH_CODING, compress_body
from app.web.middleware.negotiation import choose_coding, read_qualities, select_type
from app.web.urls import EDC

IDENTITY, GZIP = "identity", "gzip"
_AS_IT_IS = "no-store, no-transform"
"""A strong tag names these very bytes: nobody on the way may code them anew."""
AT_ONCE = 25
"""Lines per piece, some 100 kB."""

QUICK = 1
"""Level of gzip for bulk data: the higher ones cost more time than they save."""


def json_response(body: object, status: int = 200) -> Response:
    """A JSON body that is no representation of its own."""
    return Response(serialise_representation(body), status, media_type=JSON)


def receipt_response(request: Request, resource: str, stored: StoreResult, **more: object) -> Response:
    """What a PUT did: 201 for the first body at an address, 200 ever after.

    Its tag is the one with which a GET of the same headers would answer now.
    """
    body = {
        "resource": f"{EDC}/{resource}",
        "version": stored.version,
        "changed": stored.acts,
        "as_of": stored.as_of,
        "claimed_as_of": stored.claimed_as_of,
    }
    status = 201 if stored.effect is StoreEffect.created and not stored.known else 200
    response = json_response(body | more, status)
    response.headers["ETag"] = entity_tag(digest_text(stored.text), _coding(request, stored.text))
    response.headers["Cache-Control"] = _AS_IT_IS
    return response


def representation_response(request: Request, text: str, conditions: Preconditions) -> Response:
    """A representation in the coding that the reader takes, or 304 where the reader holds it already."""
    coding, digest = _coding(request, text), digest_text(text)
    headers = _tag_headers(digest, coding, "Accept-Encoding")
    unchanged = _answer_unchanged(digest, conditions, headers)
    if unchanged is not None:
        return unchanged
    body = text.encode()
    if coding != IDENTITY:
        body, headers["Content-Encoding"] = compress_body(body, coding), coding
    return Response(body, headers=headers, media_type=JSON)


def _tag_headers(digest: str, coding: str, vary: str) -> dict[str, str]:
    """The tag of a representation in this coding, and that nobody on the way may change its bytes."""
    return {"ETag": entity_tag(digest, coding), "Vary": vary, "Cache-Control": _AS_IT_IS}


def _answer_unchanged(digest: str, conditions: Preconditions, headers: Mapping[str, str]) -> Response | None:
    """304 where the reader holds what these headers tag, None where it must be sent.

    Raises Refused("version_mismatch").
    """
    conditions.check_reading(list_entity_tags(digest))
    return Response(status_code=304, headers=headers) if conditions.is_unchanged(headers["ETag"]) else None


def _coding(request: Request, text: str) -> str:
    """The coding in which a GET with these headers is answered."""
    chosen = choose_coding(request.headers.get("accept-encoding", "").encode())
    return chosen if chosen and len(text.encode()) >= WORTH_CODING else IDENTITY


def wants_lines(request: Request) -> bool:
    """Whether the client asks for one event per line."""
    return select_type(accepted_types(request), (JSON, LINES)) == LINES


def page_response(
    request: Request, page: FeedPage, lines: Sequence[str], conditions: Preconditions
) -> Response:
    """A stretch of the feed, or 304 where the reader holds it.

    The stored texts are joined and never read again. The tag is the digest of the very bytes that are sent.
    """
    headers = {} if page.complete else {"Link": f'<{_next(request, page)}>; rel="next"'}
    kind = LINES if wants_lines(request) else JSON
    if kind == LINES:
        headers |= counter_headers(page)
    digest = digest_representation(_page_parts(page, lines, kind))
    parts = _page_parts(page, lines, kind)
    return bulk_response(request, parts, kind, digest, headers, conditions)


def _page_parts(page: FeedPage, lines: Sequence[str], kind: str) -> Iterator[bytes]:
    """The page in pieces: as one JSON object, or line by line."""
    if kind == LINES:
        return join_lines(lines, "\n", "", "\n")
    opening = canonical_json(
        {"feed": page.feed, "after": page.after, "through": page.through, "head": page.head}
        | {"complete": page.complete, "audit_head": page.audit_head}
    )
    return join_lines(lines, ",", f'{opening[:-1]},"items":[', "]}")


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


def bulk_response(
    request: Request,
    parts: Iterable[bytes],
    kind: str,
    digest: str,
    headers: Mapping[str, str],
    conditions: Preconditions,
    in_thread: bool = False,
) -> Response:
    """Bulk data piece by piece, in quick gzip where the client takes it, or 304 where the client holds it.

    `digest` is that of the representation; `in_thread` is for pieces that are read from the database
    meanwhile. Raises Refused("version_mismatch").
    """
    coding = GZIP if takes_gzip(request) else IDENTITY
    tagged = {**headers, **_tag_headers(digest, coding, "Accept, Accept-Encoding")}
    unchanged = _answer_unchanged(digest, conditions, tagged)
    if unchanged is not None:
        return unchanged
    if coding == GZIP:
        parts, tagged["Content-Encoding"] = gzip_parts(parts), GZIP
    content = parts if in_thread else _handed(parts)
    return StreamingResponse(content, headers=tagged, media_type=kind)


async def _handed(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    # A coroutine of ready-made pieces: a plain iterator would be taken to a thread for each of them.
    for part in parts:
        if part:
            yield part


def takes_gzip(request: Request) -> bool:
    """Whether the client takes gzip."""
    accepted = request.headers.get("accept-encoding", "")
    return any(coding == GZIP and quality > 0 for coding, quality in read_qualities(accepted))


def gzip_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A stream compressed piece by piece."""
    press = zlib.compressobj(QUICK, wbits=zlib.MAX_WBITS | 16)
    for part in parts:
        yield press.compress(part)
    yield press.flush()


def _next(request: Request, page: FeedPage) -> str:
    return str(request.url.include_query_params(after=page.through).replace(scheme="", netloc=""))
