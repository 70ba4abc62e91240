"""Every route of the EDC's face under its base."""

from functools import cache

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.edc import inbound, outbound, responses, tokens
from app.edc.authentication import Conditions
from app.edc.data import cuts, datasets, exports
from app.edc.openapi import describe_api
from app.edc.strict_route import EdcRoute
from app.web.urls import EDC

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, conditions: Conditions) -> Response:
    """The published description, which holds no data."""
    return responses.representation_response(request, _document(), conditions)


@cache
def _document() -> str:
    return describe_api(router).decode()


for _part in (tokens, inbound, outbound, cuts, datasets, exports):
    router.routes.extend(_part.router.routes)
