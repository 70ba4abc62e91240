"""After a browser was bound: how large to read, and two questions for practice; one tap skips each."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.patient.entrance_pages import PracticePage, TextSizePage
from app.patient.refusals import PatientRoute
from app.patient.visits import Awake, FormPost
from app.services.preferences import choose_text_size
from app.web.places import PRACTICE, READY, WELCOME

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(WELCOME)
def ask_text_size(visit: Awake) -> Response:
    return visit.show(TextSizePage(WELCOME, PRACTICE, visit.visitor.text_size.value))


@router.post(WELCOME)
def set_text_size(sent: FormPost) -> Response:
    choose_text_size(sent.visit.daybook, sent.visit.visitor, sent.fields.get("size", ""), sent.visit.at)
    return RedirectResponse(PRACTICE, 303)


@router.get(PRACTICE)
def practise(visit: Awake) -> Response:
    return visit.show(PracticePage(PRACTICE, READY))


@router.post(PRACTICE)
def practised(_sent: FormPost) -> Response:
    """What was answered is looked at by nobody and kept nowhere."""
    return RedirectResponse(READY, 303)
