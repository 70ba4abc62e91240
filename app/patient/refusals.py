"""A refusal as the participant's page or the question runner can use it."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import date
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.checks import CHECK_FIELDS
from app.patient.pages import LockedPage, NoticePage
from app.patient.tokens import others_of, renew
from app.patient.views import form_url, named, on_day
from app.patient.visits import Visit
from app.services.capture import definition
from app.services.patient_home import home, sent_form
from app.web.errors import respond
from app.web.pages import Page, render
from app.web.places import READY, WELCOME
from app.web.wording import wording_of

_NOTICES: Mapping[str, tuple[str, int]] = {
    "not_signed_in": ("wrong_link", 401),
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
_LOCKED = {"locked": "", "wrong_pin": "wrong", "wrong_birth_date": "wrong", "bad_birth_date": "format"}
_ARRIVALS = (WELCOME, READY)
_NAMELESS = frozenset({"no_translation", "pack_missing", "pack_altered", "pack_expired"})
"""Refusals of the form's very words, so that its name is not told either."""

_STATES = {"already_submitted": "submitted", "arrived_too_late": "kept"}
_TOLD = ("field", "item", "items", "allowed", "low", "high", "receipt")

_Answering = Callable[[Request], Coroutine[Any, Any, Response]]


class PatientRoute(APIRoute):
    """A route whose refusals become this face's pages, and whose pages renew the cookie (P2.1)."""

    def get_route_handler(self) -> _Answering:
        answer = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                response = await answer(request)
            except Refused as refused:
                response = await told(request, refused)
            visit: Visit | None = getattr(request.state, "visit", None)
            if visit is not None and "set-cookie" not in response.headers:
                renew(response, visit.cookie, others_of(request))
            return response

        return answering


async def told(request: Request, refused: Refused) -> Response:
    """The refusal as a page, or as JSON for the runner."""
    if wants_json(request):
        return told_as_json(refused)
    visit: Visit | None = getattr(request.state, "visit", None)
    if refused.code == "not_begun":
        return RedirectResponse(form_url(request.path_params["slot"]), 303)
    if visit is not None and (refused.code in _LOCKED or refused.code == "throttled"):
        form = await request.form() if request.method == "POST" else {}
        return visit.show(_locked(visit, refused, form), wording_of(refused).status)
    if refused.code in _NOTICES:
        page, status = _notice(request, visit, refused)
        return _shown(request, visit, page, status)
    return respond(request, refused)


def wants_json(request: Request) -> bool:
    """Whether the runner asks; it says so."""
    return request.headers.get("accept", "") == "application/json"


def told_as_json(refused: Refused) -> Response:
    """`{"code": …, "state": …}` with the field concerned and what is allowed; never an answer."""
    status = wording_of(refused).status
    body: dict[str, object] = {"code": refused.code}
    if status == 409:
        body["state"] = _STATES.get(refused.code, "closed")
    body |= {name: refused.details[name] for name in _TOLD if name in refused.details}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _shown(request: Request, visit: Visit | None, page: Page, status: int) -> Response:
    return visit.show(page, status) if visit else render(request, page, status)


def _notice(request: Request, visit: Visit | None, refused: Refused) -> tuple[NoticePage, int]:
    code, status = _NOTICES[refused.code]
    if code == "wrong_link" and request.url.path in _ARRIVALS:
        return NoticePage("no_cookies"), status  # just activated, and the cookie did not come back
    slot = request.path_params.get("slot")
    if visit is None or slot is None or refused.code in _NAMELESS:
        return NoticePage(code), status
    return _about(visit, slot, code, refused), status


def _about(visit: Visit, slot: str, code: str, refused: Refused) -> NoticePage:
    """A notice about one form: what it was, what became of it, and what comes next (P14)."""
    spoken, receipt = visit.language, ""
    if refused.code == "already_submitted":
        sent = sent_form(visit.daybook, visit.visitor, slot)
        name, receipt = named(sent.name, sent.for_day, spoken), sent.receipt
        when = formats.told(sent.sent_at, visit.visitor.zone, spoken)
    else:
        form = definition(visit.daybook, visit.visitor, slot)
        name = named(form.text.name, form.slot.for_day, spoken)
        when = on_day(_date(refused.details.get("day")), spoken)
    next_on = home(visit.daybook, visit.visitor, visit.at).next_on if code != "not_open" else None
    return NoticePage(code, name, when, on_day(next_on, spoken), receipt)


def _date(day: object) -> date | None:
    return day if isinstance(day, date) else None


def _locked(visit: Visit, refused: Refused, form: Mapping[str, object]) -> LockedPage:
    error, path = _LOCKED.get(refused.code, "throttled"), visit.request.url.path
    if visit.request.method != "POST":
        return locked_page(visit, "/unlock", error, (("back", path),))
    carried = ((name, value) for name, value in form.items() if isinstance(value, str))
    return locked_page(visit, path, error, tuple(pair for pair in carried if pair[0] not in CHECK_FIELDS))


def locked_page(
    visit: Visit, action_url: str, error: str = "", carried: tuple[tuple[str, str], ...] = ()
) -> LockedPage:
    """The second check of this person's study, in place of what was asked for."""
    plan = visit.daybook.library.plan(visit.visitor.study, visit.visitor.plan_version)
    idle = visit.visitor.locked and not visit.visitor.put_down
    return LockedPage(
        action_url=action_url,
        minutes=plan.idle_minutes if idle else 0,
        asks=visit.visitor.second_check.value,
        error=error,
        carried=carried,
        shared=bool(others_of(visit.request)),
    )
