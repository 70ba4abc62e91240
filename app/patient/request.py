"""The participant behind a request, and the frame that their pages have."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import Depends, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from app.domain.capture.slot_view import SlotInstrument
from app.domain.plans.plan import Plan
from app.domain.records.acts import KeyedAct
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, Language, find_language
from app.patient.person.marks import PersonMark, read_marks
from app.patient.second_check_form import (
    ANSWER_FIELDS,
    CHECK_FIELDS,
    has_check_answer,
    read_check_answer,
)
from app.services.accounts.activation import InvitationContext
from app.services.accounts.participant_session import authenticate_device, keep_alive, unlock_device
from app.services.capture.form_languages import list_form_languages
from app.services.capture.forms import FormAccess, SubmissionAccess, find_form, find_form_to_submit
from app.services.core.acts import new_page_key
from app.services.core.context import DeviceContext, ParticipantContext, ParticipantSession
from app.services.core.installation import Installation
from app.services.patient.urgent_call import get_urgent_call
from app.web.acts import ACTS, read_act, require_act
from app.web.cookies import get_cookie, other_tokens
from app.web.dependencies import At, CurrentInstallation, get_device_context
from app.web.pages.drawn_mark import DrawnMark
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.rendering import Page, Pages, render_page
from app.web.permissions import CallerKind, mark_guard
from app.web.urls import DEVICE_COOKIE, PATIENT_HOME, UNLOCK

_PLAIN_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000
FORMS = "/f/"
CONFIRMING = "confirm"
"""In the address of a form to which the runner sends those who are to confirm who they are."""


@dataclass(frozen=True, slots=True)
class ParticipantRequest:
    """One request of a participant whose browser is known."""

    request: Request
    context: ParticipantContext
    cookie: str

    @property
    def installation(self) -> Installation:
        return self.context.installation

    @property
    def participant(self) -> ParticipantSession:
        return self.context.participant

    @property
    def at(self) -> datetime:
        return self.context.at

    @property
    def language(self) -> Language:
        """The participant's own; every page and every answer of theirs is in it."""
        return find_language(self.participant.language) or ENGLISH

    @property
    def frame(self) -> PageFrame:
        frame = person_frame(
            base_frame(self.request).in_language(self.language),
            self.installation,
            self.participant,
            call_phone=get_urgent_call(self.context).phone,
        )
        if other_tokens(self.request) and (own := self.mark) is not None:
            frame = replace(frame, mark=self.draw_mark(own))
        size = self.participant.text_size
        return frame if size is TextSize.standard else replace(frame, size=size.value)

    @property
    def plan(self) -> Plan:
        """The plan that the participant's study follows now."""
        return self.installation.library.get_plan(self.participant.study, self.participant.plan_version)

    @property
    def mark(self) -> PersonMark | None:
        """The participant's mark on this phone; None where nobody else uses it, or none was given yet."""
        return read_marks(self.request).get(self.participant.device_id)

    def draw_mark(self, mark: PersonMark) -> Markup:
        """A mark as it stands on a page, in the participant's language."""
        pages: Pages = self.request.app.state.pages
        frame = base_frame(self.request).in_language(self.language)
        drawn = pages.render_document(DrawnMark(mark.drawing, mark.nickname), frame)
        return Markup(drawn.strip())  # noqa: S704 our own template, which escapes the nickname

    @property
    def opens_offline(self) -> bool:
        """Whether this person's forms open without a connection; with no outbox that would lose answers."""
        plan = self.plan
        allowed = plan.opens_offline and plan.outbox and not self.participant.handed_over
        return allowed and self.participant.exit_kind is None

    def show(
        self,
        page: Page,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        seen: int | None = None,
    ) -> Response:
        """Render the page; `seen` is the newest entry that it shows, where that can spoil its acts."""
        key = new_page_key(self.installation, self.participant.public_id, self.at, seen)
        return render_page(self.request, page, status, replace(self.frame, page_key=str(key)), headers)

    def with_act(self, about: str) -> "ParticipantRequest":
        """This request, its act being about one record alone."""
        return replace(self, context=replace(self.context, act=replace(self._act, about=about)))

    def finish(self) -> Response:
        """Redirect to the result of the act, where the same act leads when it comes again (idempotent)."""
        return RedirectResponse(self._act.result, 303)

    @property
    def _act(self) -> KeyedAct:
        return require_act(self.request, self.context.act)

    def frame_of_form(self, slot: SlotInstrument) -> PageFrame:
        """The frame of a form's page: only those languages are offered that the form has words in."""
        frame, codes = self.frame, list_form_languages(self.context, slot)
        return replace(frame, languages=tuple(pair for pair in frame.languages if pair[0] in codes))


