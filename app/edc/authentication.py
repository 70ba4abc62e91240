"""Who calls: the client behind a bearer token, what it lacks, and how much it has left."""

from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2

from app.domain.records.access import Scope
from app.domain.refusal import Refused
from app.edc.rate_limit import RateLimits
from app.services.accounts.edc_clients import authenticate_client
from app.services.core.context import EdcContext
from app.services.edc.entity_tags import Preconditions
from app.web.dependencies import At, CurrentInstallation
from app.web.permissions import CallerKind, mark_guard, required_access
from app.web.urls import EDC

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
    Scope.CUTS_WRITE: "Make named cuts of the data",
    Scope.EXPORTS_RUN: "Read datasets of cuts and have exports made",
}

_flow = OAuthFlowClientCredentials(
    tokenUrl=f"{EDC}/oauth/token", scopes={scope.value: meaning for scope, meaning in MEANINGS.items()}
)
SCHEME = "client"
_scheme = OAuth2(flows=OAuthFlows(clientCredentials=_flow), scheme_name=SCHEME, auto_error=False)


@mark_guard(CallerKind.EDC)
def require_client(
    request: Request,
    authorization: Annotated[str | None, Security(_scheme)],
    installation: CurrentInstallation,
    at: At,
) -> EdcContext:
    """The client of this request, with the scope that the table of permissions asks for its route.

    Raises Refused: "invalid_token", "too_fast", "bad_field", "insufficient_scope".
    """
    scope = required_access(request, CallerKind.EDC).scope
    kind, _, bearer = (authorization or "").partition(" ")
    client = authenticate_client(installation, bearer.strip() if kind.lower() == "bearer" else None, at)
    limits: RateLimits = request.app.state.edc_limits
    request.state.rate = limits.count_request(client.client_id, at)
    _check_unique_parameters(request)
    if scope is not None:
        client.require(scope)
    request.state.edc_context = EdcContext(installation, client, at)
    return request.state.edc_context  # type: ignore[no-any-return]  # it was just put there


def _check_unique_parameters(request: Request) -> None:
    """Refuse an address that gives a parameter twice: one of the two would be dropped without a word."""
    for name in request.query_params:
        if len(request.query_params.getlist(name)) > 1:
            raise Refused("bad_field", field=name, allowed="given once")


async def read_preconditions(
    if_match: Annotated[
        str | None, Header(description="Tags of what is to be replaced, as served last")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="Tags already read; `*`: only if nothing is there")
    ] = None,
) -> Preconditions:
    """The conditions under which a request is meant."""
    return Preconditions(if_match, if_none_match)


Conditions = Annotated[Preconditions, Depends(read_preconditions)]
AuthenticatedClient = Annotated[EdcContext, Security(require_client)]
