"""The list of all participants of a member of staff."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.services.clinic.participant_overview import PEOPLE, list_activated_ids, list_participants
from app.services.clinic.worklist import (
    list_staff_sites,
)
from app.web.urls import DESK


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
    """Every participant of one's sites."""

    template: ClassVar[str] = "clinic/people.html"
    rows: tuple[ParticipantLine, ...]
    search: str
    next_url: str


router = APIRouter(include_in_schema=False)


@router.get("/desk/participants")
def show_participants(
    desk: SignedInRequest,
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    with desk.installation.read() as session:
        sites = {place.site_id: place for place in list_staff_sites(session, desk.actor)}
        found = list_participants(session, desk.actor, q, after)
        bound = list_activated_ids(session, found)
    rows = tuple(
        ParticipantLine(
            subject=each.subject,
            url=url_of_participant(each.public_id),
            site=sites[each.site_id].name,
            language=each.language,
            enrolled_on=local_day(each.enrolled_at, each.zone),
            activated=each.id in bound,
            exit=each.exit_kind.value if each.exit_kind else "",
        )
        for each in found[:PEOPLE]
    )
    more = urlencode({"q": q, "after": rows[-1].subject}) if len(found) > PEOPLE else ""
    return desk.show(ParticipantsPage(rows, q, f"{DESK}/participants?{more}" if more else ""))
