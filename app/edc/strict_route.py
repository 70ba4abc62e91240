"""What every route of the EDC's face does alike: strict reading, media types, what is left of the quota."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.domain.refusal import Refused
from app.web.middleware.negotiation import select_type

JSON = "application/json"
LINES = "application/x-ndjson"


class EdcRoute(APIRoute):
    """A route that takes each member of a JSON object once and answers in a type that the caller takes.

    Its answers tell the client what is left of its quota.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        offered = _offered_types(self.responses)

        async def answer_strictly(request: Request) -> Response:
            if select_type(accepted_types(request), offered) is None:
                raise Refused("no_acceptable_type", allowed=offered)
            if self.body_field is not None and (repeated := find_repeated_members(await request.body())):
                faults = [{"type": "repeated", "loc": ("body", *path), "msg": _ONCE} for path in repeated]
                raise RequestValidationError(faults)
            response = await answer(request)
            response.headers.update(getattr(request.state, "rate", {}))
            return response

        return answer_strictly


_ONCE = "must stand there only once"


def accepted_types(request: Request) -> str:
    """The request's Accept headers as one."""
    return ",".join(request.headers.getlist("accept"))


def _offered_types(responses: dict[int | str, dict[str, Any]]) -> tuple[str, ...]:
    """The media types of a successful answer, as the published description names them."""
    success = responses.get(200, {})
    named = tuple(success.get("content", ()))
    return (JSON, *named) if "model" in success or not named else named


class _Members(dict[str, Any]):
    """A JSON object that knows which names stood in it more than once."""

    repeated: tuple[str, ...] = ()


def _collect(pairs: list[tuple[str, Any]]) -> _Members:
    members = _Members(pairs)
    if len(members) != len(pairs):
        counted = Counter(name for name, _value in pairs)
        members.repeated = tuple(name for name, times in counted.items() if times > 1)
    return members


def find_repeated_members(body: bytes) -> list[tuple[str | int, ...]]:
    """The place of each name that stands in a JSON object more than once; none of what is no JSON at all."""
    try:
        document = json.loads(body, object_pairs_hook=_collect)
    except (ValueError, RecursionError):
        return []  # told by whoever reads the body
    return [(*path, name) for path, members in _objects(document) for name in members.repeated]


def _objects(document: object) -> Iterator[tuple[tuple[str | int, ...], _Members]]:
    """Every object of a document with its place."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Members):
            yield path, value
            waiting += [((*path, name), member) for name, member in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), member) for index, member in enumerate(value)]
