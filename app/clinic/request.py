"""What every handler of the desk works with: who is signed in, the frame, and words for refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.domain.records.access import Actor, Permission
from app.domain.refusal import Refused
from app.services.accounts.staff_session import SignedInStaff, authenticate_staff, keep_staff_session_alive
from app.services.clinic.participant_overview import ParticipantOverview, get_participant_overview
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.queries.participants import get_readable_participant
from app.storage.tables.participants import Participant
from app.web.cookies import get_cookie
from app.web.dependencies import At, CurrentInstallation, get_language
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.rendering import Page, Pages, render, render_block
from app.web.refusal_messages import fill_message, message_of
from app.web.urls import DESK, SESSION_COOKIE


@dataclass(frozen=True, slots=True)
class DeskFrame(PageFrame):
    """The frame of a desk page: who is signed in, and whether they enrol and answer requests somewhere."""

    staff: str = ""
    enrols: bool = False
    answers: bool = False

    @property
    def desk_js_href(self) -> str:
        return f"{self.static_root}/js/desk.js"

    def of(self, staff: str, enrols: bool, answers: bool = False) -> "DeskFrame":
        """The frame as this member of staff has it."""
        return replace(self, staff=staff, enrols=enrols, answers=answers, home_url="/desk")


SIGN_IN = "/desk/sign-in"
CONFIRM = "confirm"
Typed = Annotated[str, Form(max_length=400)]


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """One request of a signed-in member of staff."""

    request: Request
    context: StaffContext
    staff: SignedInStaff
    frame: DeskFrame

    @property
    def installation(self) -> Installation:
        return self.context.installation

    @property
    def actor(self) -> Actor:
        return self.context.actor

    @property
    def at(self) -> datetime:
        return self.context.at

    def show(self, page: Page, refused: Refused | None = None) -> Response:
        """The page; with the status of a refusal where it tells one."""
        return render(self.request, page, message_of(refused).status if refused else 200, self.frame)

    def show_block(self, page: Page, block: str) -> Response:
        return render_block(self.request, page, block, self.frame)

    def words(self, refused: Refused) -> str:
        return translate_refusal(self.request, refused, self.frame)


def require_staff(request: Request, installation: CurrentInstallation, at: At) -> StaffRequest:
    """The desk of whoever is signed in; anybody else is sent to sign in."""
    cookie = get_cookie(request, SESSION_COOKIE)
    try:
        with installation.read() as session:
            staff = authenticate_staff(session, cookie, at)
    except Refused as refused:
        raise _to_sign_in(request) from refused
    keep_staff_session_alive(installation, staff, cookie, at)
    return StaffRequest(request, StaffContext(installation, staff.actor, at), staff, _frame(request, staff))


SignedInRequest = Annotated[StaffRequest, Depends(require_staff)]


def translate_refusal(request: Request, refused: Refused, frame: PageFrame) -> str:
    """A refusal in the words of this page's language."""
    pages: Pages = request.app.state.pages
    sentence = message_of(refused).sentence
    return fill_message(pages.word(sentence, frame), refused) if sentence else ""


def url_of_participant(public_id: str) -> str:
    """The address of a participant's page."""
    return f"{DESK}/participants/{public_id}"


def client_address(request: Request) -> str:
    """Where a request comes from, for throttling."""
    return request.client.host if request.client else "unknown"


def parse_day(text: str, field: str) -> date:
    """A typed date; Refused("bad_date") naming the field."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as bad:
        raise Refused("bad_date", field=field, allowed="YYYY-MM-DD") from bad


def _frame(request: Request, staff: SignedInStaff) -> DeskFrame:
    spoken = base_frame(request).speaking(get_language(request, staff.language))
    told: Mapping[str, object] = {field.name: getattr(spoken, field.name) for field in fields(PageFrame)}
    enrols = bool(staff.actor.reach(Permission.PARTICIPANT_ENROL))
    frame = DeskFrame(**told)  # type: ignore[arg-type]  # the same fields by name
    return frame.of(staff.name, enrols, bool(staff.actor.reach(Permission.REQUEST_CLOSE)))


def _to_sign_in(request: Request) -> HTTPException:
    if request.headers.get("hx-request"):
        return HTTPException(401, headers={"HX-Redirect": SIGN_IN})
    return HTTPException(303, headers={"Location": SIGN_IN})


def get_overview(desk: StaffRequest, participant: str) -> ParticipantOverview:
    """The overview of a participant of one's own sites."""
    with desk.installation.read() as session:
        return get_participant_overview(desk.context, session, participant)


def get_permitted_participant(desk: StaffRequest, participant: str, permission: Permission) -> Participant:
    """The participant, when this may be done to them; a stranger's is not there."""
    with desk.installation.read() as session:
        return get_readable_participant(session, desk.actor, participant, permission)


def return_to_participant(participant: str, notice: str) -> Response:
    """Back to the participant, saying what was done."""
    return RedirectResponse(f"{url_of_participant(participant)}?done={notice}", 303)
