"""Logs: one JSON object per line on stderr; no answers, tokens, names, queries or bodies (SEC-11, SEC-14)."""

import logging
import sys
import traceback
from time import perf_counter
from typing import Any, TextIO

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, WrappedLogger

from app.services.core.identifiers import new_public_id

_UNMATCHED = "-"


def configure_logging(stream: TextIO | None = None) -> None:
    """Send our own and the server's log lines to a stream, or to the process's standard error, as JSON."""
    stream = stream or sys.__stderr__ or sys.stderr
    shared: list[Any] = [  # structlog's own type of a processor is not exported for lists of mixed kinds
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        strip_values,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _json],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    structlog.configure(processors=[*shared, _json], logger_factory=structlog.PrintLoggerFactory(stream))


def strip_values(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """An exception as its kind and places only: its message may quote a row or an answer."""
    exc_info = event.pop("exc_info", None)
    error = (
        sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    )
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _json(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


_DENIED = frozenset({403, 404})


class AccessLog:
    """Names each request with an id, and logs its route (never its address), status and time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.log = structlog.get_logger("access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, reference = perf_counter(), 500, new_public_id()
        scope.setdefault("state", {})["request_id"] = reference

        async def send_with_reference(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", reference.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_reference)
        finally:
            took = round((perf_counter() - started) * 1000, 1)
            self.log.info(
                "request",
                id=reference,
                method=scope["method"],
                route=declared_route(scope),
                status=status,
                ms=took,
                **_name_denied(scope, status),
            )


def _name_denied(scope: Scope, status: int) -> dict[str, str]:
    """Who of the staff asked for what they may not see, or for what there is not."""
    actor = scope.get("state", {}).get("actor")
    return {"denied": str(actor)} if actor and status in _DENIED else {}


def declared_route(scope: Scope) -> str:
    """The path as declared, with its placeholders; a dash where no route answered."""
    return str(getattr(scope.get("route"), "path", _UNMATCHED))
