"""The EDC in tests of use cases: a client that has signed in, and what it asks about a participant."""

from datetime import timedelta

from app.domain.records.access import SYSTEM, Scope
from app.services.accounts.edc_clients import authenticate_client, issue_token
from app.services.core.context import EdcClientSession, EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.edc.entity_tags import Preconditions
from app.services.edc.requests import EdcRequest
from app.services.setup.studies import create_client
from tests.scenarios.people import START


def caller_of(installation: Installation, sites: list[str] | None = None) -> EdcClientSession:
    """A new client of the EDC with every scope, signed in."""
    client = create_client(
        StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "EDC", tuple(Scope), sites
    )
    issued = issue_token(installation, client.client_id, client.secret, None, "192.0.2.9", START)
    return authenticate_client(installation, issued.token, START)


def request_about(
    installation: Installation, caller: EdcClientSession, subject: str, hours: int = 0
) -> EdcRequest:
    """What this client asks about a participant, so many hours after the start."""
    at = START + timedelta(hours=hours)
    return EdcRequest(EdcContext(installation, caller, at), subject, at, Preconditions())
