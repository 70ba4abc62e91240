"""Choosing one's mark on a phone of several people; it is kept on that phone alone."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from app.patient.person.device_cookies import renew_device_cookies
from app.patient.person.marks import (
    MOST_LETTERS,
    PersonMark,
    clean_nickname,
    free_drawings,
    give_marks,
    keep_marks,
    read_marks,
)
from app.patient.person.shared_device import list_bound_here
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.web.cookies import other_tokens
from app.web.urls import MARK, PEOPLE, WELCOME


@dataclass(frozen=True, slots=True)
class MarkPage:
    """The drawings that nobody else here has, each as it will look, and a nickname.

    `new`: asked while the phone is being set up. `taken`: somebody else chose the drawing meanwhile.
    """

    template: ClassVar[str] = "patient/mark.html"
    action_url: str
    skip_url: str
    drawings: tuple[tuple[str, Markup], ...]
    chosen: str
    nickname: str
    most_letters: int = MOST_LETTERS
    new: bool = False
    taken: bool = False


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


def _marks_here(current: ParticipantRequest) -> dict[int, PersonMark]:
    """The marks of everybody on this phone."""
    devices = [device.participant.device_id for device in list_bound_here(current)]
    return give_marks(read_marks(current.request), devices)


def _page(current: ParticipantRequest, marks: dict[int, PersonMark], *, new: bool) -> MarkPage:
    own = marks[current.participant.device_id]
    free = free_drawings(marks, current.participant.device_id)
    return MarkPage(
        action_url=MARK,
        skip_url=WELCOME if new else PEOPLE,
        drawings=tuple((mark, current.draw_mark(PersonMark(mark))) for mark in free),
        chosen=own.drawing,
        nickname=own.nickname,
        new=new,
    )


@router.get(MARK)
def show_mark_form(current: UnlockedRequest, new: bool = False) -> Response:
    marks = _marks_here(current)
    return current.show(_page(current, marks, new=new)) if len(marks) > 1 else _to_people()


@router.post(MARK)
def choose_mark(post: ParticipantPost) -> Response:
    """Keep the mark on this phone. One that is taken meanwhile is asked for again; the nickname is kept."""
    current, marks = post.current, _marks_here(post.current)
    if len(marks) == 1:
        return _to_people()
    drawing, device = post.fields.get("drawing", ""), post.current.participant.device_id
    nickname, new = clean_nickname(post.fields.get("nickname", "")), post.fields.get("new") == "1"
    taken = drawing not in free_drawings(marks, device)
    marks[device] = PersonMark(marks[device].drawing if taken else drawing, nickname, chosen=True)
    if taken:
        return current.show(replace(_page(current, marks, new=new), taken=True), 422)
    response = RedirectResponse(WELCOME if new else PEOPLE, 303)
    renew_device_cookies(response, current.cookie, other_tokens(current.request))
    keep_marks(response, marks)
    return response


def _to_people() -> Response:
    """Whoever uses the phone alone is told so there; their pages need no mark."""
    return RedirectResponse(PEOPLE, 303)
