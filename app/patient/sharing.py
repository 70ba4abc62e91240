"""One phone, several participants: who is active in this browser, switching, and logging out (P2.4)."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.patient.entrance_pages import PeoplePage
from app.patient.refusals import PatientRoute
from app.patient.tokens import KEPT_FOR, MOST_OTHERS, keep_people, others_of
from app.patient.visits import Known, Posted, Visit
from app.services.entry import put_down, sign_out
from app.services.shared_phone import Resident, residents
from app.web.cookies import drop, keep, kept
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.places import DEVICE_COOKIE, OTHERS_COOKIE, PATIENT_HOME, PEOPLE

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


def admit(request: Request, response: Response, newcomer: Visit) -> None:
    """Let a browser that was just bound be this person's; whoever was active before is put down.

    A browser of the same person is replaced, and whoever would be a sixth has to be let in again.
    """
    tokens = (kept(request, DEVICE_COOKIE) or "", *others_of(request))
    here = _residents(newcomer, tokens)
    own = [each for each in here if each.visitor.participant_id == newcomer.visitor.participant_id]
    others = [each for each in here if each not in own]
    for gone in (*own, *others[MOST_OTHERS:]):
        sign_out(newcomer.daybook, gone.visitor, newcomer.at)
    for other in others[:MOST_OTHERS]:
        put_down(newcomer.daybook, other.visitor, newcomer.at)
    keep_people(response, (newcomer.cookie, *(each.token for each in others)))
    keep(response, LANGUAGE_COOKIE, newcomer.language.code, KEPT_FOR)


def bound_here(visit: Visit) -> tuple[Resident, ...]:
    """Everybody bound in this browser, in the order in which they were bound."""
    found = _residents(visit, (visit.cookie, *others_of(visit.request)))
    return tuple(sorted(found, key=lambda each: each.visitor.device_id))


def _residents(visit: Visit, tokens: Sequence[str]) -> tuple[Resident, ...]:
    with visit.daybook.read() as session:
        return residents(visit.daybook, session, tokens, visit.at)


@router.get(PEOPLE)
def show_people(visit: Known, left: bool = False) -> Response:
    here = bound_here(visit)
    numbers = {each.token: number for number, each in enumerate(here, start=1)}
    others = tuple(number for token, number in numbers.items() if token != visit.cookie)
    page = PeoplePage(PEOPLE, PATIENT_HOME, numbers[visit.cookie], others, left)
    return visit.show(page)


@router.post(PEOPLE)
def switch(visit: Known, fields: Posted) -> Response:
    here = bound_here(visit)
    chosen = fields.get("person", "")
    if chosen not in {str(number) for number in range(1, len(here) + 1)}:
        raise Refused("unknown_choice", field="person", allowed=tuple(range(1, len(here) + 1)))
    entered = here[int(chosen) - 1]
    if entered.token == visit.cookie:
        return RedirectResponse(PATIENT_HOME, 303)
    put_down(visit.daybook, visit.visitor, visit.at)
    rest = [each.token for each in here if each.token not in (visit.cookie, entered.token)]
    response = RedirectResponse(PATIENT_HOME, 303)
    keep_people(response, (entered.token, visit.cookie, *rest))
    keep(response, LANGUAGE_COOKIE, entered.visitor.language, KEPT_FOR)
    return response


@router.post("/settings/leave")
def leave(visit: Known) -> Response:
    """Log the active person out; another who is bound here may go on, after their own second check."""
    others = [each.token for each in bound_here(visit) if each.token != visit.cookie]
    sign_out(visit.daybook, visit.visitor, visit.at)
    if others:
        response = RedirectResponse(f"{PEOPLE}?left=1", 303)
        keep_people(response, others)
        return response
    response = RedirectResponse("/", 303)
    drop(response, DEVICE_COOKIE)
    drop(response, OTHERS_COOKIE)
    return response
