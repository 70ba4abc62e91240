"""Scores: participants with the newest form that was scored, each leading to their plots."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.request import SignedInRequest, StaffRequest
from app.services.clinic.participants.score_list import ScoredParticipant, list_scored_participants
from app.web.urls import SCORE_LIST, SCORES


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A participant, and the form of theirs that was scored last."""

    subject: str
    url: str
    site: str
    form: str
    visit: str
    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class ScoreListPage:
    """Participants with scores, by code."""

    template: ClassVar[str] = "clinic/score_list.html"
    rows: tuple[ScoredRow, ...]
    next_url: str


router = APIRouter(include_in_schema=False)


@router.get(SCORE_LIST)
def show_score_list(request: SignedInRequest, after: Annotated[str, Query(max_length=40)] = "") -> Response:
    study = request.study
    rows, last = list_scored_participants(request.context, study.id, after) if study else ((), "")
    further = request.frame.within(f"{SCORE_LIST}?{urlencode({'after': last})}") if last else ""
    return request.show(ScoreListPage(tuple(_row(request, each) for each in rows), further))


def _row(request: StaffRequest, each: ScoredParticipant) -> ScoredRow:
    instrument = request.installation.library.get_instrument(each.instrument, each.instrument_version)
    return ScoredRow(
        subject=each.subject,
        url=SCORES.format(participant=each.participant),
        site=each.site.name,
        form=request.installation.name_instrument(each.site.study, instrument, request.frame.code),
        visit=each.visit,
        at=each.submitted_at,
        zone=each.zone,
    )
