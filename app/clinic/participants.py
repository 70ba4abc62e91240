"""The list of all participants of a member of staff."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.typed_text import narrow_text
from app.services.clinic.participant_list import PAGE_SIZE, list_participants
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
    """Every participant of one's sites."""

    template: ClassVar[str] = "clinic/people.html"
    rows: tuple[ParticipantLine, ...]
    search: str
    next_url: str
    enrolled: bool = False


router = APIRouter(include_in_schema=False)


@router.get(PARTICIPANTS)
def show_participants(
    request: SignedInRequest,
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=40)] = "",
    done: str = "",
) -> Response:
    listed = list_participants(request.context, narrow_text(q), after)
    rows = tuple(
        ParticipantLine(
            subject=each.subject,
            url=url_of_participant(each.public_id),
            site=each.site,
            language=each.language,
            enrolled_on=each.enrolled_on,
            activated=each.activated,
            exit=each.exit,
        )
        for each in listed[:PAGE_SIZE]
    )
    more = urlencode({"q": q, "after": rows[-1].subject}) if len(listed) > PAGE_SIZE else ""
    url = request.frame.within(f"{PARTICIPANTS}?{more}") if more else ""
    return request.show(ParticipantsPage(rows, q, url, enrolled=done == "enrolled"))
