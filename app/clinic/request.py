"""The request of a signed-in member of staff: context, frame, and refusals in their language."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.domain.records.access import Actor
from app.domain.records.acts import KeyedAct
from app.domain.refusal import Refused
from app.services.accounts.staff_access import PermittedParticipant, admit_staff
from app.services.accounts.staff_session import SignedInStaff
from app.services.clinic.participant_overview import ParticipantOverview, get_participant_overview
from app.services.core.acts import new_page_key
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.web.acts import read_act
from app.web.cookies import get_cookie
from app.web.dependencies import At, CurrentInstallation, get_language
from app.web.form_fields import read_posted_fields
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.rendering import Page, Pages, render, render_block
from app.web.permissions import ROUTES, CallerKind, guards, required_access
from app.web.refusal_messages import fill_message, message_of
from app.web.urls import DESK, ENROL, PARTICIPANT, REQUESTS, SESSION_COOKIE, SIGN_IN


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
        return replace(self, staff=staff, enrols=enrols, answers=answers, home_url=DESK)


CONFIRM = "confirm"


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
        """Render the page, with the status of the refusal that it shows, if any."""
        return render(self.request, page, message_of(refused).status if refused else 200, self.frame)

    def show_block(self, page: Page, block: str) -> Response:
        return render_block(self.request, page, block, self.frame)

    def words(self, refused: Refused) -> str:
        return translate_refusal(self.request, refused, self.frame)

    @property
    def act(self) -> KeyedAct:
        """The act that this request asks for. Raises LookupError where the route offers none."""
        if self.context.act is None:
            raise LookupError(self.request.url.path)
        return self.context.act

    def acting(self, result: str = "", about: str = "") -> Self:
        """The same request, with another address of its result, or an act about this one record alone."""
        act = replace(self.act, result=result or self.act.result, about=about)
        return replace(self, context=replace(self.context, act=act))

    def finish(self) -> Response:
        """To the result of the act, which is where the same act leads when it comes again."""
        return RedirectResponse(self.act.result, 303)


@dataclass(frozen=True, slots=True)
class ParticipantStaffRequest(StaffRequest):
    """A request about one participant, whom the permission of its route reaches."""

    participant: PermittedParticipant


PostedFields = Annotated[Mapping[str, str], Depends(read_posted_fields)]


@guards(CallerKind.STAFF)
def require_staff(
    request: Request, installation: CurrentInstallation, at: At, fields: PostedFields
) -> StaffRequest:
    """Authenticate the member of staff and enforce the permission of the route; others are sent to sign in.

    What the table of permissions asks for the route is enforced here. A participant in the address is
    found under its permission; Refused("unknown_participant") otherwise. Without one, a permission that no
    grant has anywhere is refused with 403, or with 404 where the address names something. An act that the
    request asks for stands in its context. Raises ActRepeated.
    """
    access = required_access(request, CallerKind.STAFF)
    public_id = request.path_params.get("participant")
    cookie = get_cookie(request, SESSION_COOKIE)
    try:
        admission = admit_staff(installation, cookie, at, access.permission, public_id)
    except Refused as refused:
        raise _to_sign_in(request) from refused
    staff, participant = admission.staff, admission.participant
    if public_id is not None and participant is None:
        raise Refused("unknown_participant")
    out_of_reach = access.permission is not None and not staff.actor.reach(access.permission)
    if public_id is None and out_of_reach:
        raise HTTPException(404 if request.path_params else 403)
    about = participant.participant_id if participant else None
    act = read_act(request, installation, staff.actor.id, fields, about)
    context = StaffContext(installation, staff.actor, at, act=act)
    frame = _frame(request, staff, participant.newest_entry if participant else None)
    if participant is None:
        return StaffRequest(request, context, staff, frame)
    return ParticipantStaffRequest(request, context, staff, frame, participant)


SignedInRequest = Annotated[StaffRequest, Depends(require_staff)]


# A coroutine because FastAPI runs plain functions in a thread, which costs more than this does.
async def require_participant(desk: SignedInRequest) -> ParticipantStaffRequest:
    """The request about the participant in the address; a route without one has nothing here."""
    if not isinstance(desk, ParticipantStaffRequest):
        raise HTTPException(404)
    return desk


PermittedRequest = Annotated[ParticipantStaffRequest, Depends(require_participant)]


def translate_refusal(request: Request, refused: Refused, frame: PageFrame) -> str:
    """A refusal in the words of this page's language."""
    pages: Pages = request.app.state.pages
    sentence = message_of(refused).sentence
    return fill_message(pages.word(sentence, frame), refused) if sentence else ""


def url_of_participant(public_id: str) -> str:
    """The address of a participant's page."""
    return PARTICIPANT.format(participant=public_id)


def _frame(request: Request, staff: SignedInStaff, seen: int | None) -> DeskFrame:
    spoken = base_frame(request).speaking(get_language(request, staff.language))
    shared: Mapping[str, object] = {field.name: getattr(spoken, field.name) for field in fields(PageFrame)}
    frame = DeskFrame(**shared)  # type: ignore[arg-type]  # the same fields by name
    frame = replace(frame, page_key=str(new_page_key(staff.actor.id, seen)))
    return frame.of(staff.name, _may_open(staff, ENROL), _may_open(staff, REQUESTS))


def _may_open(staff: SignedInStaff, path: str) -> bool:
    """Whether the table of permissions lets this member of staff open a page somewhere."""
    permission = ROUTES["GET", path].permission
    return permission is None or bool(staff.actor.reach(permission))


def _to_sign_in(request: Request) -> HTTPException:
    if request.headers.get("hx-request"):
        return HTTPException(401, headers={"HX-Redirect": SIGN_IN})
    return HTTPException(303, headers={"Location": SIGN_IN})


def get_overview(desk: ParticipantStaffRequest) -> ParticipantOverview:
    """The overview of the participant whom this request is about."""
    return get_participant_overview(desk.context, desk.participant.participant_id)
