"""The published description (OpenAPI 3.1): what every route answers, problems included."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.edc import response_models
from app.edc.authentication import SCHEME
from app.services.datasets.archive import MEDIA_TYPES
from app.web.permissions import ROUTES

Responses = dict[int | str, dict[str, Any]]

VERSION = "1.0.0"
"""Of the transfer specification; additive within a major version, which stands in the path."""

_REF = {"$ref": "#/components/schemas/Problem"}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _REF}}}


COMMON: Responses = {
    400: _problem("The request cannot be read"),
    401: _problem("No token, or one that is not valid any more"),
    422: _problem("Fields that are not as allowed"),
    429: _problem("Too many requests; Retry-After says when to go on"),
    503: _problem("The database is away, busy or full; Retry-After says when to ask again"),
}
_SCOPE: Responses = {403: _problem("The token lacks a scope, which is named")}
_ABSENT: Responses = {404: _problem("Not there, or not for this client")}
_CONFLICT: Responses = {409: _problem("It does not fit what is stored")}
_VERSION: Responses = {412: _problem("The stored version is another one")}
_READ: Responses = _VERSION | {304: {"description": "As the reader holds it"}}
GET: Responses = COMMON | _SCOPE | _ABSENT | _READ
PUT: Responses = COMMON | _SCOPE | _ABSENT | _CONFLICT | _VERSION | {413: _problem("Too much at once")}
WRITTEN: Responses = PUT | {
    200: {
        "model": response_models.Receipt,
        "description": "Known before; `changed` tells whether this was news",
    },
    201: {"model": response_models.Receipt, "description": "The first body at this address"},
}
STREAM: Responses = (
    COMMON
    | _READ
    | {
        200: {
            "description": "One event per line; X-Through is the number to go on from",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    }
)


def _in_types(description: str, types: Sequence[str], schema: Mapping[str, str]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {content_type: {"schema": dict(schema)} for content_type in types},
    }


_TEXT, _BYTES = {"type": "string"}, {"type": "string", "format": "binary"}
DATASET_STREAM: Responses = {
    200: {
        "description": "The dataset in the format that was named, or that the client takes",
        "content": {
            "text/csv": {"schema": _TEXT},
            "application/x-ndjson": {"schema": _TEXT},
            "application/json": {"schema": {"type": "object"}},
            "application/octet-stream": {"schema": _BYTES},
        },
    }
}
REQUESTED: Responses = PUT | {
    200: {"model": response_models.ExportOut, "description": "Requested before; Location says where it is"},
    202: {"model": response_models.ExportOut, "description": "To be made; Location says where it will be"},
}
FILE_TYPES = tuple(content_type.partition(";")[0] for content_type in MEDIA_TYPES.values())
EXPORT_FILE: Responses = {
    200: _in_types("The file", FILE_TYPES, _BYTES),
    206: _in_types("The ranges of it that were asked for", FILE_TYPES, _BYTES),
    410: _problem("It was kept as long as was said, and is there no more"),
    416: {"description": "No range of this file", "content": {"text/plain": {"schema": _TEXT}}},
}
TOKEN: Responses = {
    200: {"model": response_models.TokenOut},
    400: {"model": response_models.TokenRefused, "description": "invalid_request, invalid_scope, …"},
    401: {"model": response_models.TokenRefused, "description": "invalid_client"},
    429: {"model": response_models.TokenRefused, "description": "slow_down"},
}
TOKEN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"const": "client_credentials"},
                        "scope": {"type": "string"},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                    },
                }
            }
        },
    }
}


def json_or_lines(model: type[BaseModel]) -> Responses:
    """A page as JSON, or as one item per line with the counters in headers."""
    lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    page = {"model": model, "description": "A stretch of the feed", "content": lines}
    return COMMON | _SCOPE | _CONFLICT | _READ | {200: page}


def describe_api(router: APIRouter) -> bytes:
    """The description of the routes as JSON, always the same bytes."""
    document = get_openapi(
        title="Daybook EDC API",
        version=VERSION,
        description="Patient-reported outcomes for an EDC. The transfer specification explains every field.",
        routes=router.routes,
    )
    parts: Mapping[str, dict[str, Any]] = document["components"]
    parts["schemas"]["Problem"] = response_models.Problem.model_json_schema()
    for (method, path), access in ROUTES.items():
        if access.scope is not None:
            document["paths"][path][method.lower()]["security"] = [{SCHEME: [access.scope.value]}]
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
