"""The request of a signed-in member of staff: context, frame, and refusals in their language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.clinic.arm_veil import HIDDEN, veil_texts
from app.clinic.frame.addresses import LISTS, REMEMBERED, read_list_position
from app.clinic.frame.desk_counts import get_desk_counts
from app.clinic.frame.navigation import (
    DeskFrame,
    MenuItem,
    find_current,
    find_page_address,
    list_menu,
)
from app.clinic.frame.permission_words import name_permission
from app.clinic.frame.refusal_words import translate_refusal
from app.clinic.frame.return_address import find_return_address, with_return_address
from app.clinic.frame.signed_out import page_with_typed
from app.clinic.frame.studies import (
    STUDY,
    StaffStudy,
    choose_study,
    list_staff_studies,
    read_named_study,
)
from app.clinic.lists.remembered import open_as_remembered
from app.clinic.trail.recorded_pages import enter_page_look, tells_of_participants
from app.domain.desk.trail import ArmMask
from app.domain.plans.plan import Plan
from app.domain.records.access import Actor, Permission
from app.domain.records.acts import KeyedAct
from app.domain.refusal import Refused
from app.services.accounts.staff_access import PermittedParticipant, StaffAdmission, admit_staff
from app.services.accounts.staff_session import SignedInStaff
from app.services.clinic.matters.matter_list import count_open_matters
from app.services.clinic.participant_overview import ParticipantOverview, get_participant_overview
from app.services.clinic.trail.arm_masks import find_reader_mask
from app.services.core.acts import new_page_key
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.people.site_desk import find_desk_zone
from app.web.acts import SIGNING, read_act, require_act
from app.web.cookies import get_cookie, set_cookie
from app.web.dependencies import get_installation, get_language, get_now
from app.web.errors import ShownInstead
from app.web.form_fields import read_posted_fields
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.rendering import Page, Pages, render_blocks, render_page
from app.web.permissions import CallerKind, mark_guard, permission_of, required_access
from app.web.refusal_messages import message_of
from app.web.urls import ACCOUNT, DESK, PARTICIPANTS, SESSION_COOKIE, SETTLE, SIGN_IN

Shown = TypeVar("Shown")
_SHARED = tuple(field.name for field in fields(PageFrame))
CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """One request of a signed-in member of staff."""

    http: Request
    context: StaffContext
    staff: SignedInStaff
    frame: DeskFrame
    study: StaffStudy | None
    studies: tuple[StaffStudy, ...]
    named_study: bool

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
        """Render the page, with the status of the refusal that it shows, if any.

        The browser remembers a study that the address named.
        """
        self._enter_look(page, is_valid=refused is None)
        page = self.veil_texts(page) if tells_of_participants(page) else page
        response = render_page(self.http, page, message_of(refused).status if refused else 200, self.frame)
        if self.named_study and self.frame.study_code:
            set_cookie(response, STUDY, self.frame.study_code)
        return response

    def show_block(self, page: Page, block: str) -> Response:
        self._enter_look(page)
        return render_blocks(self.http, self.veil_texts(page), block, frame=self.frame)

    def veil_texts(self, shown: Shown) -> Shown:
        """A page without words that name an arm, for whoever may not see it, but for what their form sent.

        An address shows nothing by naming it: whoever guesses what a note says would read whether it is true.
        """
        mask = self.arm_mask
        if mask is None:
            return shown
        typed: frozenset[str] = self.http.state.typed
        return veil_texts(shown, mask, typed, self.translate(HIDDEN))

    @property
    def arm_mask(self) -> ArmMask | None:
        """What hides the arm from this reader; None for who may see it, and where the study is open."""
        if self.study is None:
            return None
        site = self.about.site_id if self.about else None
        return find_reader_mask(self.context, self.study.id, self.study.code, site)

    def translate(self, sentence: str) -> str:
        """A marked sentence in the reader's language."""
        pages: Pages = self.http.app.state.pages
        return pages.translate(sentence, self.frame)

    def translate_refusal(self, refused: Refused) -> str:
        return translate_refusal(self.http, refused, self.frame)

    def _enter_look(self, page: Page, is_valid: bool = True) -> None:
        enter_page_look(self.http, self.context, self.study, self.about, page, is_valid=is_valid)

    @property
    def about(self) -> PermittedParticipant | None:
        """Whom the request is about, if about one participant."""
        return None

    @property
    def zone(self) -> str:
        """The time zone of whoever looks: that of their site, or of the study where they have several.

        UTC for somebody of no study.
        """
        return find_desk_zone(self.context, self.study.id) if self.study else "UTC"

    @property
    def study_code(self) -> str:
        """The code of the chosen study. Raises HTTPException(404) for somebody of none."""
        if self.study is None:
            raise HTTPException(404)
        return self.study.code

    @property
    def plan(self) -> Plan:
        """The newest plan of the chosen study. Raises HTTPException(404) for somebody of none."""
        if self.study is None:
            raise HTTPException(404)
        return self.installation.library.get_plan(self.study.code, self.study.plan_version)

    @property
    def act(self) -> KeyedAct:
        """The act that this request asks for. Raises LookupError where the route offers none."""
        return require_act(self.http, self.context.act)

    def offers_route(self, address: str, method: str = "GET") -> bool:
        """Whether this route is open to them at some site of the chosen study, so that a page offers it."""
        permission = permission_of(address, method)
        return permission is None or bool(self.actor.list_reach(permission))

    def as_on(self, address: str) -> Self:
        """This request on the route of another page, which is shown as its answer."""
        actor = self.actor.on_route(permission_of(address))
        return replace(self, context=replace(self.context, actor=actor))

    def require_writable(self) -> None:
        """Refuse before a preview what the act would be refused for, as `KeyedAct.check_texts`."""
        self.act.check_texts()

    def with_act(self, result: str = "", about: str = "") -> Self:
        """This request with another address of its result, or an act about this one record alone."""
        act = replace(self.act, result=result or self.act.result, about=about)
        return replace(self, context=replace(self.context, act=act))

    def finish(self) -> Response:
        """Redirect to the result of the act, where the same act leads when it comes again (idempotent)."""
        get_desk_counts(self.http).forget()
        return RedirectResponse(self.act.result, 303)


