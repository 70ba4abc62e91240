"""Who calls: the client behind a bearer token, what it lacks, and how much it has left."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.routing import APIRoute
from fastapi.security import OAuth2, SecurityScopes
from starlette.responses import Response

from app.domain.records.access import Scope
from app.edc.rate_limit import RateLimits
from app.services.accounts.edc_clients import authenticate_client
from app.services.core.context import EdcContext
from app.services.edc.records import Preconditions
from app.web.dependencies import At, CurrentInstallation

BASE = "/api/edc/v1"

MEANINGS = {
    Scope.PARTICIPANTS_WRITE: "Register and update participants",
    Scope.VISITS_WRITE: "Send visits",
    Scope.STATUS_WRITE: "Send withdrawal, completion, loss and death",
    Scope.ANCHORS_WRITE: "Send dated facts such as the randomisation",
    Scope.ARM_WRITE: "Send the randomised arm",
    Scope.ARM_READ: "Read the randomised arm",
    Scope.ANSWERS_READ: "Read answers to single questions",
    Scope.SCORES_READ: "Read scores",
    Scope.DIARY_READ: "Read the symptom diary",
}

_flow = OAuthFlowClientCredentials(
    tokenUrl=f"{BASE}/oauth/token", scopes={scope.value: told for scope, told in MEANINGS.items()}
)
_scheme = OAuth2(flows=OAuthFlows(clientCredentials=_flow), scheme_name="client", auto_error=False)


def require_client(
    request: Request,
    needed: SecurityScopes,
    authorization: Annotated[str | None, Security(_scheme)],
    installation: CurrentInstallation,
    at: At,
) -> EdcContext:
    """The client of this request. Raises Refused: "invalid_token", "too_fast", "insufficient_scope"."""
    kind, _, bearer = (authorization or "").partition(" ")
    with installation.read() as session:
        found = authenticate_client(session, bearer.strip() if kind.lower() == "bearer" else None, at)
    limits: RateLimits = request.app.state.edc_limits
    request.state.rate = limits.count(found.client_id, at)
    for scope in needed.scopes:
        found.require(Scope(scope))
    return EdcContext(installation, found, at)


async def read_preconditions(
    if_match: Annotated[str | None, Header(description='Version to replace, such as `"3"`')] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: only if nothing is there")] = None,
) -> Preconditions:
    """The conditions under which a request is meant."""
    return Preconditions(if_match, if_none_match)


Conditions = Annotated[Preconditions, Depends(read_preconditions)]
AnyClient = Annotated[EdcContext, Security(require_client)]
ParticipantsWriter = Annotated[EdcContext, Security(require_client, scopes=[Scope.PARTICIPANTS_WRITE.value])]
VisitsWriter = Annotated[EdcContext, Security(require_client, scopes=[Scope.VISITS_WRITE.value])]
StatusWriter = Annotated[EdcContext, Security(require_client, scopes=[Scope.STATUS_WRITE.value])]
AnchorsWriter = Annotated[EdcContext, Security(require_client, scopes=[Scope.ANCHORS_WRITE.value])]
ArmWriter = Annotated[EdcContext, Security(require_client, scopes=[Scope.ARM_WRITE.value])]
ScoresReader = Annotated[EdcContext, Security(require_client, scopes=[Scope.SCORES_READ.value])]


class RateCountedRoute(APIRoute):
    """A route whose answers tell the client what is left of its quota."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def counted(request: Request) -> Response:
            response = await answer(request)
            response.headers.update(getattr(request.state, "rate", {}))
            return response

        return counted
