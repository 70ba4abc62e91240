"""What a participant is told of corrections of their forms: whether one is checked, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col

from app.domain.records.participants import TeamRequestKind
from app.services.core.context import ParticipantContext
from app.storage.queries.corrections import list_own_corrections
from app.storage.tables.participants import TeamRequest


class CorrectionState(StrEnum):
    """How it stands with a correction: being checked, decided, or a request answered without one."""

    checking = "checking"
    approved = "approved"
    declined = "declined"
    answered = "answered"


@dataclass(frozen=True, slots=True)
class CorrectionNews:
    """The newest thing to say of a form, and since when it is so."""

    what: CorrectionState
    at: datetime


def list_correction_news(context: ParticipantContext) -> Mapping[int, CorrectionNews]:
    """The news of one's own forms, by the key of their slot; what is being checked comes before the rest.

    A request that the participant withdrew is no news to them.
    """
    participant_id = context.participant.participant_id
    closed = sa.select(col(TeamRequest.slot_key), col(TeamRequest.closed_at)).where(
        col(TeamRequest.participant_id) == participant_id,
        col(TeamRequest.kind) == TeamRequestKind.correction,
        col(TeamRequest.closed_at).is_not(None),
        col(TeamRequest.closed_by).is_distinct_from(context.actor.id),
    )
    with context.read() as session:
        corrections = list_own_corrections(session, participant_id)
        requests = session.execute(closed).all()
    news: dict[int, CorrectionNews] = {}
    for slot_key, closed_at in requests:
        _tell(news, slot_key, CorrectionState.answered, closed_at)
    for rows in corrections:
        slot_id, decision = rows.correction.slot_id, rows.decision
        if decision is None:
            _tell(news, slot_id, CorrectionState.checking, rows.correction.proposed_at)
        else:
            _tell(news, slot_id, CorrectionState(decision.outcome.value), decision.decided_at)
    return news


def _tell(news: dict[int, CorrectionNews], slot_id: int, what: CorrectionState, at: datetime) -> None:
    """Keep the newest; a decision closes the request at the same moment and outranks its end."""
    known = news.get(slot_id)
    checks = CorrectionState.checking
    if known is None or what is checks or (known.what is not checks and known.at <= at):
        news[slot_id] = CorrectionNews(what, at)
