"""A participant's history: what happened, when and by whom, the newest first, by kind, and printable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.records.event_words import name_event
from app.clinic.request import PermittedRequest, url_of_participant
from app.clinic.trail.address import TrailQuery
from app.domain.desk.history import HistoryKind
from app.services.clinic.participants.history import HistoryEntry, get_participant_history
from app.web.form_fields import parse_number
from app.web.urls import HISTORY

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history; `kind` is "" for all kinds, `older_url` is "" at the end.

    `words` are those of the events. `trail_url` leads to the whole trail, "" for who may not read it.
    """

    template: ClassVar[str] = "clinic/history.html"
    subject: str
    back_url: str
    url: str
    zone: str
    kinds: tuple[str, ...]
    kind: str
    entries: tuple[HistoryEntry, ...]
    words: Mapping[str, str]
    trail_url: str
    older_url: str


@router.get(HISTORY)
def show_history(request: PermittedRequest, kind: str = "", before: str = "") -> Response:
    """The history of one kind or all; an unknown kind shows all. Raises Refused("bad_field")."""
    chosen = HistoryKind(kind) if kind in tuple(HistoryKind) else None
    history = get_participant_history(
        request.context,
        request.participant.participant_id,
        request.frame.code,
        chosen,
        parse_number(before, "before") if before else None,
    )
    back = url_of_participant(history.public_id)
    trail = TrailQuery(participant=history.subject)
    url, named = f"{back}/history", chosen.value if chosen else ""
    page = HistoryPage(
        subject=history.subject,
        back_url=back,
        url=url,
        zone=history.zone,
        kinds=tuple(HistoryKind),
        kind=named,
        entries=history.entries,
        words={entry.event: request.translate(name_event(entry.event)) for entry in history.entries},
        trail_url=request.frame.within(trail.build_url()) if history.sees_trail else "",
        older_url=f"{url}?kind={named}&before={history.older}" if history.older is not None else "",
    )
    return request.show(page)
