"""What every handler of the desk works with: who is signed in, the frame, and words for refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.pages import DeskShell
from app.domain.access import Actor, Permission
from app.domain.refusal import Refused
from app.services.installation import Installation
from app.services.staff_access import Colleague, recognise_colleague, touch_session
from app.web.cookies import kept
from app.web.dependencies import At, Daybook, language_of
from app.web.pages import Page, Pages, render, render_block
from app.web.places import SESSION_COOKIE
from app.web.shell import Shell, base_shell
from app.web.wording import filled, wording_of

SIGN_IN = "/desk/sign-in"


@dataclass(frozen=True, slots=True)
class Desk:
    """One request of a signed-in member of staff."""

    request: Request
    daybook: Installation
    at: datetime
    colleague: Colleague
    shell: DeskShell

    @property
    def actor(self) -> Actor:
        return self.colleague.actor

    def show(self, page: Page, refused: Refused | None = None) -> Response:
        """The page; with the status of a refusal where it tells one."""
        return render(self.request, page, wording_of(refused).status if refused else 200, self.shell)

    def show_block(self, page: Page, block: str) -> Response:
        return render_block(self.request, page, block, self.shell)

    def words(self, refused: Refused) -> str:
        return words_of(self.request, refused, self.shell)


def at_desk(request: Request, daybook: Daybook, at: At) -> Desk:
    """The desk of whoever is signed in; anybody else is sent to sign in."""
    cookie = kept(request, SESSION_COOKIE)
    try:
        with daybook.read() as session:
            colleague = recognise_colleague(session, cookie, at)
    except Refused as refused:
        raise _to_sign_in(request) from refused
    touch_session(daybook, colleague, cookie, at)
    return Desk(request, daybook, at, colleague, _shell(request, colleague))


AtDesk = Annotated[Desk, Depends(at_desk)]


def words_of(request: Request, refused: Refused, shell: Shell) -> str:
    """A refusal in the words of this page's language."""
    pages: Pages = request.app.state.pages
    sentence = wording_of(refused).sentence
    return filled(pages.word(sentence, shell), refused) if sentence else ""


def source_of(request: Request) -> str:
    """Where a request comes from, for throttling."""
    return request.client.host if request.client else "unknown"


def typed_day(text: str, field: str) -> date:
    """A typed date; Refused("bad_date") naming the field."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as bad:
        raise Refused("bad_date", field=field, allowed="YYYY-MM-DD") from bad


def _shell(request: Request, colleague: Colleague) -> DeskShell:
    spoken = base_shell(request).speaking(language_of(request, colleague.language))
    told: Mapping[str, object] = {field.name: getattr(spoken, field.name) for field in fields(Shell)}
    enrols = bool(colleague.actor.reach(Permission.PARTICIPANT_ENROL))
    frame = DeskShell(**told)  # type: ignore[arg-type]  # the same fields by name
    return frame.of(colleague.name, enrols, bool(colleague.actor.reach(Permission.REQUEST_CLOSE)))


def _to_sign_in(request: Request) -> HTTPException:
    if request.headers.get("hx-request"):
        return HTTPException(401, headers={"HX-Redirect": SIGN_IN})
    return HTTPException(303, headers={"Location": SIGN_IN})
