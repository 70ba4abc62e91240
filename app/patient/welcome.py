"""After a browser was bound: how large to read, and two questions for practice; one tap skips each."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, UnlockedRequest
from app.services.patient.text_size import choose_text_size
from app.web.urls import PRACTICE, READY, WELCOME


@dataclass(frozen=True, slots=True)
class TextSizePage:
    """How large somebody reads, each size with a sample of itself."""

    template: ClassVar[str] = "patient/text_size.html"
    action_url: str
    skip_url: str
    size: str  # "standard" | "large" | "extra_large"


@dataclass(frozen=True, slots=True)
class PracticePage:
    """Two questions that look like those of a form; what is answered is stored nowhere."""

    template: ClassVar[str] = "patient/practice.html"
    action_url: str
    skip_url: str


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(WELCOME)
def show_text_size_form(current: UnlockedRequest) -> Response:
    return current.show(TextSizePage(WELCOME, PRACTICE, current.participant.text_size.value))


@router.post(WELCOME)
def set_text_size(post: ParticipantPost) -> Response:
    choose_text_size(post.current.context, post.fields.get("size", ""))
    return post.current.finish()


@router.get(PRACTICE)
def show_practice(current: UnlockedRequest) -> Response:
    return current.show(PracticePage(PRACTICE, READY))


@router.post(PRACTICE)
def finish_practice(_post: ParticipantPost) -> Response:
    """Discard the practice answers: they are neither read nor stored."""
    return RedirectResponse(READY, 303)
