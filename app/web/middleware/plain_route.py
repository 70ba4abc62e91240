"""Routes of the busiest pages: nothing is declared to be read from their requests."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class PlainRoute(APIRoute):
    """A route whose function is a coroutine that takes the request alone and answers with a response.

    To solve the dependencies that it has none of costs as much as a small query.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return answer
