"""Problem details (RFC 9457): the API's error responses."""

from collections.abc import Mapping, Sequence

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RESERVED = frozenset({"type", "title", "status", "detail", "instance"})
"""Members that RFC 9457 gives a meaning; no extension member takes their place."""


def problem_response(
    kind: str,
    status: int,
    title: str,
    detail: str = "",
    errors: Sequence[Mapping[str, object]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
    instance: str = "",
) -> Response:
    """A problem; `kind` is a slug such as `unknown-participant` that stands in the type's address.

    `errors` name each fault by a JSON pointer (RFC 6901) into the body, never with its value. `more` are
    extension members; one with a reserved name is left out.
    """
    body: dict[str, object] = {name: value for name, value in (more or {}).items() if name not in RESERVED}
    body |= {"type": f"/problems/{kind}", "title": title, "status": status}
    body |= {name: value for name, value in (("detail", detail), ("instance", instance)) if value}
    if errors:
        body["errors"] = list(errors)
    return Response(orjson.dumps(body, default=_plain), status, headers, media_type=MEDIA_TYPE)


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def json_pointer(path: Sequence[str | int]) -> str:
    """A place inside a JSON document, e.g. `/answers/0/item`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
