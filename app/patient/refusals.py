"""A refusal as the participant's page or the question runner can use it."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

import orjson
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.forms.page_builders import call_because_of, format_optional_day, name_form, url_of_form
from app.patient.hand_over import end_idle_hand_over
from app.patient.person.device_cookies import renew_device_cookies
from app.patient.person.marks import renew_marks
from app.patient.request import ParticipantRequest
from app.patient.second_check_form import CHECK_FIELDS
from app.services.capture.forms import get_form_definition
from app.services.patient.home import get_next_forms
from app.services.patient.submitted_forms import find_sending_device, get_submitted_form
from app.services.patient.urgent_call import UrgentCall
from app.web.cookies import other_tokens
from app.web.errors import ask_to_retry, refusal_response
from app.web.middleware.plain_route import PlainRoute
from app.web.pages.rendering import Page, render_page
from app.web.refusal_messages import message_of
from app.web.urls import CALL, CODE, PEOPLE, READY, UNLOCK, WELCOME


@dataclass(frozen=True, slots=True)
class LockedPage:
    """Shown after idle minutes in place of the content; drafts are already kept.

    `carried` holds the fields of a form that came too late: they go along with the answer, so that
    nothing is lost and nothing is stored before it is known who sends it. `minutes` is 0 when the
    lock did not come from idling. `shared`: other participants are bound in this browser.
    """

    template: ClassVar[str] = "patient/locked.html"
    action_url: str
    minutes: int
    asks: str = "pin"  # "pin" | "birth_date" | "none"
    error: str = ""  # "" | "format" | "wrong" | "throttled" | "busy"
    carried: tuple[tuple[str, str], ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class NoticePage:
    """A stop with its reason and the way on.

    `code` is one of closed, not_open, withdrawn, wrong_link, not_known, no_cookies, already_sent, proxy,
    throttled, not_offered, kept, not_yours (an old page, on a phone that somebody else uses now). With
    wrong_link and not_known a code can be entered at `code_url`.
    """

    template: ClassVar[str] = "patient/notice.html"
    code: str
    name: str = ""
    when: str = ""
    next_on: str = ""
    receipt: str = ""
    means: str = ""  # of a form that was sent: "here" | "other" | "site_device" | "paper"; "" where not known
    label: str = ""  # of the other browser from which it was sent
    quarantined: bool = False  # what was entered for a form that was sent differs from it, and lies beside it
    more: int = 0  # forms that can be filled in now
    call: UrgentCall | None = None  # because of what was sent today
    call_url: str = CALL
    code_url: str = CODE
    people_url: str = PEOPLE


_NOTICES: Mapping[str, tuple[str, int]] = {
    "not_signed_in": ("not_known", 401),
    "participation_ended": ("withdrawn", 403),
    "wrong_link": ("wrong_link", 404),
    "throttled": ("throttled", 429),
    "not_yet_open": ("not_open", 409),
    "window_closed": ("closed", 409),
    "not_expected": ("closed", 409),
    "already_submitted": ("already_sent", 409),
    "arrived_too_late": ("kept", 409),
    "no_translation": ("not_offered", 409),
    "pack_missing": ("not_offered", 409),
    "pack_altered": ("not_now", 409),
    "pack_expired": ("not_now", 409),
}
_LOCKED = {
    "locked": "",
    "wrong_pin": "wrong",
    "wrong_birth_date": "wrong",
    "bad_birth_date": "format",
    "sign_in_busy": "busy",
}
_ARRIVALS = (WELCOME, READY)
_NAMELESS = frozenset({"no_translation", "pack_missing", "pack_altered", "pack_expired"})
"""Refusals of the form's very words, so that its name is not told either."""

_STATES = {"already_submitted": "submitted", "arrived_too_late": "kept"}
_SHOWN_DETAILS = ("field", "item", "items", "allowed", "low", "high", "receipt")

_Answering = Callable[[Request], Coroutine[Any, Any, Response]]


class PatientRoute(APIRoute):
    """A route whose refusals become this face's pages; each page renews the cookie's 400 days."""

    def get_route_handler(self) -> _Answering:
        answer = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                response = await answer(request)
            except Refused as refused:
                if refused.code == "hand_over_ended":
                    return await run_in_threadpool(_ended, request, refused)
                response = ask_to_retry(request, await refusal_page(request, refused), refused)
            current: ParticipantRequest | None = getattr(request.state, "current", None)
            if current is not None and "set-cookie" not in response.headers:
                renew_device_cookies(response, current.cookie, other_tokens(request))
                renew_marks(request, response)
            return response

        return answering


class PlainPatientRoute(PatientRoute, PlainRoute):
    """A route of the busiest pages, with the same refusals, which declares nothing to read from a request."""


