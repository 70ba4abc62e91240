"""Every route of the EDC's face under its base."""

from functools import cache

from fastapi import APIRouter
from starlette.responses import Response

from app.edc import inbound, outbound, responses, tokens
from app.edc.openapi import describe_api
from app.web.urls import EDC

router = APIRouter(prefix=EDC)


@router.get("/openapi.json", include_in_schema=False)
def get_openapi() -> Response:
    """The published description, which holds no data."""
    return Response(_document(), media_type=responses.JSON)


@cache
def _document() -> bytes:
    return describe_api(router)


for _part in (tokens, inbound, outbound):
    router.routes.extend(_part.router.routes)
