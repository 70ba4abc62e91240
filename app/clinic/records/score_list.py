"""Scores: participants with the newest form that was scored, each leading to their plots."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import build_address
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.typed_text import narrow_text
from app.services.clinic.participants.score_list import (
    ScoredList,
    ScoredParticipant,
    list_scored_participants,
)
from app.web.form_fields import BriefQuery
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
    """Participants with scores, by code; `site` narrows them to one of `sites`."""

    template: ClassVar[str] = "clinic/score_list.html"
    rows: tuple[ScoredRow, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str


router = APIRouter(include_in_schema=False)


@router.get(SCORE_LIST)
def show_score_list(request: SignedInRequest, site: BriefQuery = "", after: BriefQuery = "") -> Response:
    study, site = request.study, narrow_text(site)
    listed = list_scored_participants(request.context, study.id, after, site=site) if study else ScoredList()
    further = build_address(SCORE_LIST, {"site": site, "after": listed.after})
    page = ScoreListPage(
        rows=tuple(_row(request, row) for row in listed.rows),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in listed.sites),
        site=site,
        next_url=request.frame.within(further) if listed.after else "",
    )
    return request.show(page)


def _row(request: StaffRequest, scored: ScoredParticipant) -> ScoredRow:
    instrument = request.installation.library.get_instrument(scored.instrument, scored.instrument_version)
    return ScoredRow(
        subject=scored.subject,
        url=SCORES.format(participant=scored.participant),
        site=scored.site.name,
        form=request.installation.name_instrument(scored.site.study, instrument, request.frame.code),
        visit=scored.visit,
        at=scored.submitted_at,
        zone=scored.zone,
    )