@dataclass(frozen=True, slots=True)
class FormPost:
    """A form that a known participant submits: its fields, without the answer to the second check."""

    current: ParticipantRequest
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SubmissionPost(FormPost):
    """A form that is submitted to a slot, and everything stored of it."""

    access: SubmissionAccess


def person_frame(
    frame: PageFrame,
    installation: Installation,
    person: ParticipantSession | InvitationContext,
    *,
    call_phone: str = "",
) -> PageFrame:
    """The frame with the study's neutral name and the telephone of the person's site."""
    plan = installation.library.get_plan(person.study, person.plan_version)
    return replace(
        frame,
        study_name=plan.neutral_name.get(frame.code, frame.study_name),
        alert_hours=plan.alert_hours,
        phone=person.site.phone,
        call_phone=call_phone or frame.call_phone,
        home_url=PATIENT_HOME,
    )


def _brings_answers(request: Request) -> bool:
    """Whether answers come along, or wait in another tab for the second check (`CONFIRMING`)."""
    path, posts = request.url.path, request.method == "POST"
    return (posts and path == UNLOCK) or (
        path.startswith(FORMS) and (posts or CONFIRMING in request.query_params)
    )


def request_with(
    request: Request, installation: Installation, cookie: str, at: datetime
) -> ParticipantRequest:
    """The request of whoever this token binds. Raises Refused("not_signed_in")."""
    device = DeviceContext.of_cookie(installation, cookie, at)
    participant = authenticate_device(device, bringing=_brings_answers(request))
    return ParticipantRequest(request, ParticipantContext(installation, participant, at), cookie)


def identify_device(request: Request, installation: Installation, at: datetime) -> ParticipantRequest:
    """The request of a bound browser, even of one that must confirm who it is."""
    current = request_with(request, installation, get_cookie(request, DEVICE_COOKIE) or "", at)
    request.state.current = current  # a refusal further on is told in this person's language
    return current


