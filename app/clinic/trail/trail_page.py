"""The trail of a study as a page: filtered, by time either way, each change from what to what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.addresses import clear_address
from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.clinic.trail.address import TrailQuery, read_trail_query
from app.clinic.trail.entry_words import TrailWords
from app.clinic.trail.field_words import KIND_WORDS
from app.clinic.trail.value_words import ACTOR_WORDS
from app.domain.desk.trail import TrailChange, TrailKind
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.clinic.trail.entries import TrailEntry, TrailPart, read_trail
from app.services.clinic.trail.looks import record_trail_look
from app.services.clinic.trail.scope import (
    KINDS_OF_ACTORS,
    TrailFilter,
    TrailScope,
    get_trail_scope,
)
from app.web.form_fields import parse_number
from app.web.urls import ACCESS_REVIEW, TRAIL, TRAIL_CSV, TRAIL_NDJSON

FEW = 6
"""Changes of an entry that are shown at once."""
MOST = 60
"""Changes of an entry on the page; the rest stands in the files."""
_FIELDS = {"participant": N_("Participant code"), "from": N_("From"), "to": N_("Until"), "site": N_("Site")}
TrailChoices = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One field: what it is of, its name, from what, to what; `url` narrows the trail to a question."""

    form: str
    field: str
    old: str
    new: str
    url: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry in words. `further`: changes that are folded, `hidden`: those that the files alone have."""

    when: str
    subject: str
    subject_url: str
    site: str
    what: str
    who: str
    roles: str
    changes: tuple[ChangeLine, ...]
    further: tuple[ChangeLine, ...]
    hidden: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrailPage:
    """A part of the trail; `further_url` is "" at its end, `first_url` at its beginning."""

    template: ClassVar[str] = "clinic/trail/trail.html"
    query: TrailQuery
    entries: tuple[EntryLine, ...]
    sites: TrailChoices
    kinds: TrailChoices
    people: TrailChoices
    visits: tuple[str, ...]
    items: TrailChoices
    further_url: str
    clear_url: str
    file_urls: TrailChoices
    review_url: str
    as_of: datetime
    zone: str
    first_url: str
    error: str = ""
    error_field: str = ""


router = APIRouter(include_in_schema=False)
ChosenTrail = Annotated[TrailQuery, Depends(read_trail_query)]


@router.get(TRAIL)
def show_trail(request: SignedInRequest, query: ChosenTrail, before: str = "", after: str = "") -> Response:
    """A part of the trail. Raises Refused("bad_field") for a place in it that there is not."""
    name, typed = ("after", after) if query.oldest_first else ("before", before)
    start = parse_number(typed, name) if typed else None
    try:
        part = read_trail(request.context, query.build_filter(request.study_code), start)
    except Refused as refused:
        if refused.details.get("field") not in _FIELDS:
            raise
        return _show_refusal(request, query, refused)
    record_trail_look(request.context, part.scope)
    return request.show(_page(request, query, part, start))


def _show_refusal(request: StaffRequest, query: TrailQuery, refused: Refused) -> Response:
    """The filter as it was typed, with what is wrong in it, and no entries."""
    name = str(refused.details["field"])
    scope = get_trail_scope(request.context, TrailFilter(request.study_code))
    words = TrailWords(request, scope)
    named = Refused(refused.code, **{**refused.details, "field": words.translate(_FIELDS[name])})
    page = _page(request, query, TrailPart(scope, (), None), None)
    return request.show(replace(page, error=request.translate_refusal(named), error_field=name), refused)


def _page(request: StaffRequest, query: TrailQuery, part: TrailPart, start: int | None) -> TrailPage:
    scope, words, within = part.scope, TrailWords(request, part.scope), request.frame.within
    reviews = any(item.url.startswith(ACCESS_REVIEW) for item in request.frame.menu)
    return TrailPage(
        query=query,
        entries=tuple(_line(request, query, words, entry) for entry in part.entries),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in scope.sites.values()),
        kinds=tuple((kind.value, words.translate(KIND_WORDS[kind])) for kind in TrailKind),
        people=(
            *((kind.value, words.translate(ACTOR_WORDS[kind])) for kind in KINDS_OF_ACTORS),
            *scope.people.items(),
        ),
        visits=_visits(scope),
        items=tuple(_items(scope, words)),
        further_url=within(query.build_url(start=part.further)) if part.further is not None else "",
        clear_url=within(clear_address(TRAIL)),
        file_urls=(
            ("CSV", within(query.build_url(TRAIL_CSV))),
            ("NDJSON", within(query.build_url(TRAIL_NDJSON))),
        ),
        review_url=within(ACCESS_REVIEW) if reviews else "",
        as_of=request.at,
        zone=scope.zone,
        first_url=within(query.build_url()) if start is not None else "",
    )


def _line(request: StaffRequest, query: TrailQuery, words: TrailWords, entry: TrailEntry) -> EntryLine:
    readable = [change for change in entry.shown.changes if not (change.is_technical or change.is_usual)]
    lines = tuple(_change(request, query, words, entry, change) for change in readable[:MOST])
    return EntryLine(
        when=words.format_moment(entry),
        subject=entry.subject,
        subject_url=url_of_participant(entry.participant) if entry.participant else "",
        site=entry.site,
        what=words.name_event(entry),
        who=words.name_actor(entry),
        roles=words.name_roles(entry),
        changes=lines[:FEW],
        further=lines[FEW:],
        hidden=len(readable) - len(lines),
        reason=words.name_reason(entry),
    )


def _change(
    request: StaffRequest, query: TrailQuery, words: TrailWords, entry: TrailEntry, change: TrailChange
) -> ChangeLine:
    url, about = "", change.about
    if change.is_answer and about is not None and entry.subject:
        of_item = f"{about.instrument}/{change.field}"
        narrow = query.narrow_to_item(participant=entry.subject, visit=about.visit, item=of_item)
        url = "" if narrow == query else request.frame.within(narrow.build_url())
    return ChangeLine(
        form=words.name_form(about),
        field=words.name_field(change),
        old=words.format_value(entry, change, change.old),
        new=words.format_value(entry, change, change.new),
        url=url,
    )


def _visits(scope: TrailScope) -> tuple[str, ...]:
    """The visits of the plan that this reader may know of, those of a diary apart, which are many."""
    masks = (scope.mask_at(None), *(scope.mask_at(site) for site in scope.sites))
    hidden = any(mask is not None and mask.whole for mask in masks)
    rules = (rule for plan in scope.plans for rule in plan.visits if not rule.on_request)
    codes = dict.fromkeys(rule.code_of(offset) for rule in rules for offset in rule.offsets or (0,))
    return tuple(code for code in codes if not (hidden and scope.arm_mask.reveals_visit(code)))


def _items(scope: TrailScope, words: TrailWords) -> Iterator[tuple[str, str]]:
    for used in scope.plan.instruments:
        yield from words.list_items(used.id, used.leave_out)
