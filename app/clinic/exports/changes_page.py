"""What changed between two data cuts: by participant, visit and question, with who changed it and why."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.frame.form_faults import words_by_label
from app.clinic.request import SignedInRequest, StaffRequest
from app.clinic.trail.field_words import FIELD_WORDS
from app.clinic.trail.value_words import ACTOR_WORDS, REASON_WORDS, find_value_words
from app.definitions.library import Library
from app.domain.datasets.changes import DataChange
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.i18n.formats import format_moment, format_stated
from app.i18n.languages import ENGLISH, Language, find_language
from app.i18n.marking import N_
from app.services.datasets.cut_changes import compare_cuts, find_actor_names
from app.services.datasets.cuts import list_cuts
from app.web.urls import EXPORT_CHANGES, EXPORTS

MOST = 200
"""Changes after which a page ends, with the participant whose they are."""
MOST_OF_ONE = 1000
"""Changes of one participant that are shown; the files have all."""
LABELS = {"cut": N_("Newer cut"), "since": N_("Older cut")}
_QUESTION, _SCORE = N_("Question %(number)s"), N_("Score %(scale)s")
_EVENTS = {"slot": N_("Form opened or closed"), "response": N_("Form sent")}
_COUNTS = {"answers": N_("Number of answers"), "scores": N_("Number of scores")}
"""Sections that came for the first time: an event, or so many of them."""
_DAYS = {
    "opens_on": N_("Window opens"),
    "target_on": N_("Target day"),
    "closes_on": N_("Window closes"),
    "date": N_("Date"),
    "in_force": N_("In force"),
}


_CODED: Mapping[str, str] = {
    **find_value_words("anchor", "source"),
    **find_value_words("anchor", "standing"),
    **find_value_words("slot", "published_state"),
    **find_value_words("slot", "missed_reason"),
    **find_value_words("correction", "reason"),
    **REASON_WORDS,
}
"""Codes of values and reasons, each with one meaning here."""
_PART, _DAY = re.compile(r"[^\s;,]+"), re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One field: of which visit, what it is called, from what to what, who changed it, when and why.

    An event has neither an old nor a new value.
    """

    visit: str
    field: str
    is_event: bool
    old: str
    new: str
    who: str
    when: str
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class ChangedParticipant:
    """The changes of one participant; `hidden`: how many the files alone have."""

    subject: str
    site: str
    changes: tuple[ChangedField, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """What changed between two cuts, participant by participant; `next_url` is "" at the end."""

    template: ClassVar[str] = "clinic/exports/changes.html"
    cuts: tuple[str, ...]
    since: str
    cut: str
    people: tuple[ChangedParticipant, ...]
    next_url: str
    first_url: str
    back_url: str
    field: str = ""
    error: str = ""


router = APIRouter(include_in_schema=False)


@router.get(EXPORT_CHANGES)
def show_changes(
    request: SignedInRequest,
    since: Annotated[str, Query(max_length=40)] = "",
    cut: Annotated[str, Query(max_length=40)] = "",
    start: Annotated[str, Query(alias="from", max_length=40)] = "",
) -> Response:
    names = tuple(cut.name for cut in list_cuts(request.context, request.study_code))
    newer = narrow_text(cut) or next(iter(names), "")
    older = narrow_text(since) or next(iter(names[1:]), newer)
    page = ChangesPage(
        cuts=names,
        since=older,
        cut=newer,
        people=(),
        next_url="",
        first_url=_address(request, older, newer) if start else "",
        back_url=request.frame.within(EXPORTS),
    )
    try:
        people, following = _read_page(request, older, newer, narrow_text(start)) if names else ([], "")
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        field = "since" if refused.details.get("cut") == older else "cut"
        worded = (
            Refused("bad_field", field=field, allowed=list(names))
            if refused.code == "unknown_cut"
            else refused
        )
        return request.show(replace(page, field=field, error=words_by_label(request, worded, LABELS)), worded)
    url = _address(request, older, newer, following) if following else ""
    return request.show(replace(page, people=tuple(people), next_url=url))


def _address(request: StaffRequest, since: str, cut: str, start: str = "") -> str:
    query = {"since": since, "cut": cut} | ({"from": start} if start else {})
    return request.frame.within(f"{EXPORT_CHANGES}?{urlencode(query)}")


def _read_page(
    request: StaffRequest, since: str, cut: str, start: str
) -> tuple[list[ChangedParticipant], str]:
    """Participants until there are enough changes, and the code of the one with whom the next page begins."""
    changes = compare_cuts(request.context, request.study_code, since, cut, start)
    people: list[ChangedParticipant] = []
    shown = 0
    for subject, of_one in groupby(changes, attrgetter("subject")):
        if shown >= MOST:
            return people, subject
        some = list(of_one)
        shown += len(some)
        person = _participant(request, some)
        people += [person] if person.changes else []
    return people, ""


def _participant(request: StaffRequest, changes: list[DataChange]) -> ChangedParticipant:
    readable = [change for change in changes if _is_readable(change)]
    shown = readable[:MOST_OF_ONE]
    names = find_actor_names(request.context, {change.actor_id for change in shown})
    return ChangedParticipant(
        subject=changes[0].subject,
        site=changes[0].site,
        changes=tuple(_fields(request, shown, names)),
        hidden=len(readable) - len(shown),
    )


def _fields(
    request: StaffRequest, changes: list[DataChange], names: Mapping[str, str]
) -> Iterator[ChangedField]:
    library = request.installation.library
    language = find_language(request.frame.code) or ENGLISH
    for change in changes:
        is_event = change.field in _EVENTS
        kind = request.translate(ACTOR_WORDS.get(change.actor_kind, change.actor_kind))
        yield ChangedField(
            visit=change.visit,
            field=_name_field(request, library, change),
            is_event=is_event,
            old="" if is_event else _word_value(request, change, change.old, language),
            new="" if is_event else _word_value(request, change, change.new, language),
            who=names.get(change.actor_id, kind),
            when=format_moment(datetime.fromisoformat(change.recorded_at), request.zone, language),
            reason=request.translate(_CODED[change.reason]) if change.reason in _CODED else change.reason,
            words=change.words,
        )


def _word_value(request: StaffRequest, change: DataChange, text: str, language: Language) -> str:
    """A value as it reads: each code in it by its words, each day as a page writes it; an answer as it is."""
    if change.field.startswith("answers."):
        return text
    plan = request.plan

    def word(match: re.Match[str]) -> str:
        part = match[0]
        if part in _CODED:
            return request.translate(_CODED[part])
        if part in plan.anchor_kinds:
            return plan.anchor_label(part, request.frame.code)
        return format_stated(part, language) if _DAY.fullmatch(part) else part

    return _PART.sub(word, text)


def _is_readable(change: DataChange) -> bool:
    """Whether a field tells people something; digests and the instants of windows are in the files alone."""
    section, _, name = change.field.partition(".")
    return section in ("answers", "scores") or not name or name in _DAYS or name in FIELD_WORDS


def _name_field(request: StaffRequest, library: Library, change: DataChange) -> str:
    """A question by its number, a score by its scale, anything else by its name."""
    section, _, name = change.field.partition(".")
    if not name:
        words = {**_EVENTS, **_COUNTS, **FIELD_WORDS}
        return request.translate(words[section]) if section in words else section
    if section == "answers":
        return request.translate(_QUESTION) % {"number": _number_item(library, change, name)}
    if section == "scores":
        return request.translate(_SCORE) % {"scale": name}
    return request.translate(_DAYS.get(name) or FIELD_WORDS[name])


def _number_item(library: Library, change: DataChange, code: str) -> int:
    """The number that a question has where it was answered: of the version under which the form was asked."""
    return library.get_instrument(change.instrument, change.instrument_version).get_item(code).number
