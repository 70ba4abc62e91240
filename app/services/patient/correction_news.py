"""What a participant is told of corrections of their forms: whether one is checked, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col

from app.domain.capture.corrections import CorrectionOutcome
from app.domain.records.participants import TeamRequestKind
from app.services.core.context import ParticipantContext
from app.storage.queries.corrections import list_own_corrections
from app.storage.tables.capture import Correction
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

    state: CorrectionState
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
    decided = [(rows.decision, rows.correction) for rows in corrections if rows.decision is not None]
    closing = {(correction.slot_id, decision.decided_at) for decision, correction in decided}
    for slot_key, closed_at in requests:
        if (slot_key, closed_at) not in closing:
            _add_news(news, slot_key, CorrectionState.answered, closed_at)
    for decision, correction in sorted(decided, key=lambda pair: pair[0].decided_at):
        if decision.outcome is CorrectionOutcome.declined and _was_approved(news, correction):
            continue
        _add_news(news, correction.slot_id, CorrectionState(decision.outcome.value), decision.decided_at)
    for rows in corrections:
        if rows.decision is None:
            _add_news(news, rows.correction.slot_id, CorrectionState.checking, rows.correction.proposed_at)
    return news


def _was_approved(news: Mapping[int, CorrectionNews], declined: Correction) -> bool:
    """Whether another proposal was approved while this one waited: the form was corrected all the same."""
    known = news.get(declined.slot_id)
    return known is not None and known.state is CorrectionState.approved and known.at >= declined.proposed_at


def _add_news(news: dict[int, CorrectionNews], slot_id: int, state: CorrectionState, at: datetime) -> None:
    """Keep the newest; what is being checked outranks everything."""
    known = news.get(slot_id)
    checks = CorrectionState.checking
    if known is None or state is checks or (known.state is not checks and known.at <= at):
        news[slot_id] = CorrectionNews(state, at)
