"""Error handlers: a page in the reader's words, or problem details for the API."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from app.domain.records.acts import ActRepeated
from app.domain.refusal import DatabaseUnavailable, Refused
from app.i18n.formats import format_day
from app.i18n.languages import Language
from app.i18n.marking import N_
from app.web.dependencies import get_language, get_now
from app.web.form_fields import UNWRITABLE
from app.web.middleware.head import is_bodiless
from app.web.middleware.headers import add_security_headers
from app.web.pages.error_page import ErrorPage
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Page, Pages, frame_for, render_page
from app.web.problems import json_pointer, problem_response
from app.web.refusal_messages import COMMA, fill_message, message_of
from app.web.urls import DESK

API = "/api/"
FIELDS = N_("Please check these fields: %(fields)s.")
_KINDS = {400: "malformed", 401: "unauthorized", 403: "forbidden", 413: "too-large", 429: "rate-limited"}
_CODES = {403: "forbidden", 405: "not_allowed", 413: "too_large"}


def is_api_path(path: str) -> bool:
    """Whether a machine asks, which wants problem details and never a page."""
    return path.startswith(API)


def refusal_response(request: Request, refused: Refused) -> Response:
    """The refusal as this caller can read it."""
    message = message_of(refused)
    headers = build_retry_headers(request, refused)
    if not is_api_path(request.url.path):
        spoken = get_language(request)
        sentence = fill_message(
            _translated(request, message.sentence),
            refused,
            partial(_written, spoken=spoken),
            _translated(request, COMMA),
        )
        return error_page(request, message.status, sentence, headers)
    if message.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    more = {"code": refused.code, **refused.details}
    title = _phrase(message.status)
    detail = fill_message(message.sentence, refused)
    field = refused.details.get("field")
    errors = (
        [{"pointer": json_pointer([str(field)]), "detail": detail}] if field and message.status == 422 else []
    )
    return problem_response(message.kind, message.status, title, detail, errors, headers, more)


def build_retry_headers(request: Request, refused: Refused) -> dict[str, str]:
    """Build the Retry-After header of a refusal that names a moment (`until`) or a number of `seconds`."""
    until, seconds = refused.details.get("until"), refused.details.get("seconds")
    if isinstance(until, datetime):
        seconds = max(1, round((until - get_now(request)).total_seconds()))
    return {"Retry-After": str(seconds)} if isinstance(seconds, int) else {}


def ask_to_retry(request: Request, response: Response, refused: Refused) -> Response:
    """Add the Retry-After header to the response, if the refusal that it shows names a time."""
    response.headers.update(build_retry_headers(request, refused))
    return response


def _written(value: object, spoken: Language) -> str:
    plain_day = isinstance(value, date) and not isinstance(value, datetime)
    return format_day(value, spoken) if plain_day else str(value)


def error_page(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The page for a refusal or failure, with the id under which the log has it."""
    reference = request.scope.get("state", {}).get("request_id", "") if status >= 500 else ""
    frame = _frame_of(request)
    page = ErrorPage(status, message, reference, urlsplit(frame.home_url).path == request.url.path)
    return render_page(request, page, status, frame, headers)


def _frame_of(request: Request) -> PageFrame:
    """The frame that the guard of a face left in the state of the request, or that of a stranger.

    A stranger at an address of the desk is led to the desk, which asks for the sign-in: never to the page
    where participants enter their codes.
    """
    frame: PageFrame | None = request.scope.get("state", {}).get("frame")
    if frame is not None:
        return frame
    of_desk = request.url.path == DESK or request.url.path.startswith(f"{DESK}/")
    return replace(frame_for(request), home_url=DESK) if of_desk else frame_for(request)


class ShownInstead(Exception):
    """A page takes the place of what was asked for, before any route answers."""

    def __init__(self, page: Page, status: int) -> None:
        super().__init__(page.template)
        self.page = page
        self.status = status


