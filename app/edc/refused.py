"""Bodies that the interface itself refuses: what could be read of them is kept as a matter for the desk."""

import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import date, datetime
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.domain.refusal import Refused
from app.edc.strict_route import EdcRoute
from app.services.core.context import EdcContext
from app.services.edc.refused_bodies import (
    BEYOND,
    FACT_FIELDS,
    FIRST_TAKEN,
    LAST_TAKEN,
    UNREADABLE,
    FactBody,
)
from app.services.edc.requests import keep_refused_body

_DAY = re.compile("[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_DATES = ("date", "reference_date")


class KeepingRoute(EdcRoute):
    """A route by which the EDC states a fact: one that cannot be read as such is kept, and then refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        template = self.path.partition("{subject}")[2].strip("/")

        async def answer_or_keep(request: Request) -> Response:
            try:
                return await answer(request)
            except RequestValidationError as fault:
                context: EdcContext | None = getattr(request.state, "edc_context", None)
                if context is not None and request.query_params.get("dry_run") != "true":
                    body = _read_body(template, request.path_params, fault)
                    subject = str(request.path_params["subject"])
                    await run_in_threadpool(keep_refused_body, context, subject, body, _find_cause(fault))
                raise

        return answer_or_keep


def keep_incomplete(
    context: EdcContext, subject: str, part: str, members: Mapping[str, object], refused: Refused
) -> None:
    """Keep what a body states of which a needed member is empty."""
    stated = {name: members.get(name) for name in FACT_FIELDS[part.partition("/")[0]]}
    keep_refused_body(context, subject, FactBody(part, stated), refused.code)


def _find_cause(fault: RequestValidationError) -> str:
    """Why a body is none that the interface takes, where everything that is wrong with it has one cause."""
    causes = {_cause_of(error["type"], error["loc"][1:], error["input"]) for error in fault.errors()}
    return causes.pop() if len(causes) == 1 else UNREADABLE


def _cause_of(kind: str, where: tuple[object, ...], stated: object) -> str:
    name = where[0] if where else ""
    if kind == "extra_forbidden":
        return "unknown_field"
    if name == "as_of":
        return "bad_as_of"
    if kind == "missing":
        return "bad_field"
    if name in _DATES and isinstance(stated, str):
        return _cause_of_day(date.fromisoformat, stated, "bad_date")
    if name == "at" and isinstance(stated, str):
        return _cause_of_day(lambda at: datetime.fromisoformat(at).date(), stated, "bad_instant")
    return "unknown_word" if kind in ("literal_error", "enum") else UNREADABLE


def _cause_of_day(read: Callable[[str], date], stated: str, unread: str) -> str:
    """Whether a day that was refused is none, or one that the interface does not take."""
    try:
        return unread if FIRST_TAKEN <= read(stated) <= LAST_TAKEN else BEYOND
    except ValueError:
        return unread


def _read_body(template: str, path: Mapping[str, object], fault: RequestValidationError) -> FactBody:
    """The members of a fact that are as they should be, and days; nothing else that was sent."""
    wrong = {str(error["loc"][1]) for error in fault.errors() if len(error["loc"]) > 1}
    kind = template.partition("/")[0]
    part = kind if wrong & path.keys() else template.format(**path)
    document = fault.body if isinstance(fault.body, dict) else {}
    members = {name: document.get(name) for name in FACT_FIELDS[kind]}
    stated = {
        name: value
        for name, value in members.items()
        if isinstance(value, str) and (name not in wrong or _DAY.fullmatch(value))
    }
    as_of = document.get("as_of")
    read = datetime.fromisoformat(as_of) if isinstance(as_of, str) and "as_of" not in wrong else None
    return FactBody(part, stated, read)
