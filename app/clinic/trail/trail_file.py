"""The trail as files that stream: CSV, a line for each change, and NDJSON, a line for each entry."""

import json
from collections.abc import Callable, Iterator

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app.clinic.request import SignedInRequest, StaffRequest
from app.clinic.trail.address import TrailQuery
from app.clinic.trail.entry_words import TrailWords
from app.clinic.trail.trail_page import ChosenTrail
from app.domain.desk.trail import TrailChange
from app.domain.plans.windows import load_zone, local_day
from app.domain.records.audit import format_instant
from app.domain.spreadsheets import MARK, SheetCell, write_lines
from app.services.clinic.trail.entries import TrailEntry, iterate_trail
from app.services.clinic.trail.looks import record_trail_download
from app.services.clinic.trail.scope import get_trail_scope
from app.web.urls import TRAIL_CSV, TRAIL_NDJSON

_HEADS = (
    "entry local_time zone utc_time participant site who roles what form field from to reason"
    " event record field_code from_code to_code"
).split()
"""Columns, which are data and are not translated; what stands in the first ones is in words."""
_Writer = Callable[[TrailWords, TrailEntry], str]
router = APIRouter(include_in_schema=False)


@router.get(TRAIL_CSV)
def save_csv(request: SignedInRequest, query: ChosenTrail) -> Response:
    return _stream(request, query, "csv", "text/csv", MARK + write_lines([_HEADS]), _csv_lines)


@router.get(TRAIL_NDJSON)
def save_ndjson(request: SignedInRequest, query: ChosenTrail) -> Response:
    return _stream(request, query, "ndjson", "application/x-ndjson", "", _json_line)


def _stream(
    request: StaffRequest, query: TrailQuery, kind: str, media_type: str, opening: str, write: _Writer
) -> Response:
    """The entries of the filter, some at a time. Raises Refused before anything is sent."""
    chosen = query.build_filter(request.study_code)
    scope = get_trail_scope(request.context, chosen)
    record_trail_download(request.context, scope, kind)
    words = TrailWords(request, scope)

    def parts() -> Iterator[bytes]:
        yield opening.encode()
        for entries in iterate_trail(request.context, chosen):
            yield "".join(write(words, entry) for entry in entries).encode()

    name = f"{request.study_code}-trail-{local_day(request.at, request.zone).isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts(), headers=headers, media_type=f"{media_type}; charset=utf-8")


def _csv_lines(words: TrailWords, entry: TrailEntry) -> str:
    head: tuple[SheetCell, ...] = (
        entry.number,
        _local(entry),
        entry.zone,
        format_instant(entry.at),
        entry.subject,
        entry.site,
        words.name_actor(entry),
        words.name_roles(entry),
        words.name_event(entry),
    )
    why, event = words.name_reason(entry), entry.event
    if not entry.shown.changes:
        return write_lines([(*head, "", "", "", "", why, event, "", "", "", "")])
    return write_lines(
        (*head, *_words_of(words, entry, change), why, event, *_codes_of(change))
        for change in entry.shown.changes
    )


def _words_of(words: TrailWords, entry: TrailEntry, change: TrailChange) -> tuple[str, ...]:
    values = (words.format_value(entry, change, value) for value in (change.old, change.new))
    return (words.name_form(change.about), words.name_field(change), *values)


def _codes_of(change: TrailChange) -> tuple[str, ...]:
    return (change.record, change.field, _code(change.old), _code(change.new))


def _code(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _json_line(words: TrailWords, entry: TrailEntry) -> str:
    changes = []
    for change in entry.shown.changes:
        form, name, old, new = _words_of(words, entry, change)
        stored = {"record": change.record, "field": change.field, "old": change.old, "new": change.new}
        said = {"form": form, "name": name, "from": old, "to": new, "withheld": change.withheld}
        changes.append({**stored, "words": said})
    line = {
        "entry": entry.number,
        "event": entry.event,
        "what": words.name_event(entry),
        "at": format_instant(entry.at),
        "local_time": _local(entry),
        "zone": entry.zone,
        "participant": entry.subject,
        "site": entry.site,
        "actor": entry.actor,
        "who": words.name_actor(entry),
        "roles": list(entry.roles),
        "reason": words.name_reason(entry),
        "changes": changes,
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


def _local(entry: TrailEntry) -> str:
    return entry.at.astimezone(load_zone(entry.zone)).isoformat(timespec="seconds")