def _ended(request: Request, refused: Refused) -> Response:
    """The clinic's tablet is this participant's no longer: the page that says so, or JSON for the runner."""
    response = end_idle_hand_over(request)
    return refusal_as_json(refused) if wants_json(request) else response


async def refusal_page(request: Request, refused: Refused) -> Response:
    """The refusal as a page, or as JSON for the runner."""
    if wants_json(request):
        return refusal_as_json(refused)
    current: ParticipantRequest | None = getattr(request.state, "current", None)
    if refused.code == "not_begun":
        return RedirectResponse(url_of_form(request.path_params["slot"]), 303)
    if current is not None and (refused.code in _LOCKED or refused.code == "throttled"):
        form = await request.form() if request.method == "POST" else {}
        return current.show(_locked(current, refused, form), message_of(refused).status)
    if current is not None and refused.code == "unknown_slot" and other_tokens(request):
        return current.show(NoticePage("not_yours"), message_of(refused).status)
    if refused.code in _NOTICES:
        page, status = _notice(request, current, refused)
        return _shown(request, current, page, status)
    return refusal_response(request, refused)


def wants_json(request: Request) -> bool:
    """Whether the runner asks; it says so."""
    return request.headers.get("accept", "") == "application/json"


def refusal_as_json(refused: Refused) -> Response:
    """`{"code": …, "state": …}` with the field concerned and what is allowed; never an answer."""
    status = message_of(refused).status
    body: dict[str, object] = {"code": refused.code}
    if status == 409:
        body["state"] = _STATES.get(refused.code, "closed")
    body |= {name: refused.details[name] for name in _SHOWN_DETAILS if name in refused.details}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _shown(request: Request, current: ParticipantRequest | None, page: Page, status: int) -> Response:
    return current.show(page, status) if current else render_page(request, page, status)


def _notice(request: Request, current: ParticipantRequest | None, refused: Refused) -> tuple[NoticePage, int]:
    code, status = _NOTICES[refused.code]
    if code == "not_known" and request.url.path in _ARRIVALS:
        return NoticePage("no_cookies"), status  # just activated, and the cookie did not come back
    slot = request.path_params.get("slot")
    if current is None or slot is None or refused.code in _NAMELESS:
        return NoticePage(code), status
    return _about(current, slot, code, refused), status


def _about(current: ParticipantRequest, slot: str, code: str, refused: Refused) -> NoticePage:
    """A notice about one form: what it was, what became of it, and what comes next; without blame."""
    spoken, receipt, means, label, call = current.language, "", "", "", None
    if refused.code == "already_submitted":
        submitted = get_submitted_form(current.context, slot)
        name, receipt = name_form(current, submitted.name, submitted.occasion), submitted.receipt
        when = formats.format_local_time(submitted.submitted_at, current.participant.zone, spoken)
        means, label = find_sending_device(current.context, submitted)
        call = call_because_of(current, (submitted,))
    else:
        form = get_form_definition(current.context, slot)
        name = name_form(current, form.name, form.occasion)
        day, opens_at = refused.details.get("day"), refused.details.get("opens_at")
        has_ended = current.participant.exit_kind is not None  # for them it ended before it closed
        when = "" if has_ended else format_optional_day(day if isinstance(day, date) else None, spoken)
        if isinstance(opens_at, datetime):
            when = formats.format_opening(opens_at, current.participant.zone, spoken)
    if code == "not_open":
        return NoticePage(code, name, when)
    ahead = get_next_forms(current.context)
    next_on = formats.format_opening(ahead.next_at, current.participant.zone, spoken)
    quarantined = bool(refused.details.get("quarantined"))
    return NoticePage(code, name, when, next_on, receipt, means, label, quarantined, ahead.more, call)


def _locked(current: ParticipantRequest, refused: Refused, form: Mapping[str, object]) -> LockedPage:
    error, path = _LOCKED.get(refused.code, "throttled"), current.request.url.path
    if current.request.method != "POST":
        return locked_page(current, UNLOCK, error, (("back", path),))
    carried = ((name, value) for name, value in form.items() if isinstance(value, str))
    return locked_page(current, path, error, tuple(pair for pair in carried if pair[0] not in CHECK_FIELDS))


def locked_page(
    current: ParticipantRequest, action_url: str, error: str = "", carried: tuple[tuple[str, str], ...] = ()
) -> LockedPage:
    """The second check of this person's study, in place of what was asked for."""
    plan = current.installation.library.get_plan(current.participant.study, current.participant.plan_version)
    idle = current.participant.locked and not current.participant.put_down
    return LockedPage(
        action_url=action_url,
        minutes=plan.idle_minutes if idle else 0,
        asks=current.participant.second_check.value,
        error=error,
        carried=carried,
        shared=bool(other_tokens(current.request)),
    )
