"""Route index: a request is matched against the routes whose addresses begin alike, not against all."""

from collections.abc import Collection

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

_Beginning = tuple[int, str, str]
"""How many parts an address has, and the first two of them; a placeholder is "{}"."""
_PLACEHOLDER = "{}"


class RouteIndex:
    """Asks a router of the routes alone that a request can reach, in their order; else the whole one."""

    def __init__(self, router: APIRouter) -> None:
        self._whole: ASGIApp = router.app
        routes = [route for route in router.routes if isinstance(route, APIRoute)]
        self._groups = group_routes(routes)
        self._parts: dict[_Beginning, ASGIApp] = {}
        """The router of each group that was asked for: a program starts sooner than all are made."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        part = self._find(scope["path"]) if scope["type"] == "http" else None
        await (part or self._whole)(scope, receive, send)

    def _find(self, path: str) -> ASGIApp | None:
        many, first, second = _read_beginning(path)
        beginning = (many, first, second)
        if beginning not in self._groups:
            beginning = (many, first, _PLACEHOLDER)
        if beginning not in self._parts and beginning in self._groups:
            reachable = list[BaseRoute](self._groups[beginning])
            self._parts[beginning] = APIRouter(routes=reachable, redirect_slashes=False).app
        return self._parts.get(beginning)


def group_routes(routes: Collection[APIRoute]) -> dict[_Beginning, list[APIRoute]]:
    """The routes that an address can reach, by its beginning: a placeholder stands for any part.

    Where one stands for several parts, nothing that begins like it is grouped.
    """
    whole = {_read_beginning(route.path)[1] for route in routes if ":path}" in route.path}
    alike: dict[tuple[int, str], list[tuple[str, APIRoute]]] = {}
    for route in routes:
        many, first, second = _declared_beginning(route.path)
        if first not in whole:
            alike.setdefault((many, first), []).append((second, route))
    return {
        (many, first, second): [route for own, route in group if own in (second, _PLACEHOLDER)]
        for (many, first), group in alike.items()
        for second in dict.fromkeys(own for own, _route in group)
    }


def _declared_beginning(path: str) -> _Beginning:
    many, first, second = _read_beginning(path)
    return many, first, _PLACEHOLDER if second.startswith("{") else second


def _read_beginning(path: str) -> _Beginning:
    first, _, rest = path[1:].partition("/")
    return path.count("/"), first, rest.partition("/")[0]
