"""Who is at the door: the participant behind a request, and the frame that their pages have."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, Language, language
from app.patient.checks import ANSWER_FIELDS, answer_of, answered
from app.services.activation import Invited
from app.services.entry import Visitor, recognise, touch, unlock
from app.services.form_languages import offered
from app.services.installation import Installation
from app.services.submission import Met, arriving
from app.storage.people import TextSize
from app.storage.schedule import Slot
from app.web.cookies import kept
from app.web.dependencies import At, Daybook
from app.web.pages import Page, render
from app.web.places import DEVICE_COOKIE, PATIENT_HOME
from app.web.shell import Shell, base_shell

_PLAIN_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a participant whose browser is known."""

    request: Request
    daybook: Installation
    at: datetime
    cookie: str
    visitor: Visitor

    @property
    def language(self) -> Language:
        """The participant's own; every page and every answer of theirs is in it."""
        return language(self.visitor.language) or ENGLISH

    @property
    def shell(self) -> Shell:
        frame = framed(base_shell(self.request).speaking(self.language), self.daybook, self.visitor)
        size = self.visitor.text_size
        return frame if size is TextSize.standard else replace(frame, size=size.value)

    @property
    def opens_offline(self) -> bool:
        """Whether this person's forms open without a connection; with no outbox that would lose answers."""
        plan = self.daybook.library.plan(self.visitor.study, self.visitor.plan_version)
        return plan.opens_offline and plan.outbox and self.visitor.exit_kind is None

    def show(self, page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        return render(self.request, page, status, self.shell, headers)

    def show_form(self, slot: Slot, page: Page, status: int, headers: Mapping[str, str]) -> Response:
        """A page of a form: no other language is offered than those that the form has words in."""
        told = offered(self.daybook, self.visitor, slot)
        names = tuple((code, name) for code, name in self.shell.languages if code in told)
        return render(self.request, page, status, replace(self.shell, languages=names), headers)


@dataclass(frozen=True, slots=True)
class Posting:
    """A form that a known participant sent: its fields, without the answer that may have come along."""

    visit: Visit
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery(Posting):
    """A form that is sent to a slot, and what it meets there."""

    met: Met


def framed(shell: Shell, daybook: Installation, person: Visitor | Invited) -> Shell:
    """The frame with the study's neutral name and the telephone of the person's site."""
    names = daybook.library.plan(person.study, person.plan_version).neutral_name
    return replace(
        shell,
        study_name=names.get(shell.code, shell.study_name),
        phone=person.site.phone,
        home_url=PATIENT_HOME,
    )


def visit_with(request: Request, daybook: Installation, cookie: str, at: datetime) -> Visit:
    """The visit of whoever this token binds. Raises Refused("not_signed_in")."""
    with daybook.read() as session:
        return Visit(request, daybook, at, cookie, recognise(daybook, session, cookie, at))


def known(request: Request, daybook: Daybook, at: At) -> Visit:
    """The visit of a bound browser, even of one that must confirm who it is."""
    visit = visit_with(request, daybook, kept(request, DEVICE_COOKIE) or "", at)
    request.state.visit = visit  # a refusal further on is told in this person's language
    return visit


Known = Annotated[Visit, Depends(known)]


def awake(visit: Known) -> Visit:
    """The visit of somebody who may see their forms now."""
    if visit.visitor.exit_kind is not None:
        raise Refused("participation_ended")
    if visit.visitor.locked:
        raise Refused("locked")
    touch(visit.daybook, visit.visitor, visit.at)
    return visit


def reachable(visit: Known) -> Visit:
    """The visit of a browser that brings something kept: of somebody unlocked, or who left the study.

    Whoever left sees nothing, but what they answered before is judged and never dropped.
    """
    return visit if visit.visitor.exit_kind is not None else awake(visit)


async def posted(request: Request) -> Mapping[str, str]:
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


Posted = Annotated[Mapping[str, str], Depends(posted)]


def sending(visit: Known, fields: Posted) -> Posting:
    """A form as it is sent, even by somebody who left the study: what came is judged, never dropped.

    A browser that idled too long may bring the answer to the second check along with the form, so that
    nothing is lost.
    """
    if visit.visitor.locked:
        if not answered(fields):
            raise Refused("locked")
        unlock(visit.daybook, visit.visitor, answer_of(fields), visit.at)
    else:
        touch(visit.daybook, visit.visitor, visit.at)
    return Posting(visit, {name: value for name, value in fields.items() if name not in ANSWER_FIELDS})


def delivered(
    request: Request, daybook: Installation, at: datetime, slot: str, fields: Mapping[str, str]
) -> Delivery:
    """A form that is sent to this slot, with all that is known of it read at once.

    Raises Refused: "not_signed_in", "unknown_slot", or as `sending`.
    """
    cookie = kept(request, DEVICE_COOKIE) or ""
    found = arriving(daybook, cookie, slot, at)
    if found is None:
        known(request, daybook, at)
        raise Refused("unknown_slot")
    visit = Visit(request, daybook, at, cookie, found.visitor)
    request.state.visit = visit  # as above
    sent = sending(visit, fields)
    return Delivery(visit, sent.fields, found.met)


def posting(sent: Annotated[Posting, Depends(sending)]) -> Posting:
    """A form of somebody who still takes part."""
    if sent.visit.visitor.exit_kind is not None:
        raise Refused("participation_ended")
    return sent


Awake = Annotated[Visit, Depends(awake)]
Reachable = Annotated[Visit, Depends(reachable)]
FormPost = Annotated[Posting, Depends(posting)]
