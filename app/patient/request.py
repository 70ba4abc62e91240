"""Who is at the door: the participant behind a request, and the frame that their pages have."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, Language, find_language
from app.patient.second_check_form import ANSWER_FIELDS, has_check_answer, read_check_answer
from app.services.accounts.activation import InvitationContext
from app.services.accounts.participant_session import authenticate, keep_alive, unlock_device
from app.services.capture.form_languages import list_form_languages
from app.services.capture.submission import read_submission
from app.services.core.context import ParticipantContext, ParticipantSession
from app.services.core.installation import Installation
from app.storage.queries.submission_context import SubmissionContext
from app.storage.tables.schedule import Slot
from app.web.cookies import get_cookie
from app.web.dependencies import At, CurrentInstallation
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.rendering import Page, render
from app.web.permissions import CallerKind, guards
from app.web.urls import DEVICE_COOKIE, PATIENT_HOME

_PLAIN_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


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
            base_frame(self.request).speaking(self.language), self.installation, self.participant
        )
        size = self.participant.text_size
        return frame if size is TextSize.standard else replace(frame, size=size.value)

    @property
    def opens_offline(self) -> bool:
        """Whether this person's forms open without a connection; with no outbox that would lose answers."""
        plan = self.installation.library.plan(self.participant.study, self.participant.plan_version)
        return plan.opens_offline and plan.outbox and self.participant.exit_kind is None

    def show(self, page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        return render(self.request, page, status, self.frame, headers)

    def show_form(self, slot: Slot, page: Page, status: int, headers: Mapping[str, str]) -> Response:
        """A page of a form: no other language is offered than those that the form has words in."""
        told = list_form_languages(self.context, slot)
        names = tuple((code, name) for code, name in self.frame.languages if code in told)
        return render(self.request, page, status, replace(self.frame, languages=names), headers)


@dataclass(frozen=True, slots=True)
class FormPost:
    """A form that a known participant sent: its fields, without the answer that may have come along."""

    current: ParticipantRequest
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SubmissionPost(FormPost):
    """A form that is sent to a slot, and what it meets there."""

    met: SubmissionContext


def person_frame(
    frame: PageFrame, installation: Installation, person: ParticipantSession | InvitationContext
) -> PageFrame:
    """The frame with the study's neutral name and the telephone of the person's site."""
    names = installation.library.plan(person.study, person.plan_version).neutral_name
    return replace(
        frame,
        study_name=names.get(frame.code, frame.study_name),
        phone=person.site.phone,
        home_url=PATIENT_HOME,
    )


def request_with(
    request: Request, installation: Installation, cookie: str, at: datetime
) -> ParticipantRequest:
    """The request of whoever this token binds. Raises Refused("not_signed_in")."""
    with installation.read() as session:
        return ParticipantRequest(
            request,
            ParticipantContext(installation, authenticate(installation, session, cookie, at), at),
            cookie,
        )


@guards(CallerKind.PARTICIPANT)
def require_device(request: Request, installation: CurrentInstallation, at: At) -> ParticipantRequest:
    """The request of a bound browser, even of one that must confirm who it is."""
    current = request_with(request, installation, get_cookie(request, DEVICE_COOKIE) or "", at)
    request.state.current = current  # a refusal further on is told in this person's language
    return current


DeviceRequest = Annotated[ParticipantRequest, Depends(require_device)]


def require_unlocked(current: DeviceRequest) -> ParticipantRequest:
    """The request of somebody who may see their forms now."""
    if current.participant.exit_kind is not None:
        raise Refused("participation_ended")
    if current.participant.locked:
        raise Refused("locked")
    keep_alive(current.context)
    return current


def require_device_or_withdrawn(current: DeviceRequest) -> ParticipantRequest:
    """The request of a browser that brings something kept: of somebody unlocked, or who left the study.

    Whoever left sees nothing, but what they answered before is judged and never dropped.
    """
    return current if current.participant.exit_kind is not None else require_unlocked(current)


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
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refused("malformed") from None


PostedFields = Annotated[Mapping[str, str], Depends(read_fields)]


def read_form_post(current: DeviceRequest, fields: PostedFields) -> FormPost:
    """A form as it is sent, even by somebody who left the study: what came is judged, never dropped.

    A browser that idled too long may bring the answer to the second check along with the form, so that
    nothing is lost.
    """
    if current.participant.locked:
        if not has_check_answer(fields):
            raise Refused("locked")
        unlock_device(current.context, read_check_answer(fields))
    else:
        keep_alive(current.context)
    return FormPost(current, {name: value for name, value in fields.items() if name not in ANSWER_FIELDS})


def read_submission_post(
    request: Request, installation: Installation, at: datetime, slot: str, fields: Mapping[str, str]
) -> SubmissionPost:
    """A form that is sent to this slot, with all that is known of it read at once.

    Raises Refused: "not_signed_in", "unknown_slot", or as `sending`.
    """
    cookie = get_cookie(request, DEVICE_COOKIE) or ""
    found = read_submission(installation, cookie, slot, at)
    if found is None:
        require_device(request, installation, at)
        raise Refused("unknown_slot")
    current = ParticipantRequest(request, ParticipantContext(installation, found.participant, at), cookie)
    request.state.current = current  # as above
    sent = read_form_post(current, fields)
    return SubmissionPost(current, sent.fields, found.met)


def require_participating(sent: Annotated[FormPost, Depends(read_form_post)]) -> FormPost:
    """A form of somebody who still takes part."""
    if sent.current.participant.exit_kind is not None:
        raise Refused("participation_ended")
    return sent


UnlockedRequest = Annotated[ParticipantRequest, Depends(require_unlocked)]
ReachableRequest = Annotated[ParticipantRequest, Depends(require_device_or_withdrawn)]
ParticipantPost = Annotated[FormPost, Depends(require_participating)]