@dataclass(frozen=True, slots=True)
class ParticipantStaffRequest(StaffRequest):
    """A request about one participant, whom the permission of its route reaches."""

    participant: PermittedParticipant

    @property
    def about(self) -> PermittedParticipant:
        return self.participant

    def offers_route(self, address: str, method: str = "GET") -> bool:
        """Whether this route is open to them about this participant, so that a page offers it."""
        permission = permission_of(address, method)
        participant = self.participant
        return permission is None or self.actor.may(permission, participant.study_id, participant.site_id)


PostedFields = Annotated[Mapping[str, str], Depends(read_posted_fields)]


@mark_guard(CallerKind.STAFF)
def require_staff(request: Request, fields: PostedFields) -> StaffRequest:
    """Authenticate the member of staff and enforce the permission of the route; others are sent to sign in.

    What the table of permissions asks for the route is enforced here. A participant in the address is
    found under its permission; Refused("unknown_participant") otherwise, or "permission_missing" about one
    whom they may see. Without one, a permission that no grant has in the chosen study is refused with 403,
    or with 404 where the address names something. An act that the request asks for stands in its context,
    whose actor has the grants of the chosen study alone, at the sites that the permission reaches: no use
    case reaches another. A list without filters is answered with the address of those that are remembered.
    Raises ActRepeated.
    """
    installation, at, route = get_installation(request), get_now(request), request.scope["route"].path
    access = required_access(request, CallerKind.STAFF)
    public_id = request.path_params.get("participant")
    cookie = get_cookie(request, SESSION_COOKIE)
    try:
        listed = REMEMBERED[route].name if route in REMEMBERED else ""
        admission = admit_staff(installation, cookie, at, access.permission, public_id, list_name=listed)
    except Refused as refused:
        raise _to_sign_in(request, fields) from refused
    staff, participant = admission.staff, admission.participant
    frame = replace(
        _frame(request, installation, admission, at), list_url=read_list_position(request, fields)
    )
    request.state.frame, request.state.actor = frame, staff.actor.id
    request.state.typed = frozenset(text.strip() for text in fields.values())
    known = participant or admission.only_seen
    if public_id is not None and known is None:
        raise Refused("unknown_participant")
    named = read_named_study(request, fields)
    of_participant = known.study_id if known else None
    study = choose_study(request, frame.studies, named, of_participant, staff.actor, access.permission)
    actor = staff.actor.keep_study(study.id) if study else staff.actor
    frame = _frame_within(request, frame, study, StaffContext(installation, actor, at))
    request.state.frame = frame
    if participant is None and access.permission is not None:
        _require_reach(request, access.permission, frame, actor, known)
    about = participant.participant_id if participant else None
    act = read_act(request, installation, staff.actor.id, fields, about, SIGNING)
    if act is not None and (participant is None or act.result.partition("?")[0] in LISTS):
        act = replace(act, result=frame.back_to(act.result))
    context = StaffContext(installation, actor.on_route(access.permission), at, act=act)
    if filtered := open_as_remembered(request, context, admission, study, access.permission):
        raise HTTPException(303, headers={"Location": frame.within(filtered)})
    shared = (request, context, staff, frame, study, frame.studies, bool(named))
    return ParticipantStaffRequest(*shared, participant) if participant else StaffRequest(*shared)