def install_error_handlers(app: FastAPI) -> None:
    """Install these error handlers in the application."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(ActRepeated, _repeated)
    app.add_exception_handler(ShownInstead, _shown)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this kind; mypy wants it said
    return refusal_response(request, error)


async def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseUnavailable)  # noqa: S101 - registered for this kind; mypy wants it said
    headers = {"Retry-After": str(error.retry_seconds)}
    if not is_api_path(request.url.path):
        return error_page(request, 503, "", headers)
    detail, code = "The database cannot do this just now. Ask again.", error.fault.value
    return problem_response("unavailable", 503, _phrase(503), detail, headers=headers, more={"code": code})


async def _repeated(_request: Request, error: Exception) -> Response:
    """The act was done already: its first result again."""
    assert isinstance(error, ActRepeated)  # noqa: S101 - registered for this kind; mypy wants it said
    return RedirectResponse(error.result, 303)


async def _shown(request: Request, error: Exception) -> Response:
    assert isinstance(error, ShownInstead)  # noqa: S101 - registered for this kind; mypy wants it said
    return render_page(request, error.page, error.status, _frame_of(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this kind; mypy wants it said
    return http_response(request, error)


def http_response(request: Request, error: HTTPException) -> Response:
    """A bare status as a page, or as a problem for the API."""
    status = error.status_code
    headers = {"Allow": ", ".join(list_methods(request))} if status == 405 else error.headers
    if is_api_path(request.url.path):
        phrase = _phrase(status)
        kind = _KINDS.get(status, phrase.lower().replace(" ", "-"))
        return problem_response(kind, status, phrase, headers=headers)
    code = _CODES.get(status)
    message = _translated(request, message_of(Refused(code)).sentence) if code else ""
    return error_page(request, status, message, headers)


def list_methods(request: Request) -> list[str]:
    """The methods that any route takes at the address of this request; HEAD goes with GET unless refused."""
    routes = [
        route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE
    ]
    methods = {method for route in routes for method in route.methods or ()}
    return sorted(methods | ({"HEAD"} if "GET" in methods and not is_bodiless(request) else set()))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this kind; mypy wants it said
    faults = error.errors()
    if not is_api_path(request.url.path):
        if any(fault["loc"][0] == "path" for fault in faults):
            return error_page(request, 404, "")  # the number of no row
        comma = _translated(request, COMMA)
        fields = comma.join(dict.fromkeys(str(fault["loc"][-1]) for fault in faults))
        if all(fault["type"] == UNWRITABLE for fault in faults):
            return refusal_response(request, Refused(UNWRITABLE, field=fields))
        return error_page(request, 422, _translated(request, FIELDS) % {"fields": fields})
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem_response("malformed", 400, "Bad Request", "The body is not valid JSON.")
    details = [{**_location(fault["loc"]), "detail": _words_of(fault)} for fault in faults]
    return problem_response("validation", 422, _phrase(422), "Some fields are not as allowed.", details)


def _words_of(fault: Mapping[str, Any]) -> str:
    """What is wrong, in our own words where a check of ours found it: Pydantic begins those with its own."""
    ours = fault.get("ctx", {}).get("error") if fault["type"] == "value_error" else None
    return str(ours or fault["msg"])


async def _failed(request: Request, _error: Exception) -> Response:
    # Starlette answers this outside of every middleware, so that the headers are added here.
    if is_api_path(request.url.path):
        reference = request.scope.get("state", {}).get("request_id", "")
        response = problem_response("internal", 500, "Internal Server Error", instance=reference)
    else:
        response = error_page(request, 500, "")
    response.raw_headers = add_security_headers(response.raw_headers)
    return response


def _phrase(status: int) -> str:
    """The name of a status; 422 as RFC 9110 names it, whatever the version of Python."""
    return "Unprocessable Content" if status == 422 else HTTPStatus(status).phrase


def _location(location: tuple[str | int, ...]) -> Mapping[str, str]:
    where, *path = location
    if where == "body":
        return {"pointer": json_pointer(path)}
    return {"parameter": str(path[-1] if path else where), "in": str(where)}


def _translated(request: Request, sentence: str) -> str:
    if not sentence:
        return ""
    pages: Pages = request.app.state.pages
    return pages.translate(sentence, _frame_of(request))