async def read_fields(request: Request) -> Mapping[str, str]:
    """The fields of a form, without files."""
    if request.headers.get("content-type", "").partition(";")[0].strip() == _PLAIN_FORM:
        # A form of thirty answers is read in a tenth of the time that the general parser takes.
        return dict(_fields(await request.body()))
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Raises Refused("malformed") for what no browser sends: no UTF-8, or fields without end."""
    try:
        pairs = body.decode().split("&", _MOST_FIELDS)
        if len(pairs) > _MOST_FIELDS:
            raise Refused("malformed")
        return [
            # Nearly every answer has nothing to decode.
            pair.partition("=")[::2] if "%" not in pair and "+" not in pair else _decoded(pair)
            for pair in pairs
            if pair
        ]
    except UnicodeDecodeError:
        raise Refused("malformed") from None


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")


async def read_act_fields(request: Request) -> Mapping[str, str]:
    """The fields of a form that asks for an act; none of any other request."""
    return await read_fields(request) if (request.method, request.scope["route"].path) in ACTS else {}


ActFields = Annotated[Mapping[str, str], Depends(read_act_fields)]


@mark_guard(CallerKind.PARTICIPANT)
def require_device(
    request: Request, installation: CurrentInstallation, at: At, fields: ActFields
) -> ParticipantRequest:
    """The request of a bound browser, with the act that it asks for in its context. Raises ActRepeated."""
    current = identify_device(request, installation, at)
    person = current.participant
    act = read_act(request, installation, person.public_id, fields, person.participant_id, CHECK_FIELDS)
    return current if act is None else replace(current, context=replace(current.context, act=act))


DeviceRequest = Annotated[ParticipantRequest, Depends(require_device)]


def require_unlocked(current: DeviceRequest) -> ParticipantRequest:
    """The request of somebody who may see their forms now."""
    if current.participant.exit_kind is not None:
        raise Refused("participation_ended")
    if current.participant.locked:
        raise Refused("locked")
    keep_alive(current.context)
    return current


def request_form(request: Request, slot: str) -> tuple[ParticipantRequest, FormAccess | None]:
    """Who asks for a form, and the form, in one read; None unless the slot is their own.

    Raises Refused("not_signed_in").
    """
    device = get_device_context(request)
    access = find_form(device, slot, bringing=_brings_answers(request))
    return _request_of(request, device, access), access


def _request_of(request: Request, device: DeviceContext, access: FormAccess | None) -> ParticipantRequest:
    if access is None:
        return identify_device(request, device.installation, device.at)
    context = ParticipantContext(device.installation, access.participant, device.at)
    current = ParticipantRequest(request, context, get_cookie(request, DEVICE_COOKIE) or "")
    request.state.current = current  # as above
    return current


def require_device_or_withdrawn(current: DeviceRequest) -> ParticipantRequest:
    """The request of a browser that brings something kept: of somebody unlocked, or who left the study.

    Whoever left sees nothing, but what they answered before is judged and never dropped.
    """
    return current if current.participant.exit_kind is not None else require_unlocked(current)


ParticipantFields = Annotated[Mapping[str, str], Depends(read_fields)]


def read_form_post(current: DeviceRequest, fields: ParticipantFields) -> FormPost:
    """A form as it is submitted, even by somebody who left the study: it is judged, never dropped.

    A browser that idled too long may bring the answer to the second check along with the form, so that
    nothing is lost.
    """
    own_fields = _unlock_with(current, fields)
    if not current.participant.locked:
        keep_alive(current.context)
    return FormPost(current, own_fields)


def read_submission_post(request: Request, slot: str, fields: Mapping[str, str]) -> SubmissionPost:
    """A form that is submitted to this slot, with everything stored of it, in one read.

    The browser's lease is renewed by the submission itself. Raises Refused: "not_signed_in",
    "unknown_slot", or as `read_form_post`.
    """
    device = get_device_context(request)
    access = find_form_to_submit(device, slot)
    current = _request_of(request, device, access)
    if access is None:
        raise Refused("unknown_slot")
    return SubmissionPost(current, _unlock_with(current, fields), access)


def _unlock_with(current: ParticipantRequest, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Unlock a locked browser with the answer among these fields, and return the others."""
    if current.participant.locked:
        if not has_check_answer(fields):
            raise Refused("locked")
        unlock_device(replace(current.context, act=None), read_check_answer(fields))
    return {name: value for name, value in fields.items() if name not in ANSWER_FIELDS}


FormerPost = Annotated[FormPost, Depends(read_form_post)]
"""A form of somebody who may have left the study."""


def require_participating(post: FormerPost) -> FormPost:
    """A form of somebody who still takes part."""
    if post.current.participant.exit_kind is not None:
        raise Refused("participation_ended")
    return post


UnlockedRequest = Annotated[ParticipantRequest, Depends(require_unlocked)]
ReachableRequest = Annotated[ParticipantRequest, Depends(require_device_or_withdrawn)]
ParticipantPost = Annotated[FormPost, Depends(require_participating)]