SignedInRequest = Annotated[StaffRequest, Depends(require_staff)]


# A coroutine because FastAPI runs plain functions in a thread, which costs more than this does.
async def require_participant(request: SignedInRequest) -> ParticipantStaffRequest:
    return about_participant(request)


PermittedRequest = Annotated[ParticipantStaffRequest, Depends(require_participant)]


def about_participant(request: StaffRequest) -> ParticipantStaffRequest:
    """The request about the participant in the address; a route without one has nothing here."""
    if not isinstance(request, ParticipantStaffRequest):
        raise HTTPException(404)
    return request


async def answer_staff(request: Request, show: Callable[[StaffRequest], Response]) -> Response:
    """Authenticate the member of staff and show a page in one thread, for the busiest pages.

    To resolve declared dependencies, and to go to a thread twice, would cost as much as reading the page.
    """
    return await run_in_threadpool(lambda: show(require_staff(request, {})))


def read_query(request: Request, **most: int) -> Mapping[str, str]:
    """These parameters of the address, "" where they are missing.

    Raises RequestValidationError naming those of more characters than the `most`.
    """
    values = {name: request.query_params.get(name, "") for name in most}
    if long := [name for name, value in values.items() if len(value) > most[name]]:
        raise RequestValidationError([{"loc": ("query", name), "type": "string_too_long"} for name in long])
    return values


def url_of_participant(public_id: str) -> str:
    """The address of a participant's page."""
    return f"{PARTICIPANTS}/{public_id}"


def _frame(
    request: Request, installation: Installation, admission: StaffAdmission, at: datetime
) -> DeskFrame:
    """The frame before a study is chosen."""
    staff, participant = admission.staff, admission.participant
    seen = participant.newest_entry if participant else None
    spoken = base_frame(request).in_language(get_language(request, staff.language))
    own: dict[str, Any] = {
        "page_key": str(new_page_key(installation, staff.actor.id, at, seen)),
        "staff": staff.name,
        "studies": list_staff_studies(installation, admission, spoken.code),
        "home_url": DESK,
        "phone": "",
    }
    return DeskFrame(**{name: getattr(spoken, name) for name in _SHARED} | own)


def _frame_within(
    request: Request, frame: DeskFrame, study: StaffStudy | None, context: StaffContext
) -> DeskFrame:
    """The frame of a page about this study, with what its grants open there.

    Whoever has no role in any begins with their own account: it alone is open to them.
    """
    pages: Pages = request.app.state.pages
    frame, path, actor = replace(frame, study=study), request.url.path, context.actor
    library = context.installation.library
    counts = get_desk_counts(request)
    return replace(
        frame,
        home_url=frame.within(DESK) if study else ACCOUNT,
        menu=tuple(
            MenuItem(
                frame.within(entry.address),
                pages.translate(entry.label, frame),
                find_current(entry, path),
                counts.read(context, count_open_matters) if entry.address == SETTLE else 0,
            )
            for entry in list_menu(actor)
        ),
        here_url=frame.within(find_page_address(request)),
        searches=bool(actor.list_reach(Permission.PARTICIPANT_SEE)),
        as_of=context.at,
        zone=library.get_plan(study.code, study.plan_version).zone if study else "UTC",
    )


def _require_reach(
    request: Request,
    permission: Permission,
    frame: DeskFrame,
    actor: Actor,
    seen: PermittedParticipant | None,
) -> None:
    """Refuse a request about nobody, or somebody who is only seen, that its permission does not reach."""
    if seen is not None:
        raise _refuse_permission(request, permission, frame)
    if not actor.list_reach(permission):
        raise HTTPException(404) if request.path_params else _refuse_permission(request, permission, frame)


def _refuse_permission(request: Request, permission: Permission, frame: DeskFrame) -> Refused:
    """What says which permission is missing, in words, and in which study; or that no role is left at all."""
    if frame.study is None:
        return Refused("no_role")
    pages: Pages = request.app.state.pages
    words = pages.translate(name_permission(permission), frame)
    return Refused("permission_missing", permission=words, study=frame.study.name)


def _to_sign_in(request: Request, fields: Mapping[str, str]) -> Exception:
    """To the sign-in page, from where it goes on; or the page that keeps what was typed meanwhile."""
    url = with_return_address(SIGN_IN, find_return_address(request))
    if request.headers.get("hx-request"):
        return HTTPException(401, headers={"HX-Redirect": url})
    typed = page_with_typed(request, fields)
    return ShownInstead(typed, 401) if typed else HTTPException(303, headers={"Location": url})


def get_overview(request: ParticipantStaffRequest) -> ParticipantOverview:
    """The overview of the participant whom this request is about."""
    return get_participant_overview(request.context, request.participant.participant_id)
