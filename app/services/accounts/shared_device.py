"""One phone, several participants: who is bound in a browser, and passing it on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.domain.refusal import Refused
from app.services.accounts.participant_session import authenticate
from app.services.core.context import ParticipantSession
from app.services.core.installation import Installation


@dataclass(frozen=True, slots=True)
class BoundParticipant:
    """Somebody bound in this browser: the cookie's token, and who it is."""

    token: str
    participant: ParticipantSession


def list_bound_participants(
    installation: Installation, tokens: Collection[str], at: datetime
) -> tuple[BoundParticipant, ...]:
    """Those of the tokens that still bind somebody, in the order of the tokens."""
    with installation.read() as session:
        bound = [_bound_participant(installation, session, token, at) for token in tokens]
    return tuple(each for each in bound if each is not None)


def _bound_participant(
    installation: Installation, session: Session, token: str, at: datetime
) -> BoundParticipant | None:
    try:
        return BoundParticipant(token, authenticate(installation, session, token, at))
    except Refused:
        return None
