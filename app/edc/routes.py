"""Every route of the EDC's face under its base."""

from functools import cache

from fastapi import APIRouter
from starlette.responses import Response

from app.edc import answers, inbound, outbound, tokens
from app.edc.callers import BASE
from app.edc.openapi import document

router = APIRouter(prefix=BASE)


@router.get("/openapi.json", include_in_schema=False)
def get_openapi() -> Response:
    """The published description, which holds no data."""
    return Response(_document(), media_type=answers.JSON)


@cache
def _document() -> bytes:
    return document(router)


for _part in (tokens, inbound, outbound):
    router.include_router(_part.router)
