"""The list "To settle": what is open in one study, and the way to where each of it is decided."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.frame.addresses import build_address, clear_address, format_cursor_moment, parse_cursor_moment
from app.clinic.request import SignedInRequest
from app.clinic.settle.matter_lines import MatterLine, build_line
from app.domain.desk.matters import MatterCursor, MatterKind, parse_matter_name
from app.domain.typed_text import narrow_text
from app.services.clinic.matters.matter_list import MatterFilter, OpenMatters, get_open_matters
from app.web.urls import SETTLE


@dataclass(frozen=True, slots=True)
class KindTab:
    """One choice of kinds ("" for all), with how many matters there are."""

    kind: str
    url: str
    current: bool
    count: int


@dataclass(frozen=True, slots=True)
class SettlePage:
    """What is open, the oldest first; `filtered`: a site or a part of a code narrows the list."""

    template: ClassVar[str] = "clinic/settle/list.html"
    rows: tuple[MatterLine, ...]
    tabs: tuple[KindTab, ...]
    sites: tuple[tuple[str, str], ...]
    kind: str
    site: str
    search: str
    filtered: bool
    every: int
    clear_url: str
    next_url: str
    as_of: datetime
    zone: str
    settled: bool


router = APIRouter(include_in_schema=False)


@router.get(SETTLE)
def show_open_matters(
    request: SignedInRequest,
    kind: Annotated[str, Query(max_length=40)] = "",
    site: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
    done: str = "",
) -> Response:
    plan = request.plan
    chosen = MatterKind(kind) if kind in tuple(MatterKind) else None
    site, search = narrow_text(site), narrow_text(q)
    criteria = MatterFilter(chosen, site, search, _parse_cursor(after))
    listed = get_open_matters(request.context, criteria)

    def address(kind: str, **more: str) -> str:
        parts = {"kind": kind, "site": site, "q": search} | more
        return request.frame.within(build_address(SETTLE, parts))

    here = chosen.value if chosen else ""
    return request.show(
        SettlePage(
            rows=tuple(build_line(request, plan, row) for row in listed.rows),
            tabs=_tabs(address, chosen, listed),
            sites=tuple((site.code, site.name) for site in listed.sites),
            kind=here,
            site=site,
            search=search,
            filtered=bool(site or search),
            every=listed.every,
            clear_url=request.frame.within(clear_address(SETTLE)),
            next_url=address(here, after=_format_cursor(listed.next)) if listed.next else "",
            as_of=request.at,
            zone=request.zone,
            settled=done == "settled",
        )
    )


def _tabs(
    address: Callable[[str], str], chosen: MatterKind | None, listed: OpenMatters
) -> tuple[KindTab, ...]:
    every = KindTab("", address(""), chosen is None, listed.every)
    kinds = (
        KindTab(kind.value, address(kind.value), chosen is kind, listed.counts.get(kind, 0))
        for kind in MatterKind
    )
    return (every, *kinds)


def _format_cursor(cursor: MatterCursor) -> str:
    """The keyset cursor as it stands in an address."""
    return f"{format_cursor_moment(cursor.at)}_{cursor.name}"


def _parse_cursor(text: str) -> MatterCursor | None:
    """The cursor of an address; None for what is none."""
    moment, _, named = text.partition("_")
    at, name = parse_cursor_moment(moment), parse_matter_name(named)
    return None if at is None or name is None else MatterCursor(at, name)
