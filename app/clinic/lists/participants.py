"""The list of all participants of a member of staff."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import build_address, clear_address
from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.desk.list_cursor import ListOrder
from app.domain.typed_text import narrow_text
from app.services.clinic.participant_list import (
    PAGE_SIZE,
    ParticipantSummary,
    PeopleFilter,
    list_participants,
)
from app.web.form_fields import BriefQuery
from app.web.urls import PARTICIPANTS


@dataclass(frozen=True, slots=True)
class ParticipantLine:
    """One participant in the list of all."""

    subject: str
    url: str
    site: str
    language: str
    enrolled_on: date
    activated: bool
    exit: str


@dataclass(frozen=True, slots=True)
class ParticipantsPage:
    """Every participant of one's sites, or of one of `sites`; `order` is "" for that by code."""

    template: ClassVar[str] = "clinic/people.html"
    rows: tuple[ParticipantLine, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    order: str
    search: str
    clear_url: str
    next_url: str
    enrolled: bool = False


router = APIRouter(include_in_schema=False)


@router.get(PARTICIPANTS)
def show_participants(
    request: SignedInRequest,
    q: BriefQuery = "",
    site: BriefQuery = "",
    order: BriefQuery = "",
    after: BriefQuery = "",
    done: str = "",
) -> Response:
    site, within = narrow_text(site), request.frame.within
    newest = ListOrder.newest if order == ListOrder.newest else None
    listed = list_participants(request.context, PeopleFilter(narrow_text(q), site, newest, after))
    rows = tuple(_line(row) for row in listed.rows[:PAGE_SIZE])
    chosen = {"q": q, "site": site, "order": newest or ""}
    further = build_address(PARTICIPANTS, {**chosen, "after": rows[-1].subject if rows else ""})
    page = ParticipantsPage(
        rows=rows,
        sites=tuple((site.code, f"{site.code} {site.name}") for site in listed.sites),
        site=site,
        order=newest or "",
        search=q,
        clear_url=within(clear_address(PARTICIPANTS)) if site or q else "",
        next_url=within(further) if len(listed.rows) > PAGE_SIZE else "",
        enrolled=done == "enrolled",
    )
    return request.show(page)


def _line(participant: ParticipantSummary) -> ParticipantLine:
    return ParticipantLine(
        subject=participant.subject,
        url=url_of_participant(participant.public_id),
        site=participant.site,
        language=participant.language,
        enrolled_on=participant.enrolled_on,
        activated=participant.activated,
        exit=participant.exit,
    )
