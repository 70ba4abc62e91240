"""The entries of a trail as one reader may see them, by time either way, by keyset and in bounded steps."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from app.domain.desk.trail import (
    BY_KEY,
    RecordSubject,
    ShownEntry,
    TrailChange,
    find_form_subject,
    show_entry,
)
from app.domain.records.access import ActorKind
from app.domain.refusal import Refused
from app.services.clinic.trail.scope import TrailFilter, TrailScope, open_trail_scope
from app.services.core.context import StaffContext
from app.storage.queries.staff import find_staff_names
from app.storage.queries.trail.entry_rows import (
    TrailPosition,
    find_client_names,
    find_position,
    find_stretch_end,
    read_entry_people,
    read_record_subjects,
    read_trail_rows,
)

PAGE = 50
"""Entries on a page."""
CHUNK = 500
"""Entries of a file that are in memory at once."""
STRETCH = 20_000
"""Entries that one statement goes through."""
STEPS = 25
"""Statements of one page; one that found too little until then says how far it looked."""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One entry: what, when, about whom, by whom in which roles, and what of it this reader may see.

    `subject` and `participant` are "" for what is the study's own; `who` is a name, "" where the kind of
    actor says it all.
    """

    number: int
    event: str
    at: datetime
    zone: str
    subject: str
    participant: str
    site: str
    actor: str
    who: str
    roles: tuple[str, ...]
    shown: ShownEntry


@dataclass(frozen=True, slots=True)
class TrailPart:
    """Some entries of a trail. `further`: all as far as this number were looked through; None at the end."""

    scope: TrailScope
    entries: Sequence[TrailEntry]
    further: int | None


def read_trail(
    context: StaffContext,
    chosen: TrailFilter,
    start: int | None = None,
    limit: int = PAGE,
    stretch: int = STRETCH,
) -> TrailPart:
    """The next entries after the one numbered `start`, in the order of the filter.

    Nothing is lost or repeated between parts: the next one begins where this one ended, whatever was
    written since. An entry of which the reader may see nothing is left out before the part is filled.
    Raises as `open_trail_scope`, and Refused("bad_field") for a number that no entry has.
    """
    with context.read() as session:
        scope = open_trail_scope(session, context, chosen)
        walk = _Walk(session, scope, _start(session, chosen, start), stretch)
        entries: list[TrailEntry] = []
        while len(entries) <= limit and walk.steps < STEPS and not walk.ended:
            entries += walk.read_more(limit + 1)
    if len(entries) > limit:
        return TrailPart(scope, entries[:limit], entries[limit - 1].number)
    return TrailPart(scope, entries, None if walk.ended or walk.position is None else walk.position.number)


def _start(session: Session, chosen: TrailFilter, start: int | None) -> TrailPosition | None:
    position = find_position(session, start) if start is not None else None
    if start is not None and position is None:
        raise Refused("bad_field", field="after" if chosen.oldest_first else "before", allowed="0-9")
    return position


@dataclass(slots=True)
class _Walk:
    """From one end of the trail to the other; each step goes through one stretch at most."""

    session: Session
    scope: TrailScope
    position: TrailPosition | None
    stretch: int
    steps: int = 0
    ended: bool = False

    def read_more(self, limit: int) -> Iterator[TrailEntry]:
        """What the next step finds, at least `limit` rows of it where there are so many."""
        self.steps += 1
        chosen = self.scope.selection
        limit = max(limit, CHUNK if self.scope.filter.fields.narrows else 0)
        end = None
        if chosen.participant is None:
            end = find_stretch_end(self.session, chosen, self.position, self.stretch)
        rows = read_trail_rows(self.session, chosen, self.position, end, limit)
        if len(rows) == limit:
            self.position = TrailPosition(rows[-1].at, rows[-1].id)
        else:
            self.ended = end is None or chosen.has_passed(end.at)
            self.position = end
        return _describe(self.session, self.scope, rows)


def iterate_trail(
    context: StaffContext, chosen: TrailFilter, at_once: int = CHUNK
) -> Iterator[Sequence[TrailEntry]]:
    """All entries, so many at a time, each part read for itself. Raises as `open_trail_scope` when begun."""
    start: int | None = None
    while True:
        part = read_trail(context, chosen, start, at_once)
        yield part.entries
        start = part.further
        if start is None:
            return


def _describe(session: Session, scope: TrailScope, rows: Sequence[sa.Row[Any]]) -> Iterator[TrailEntry]:
    changes_by_id = {row.id: json.loads(row.changes) for row in rows}
    named = {str(change["record"]) for changes in changes_by_id.values() for change in changes}
    places = read_record_subjects(session, named)
    people = read_entry_people(session, {row.chain for row in rows})
    names = find_staff_names(session, {row.actor_id for row in rows})
    clients = find_client_names(session, {row.actor_id for row in rows if row.actor_kind == ActorKind.EDC})
    fields = scope.filter.fields
    for row in rows:
        person = people.get(row.chain)
        site_id = person.site_id if person else None
        changes = tuple(_change(change, places) for change in changes_by_id[row.id])
        shown = show_entry(
            row.event,
            changes,
            row.reason or "",
            scope.mask_at(site_id),
            sees_answers=scope.sees_answers_at(site_id),
        )
        if shown is not None and fields.narrows:
            shown = replace(shown, changes=tuple(filter(fields.keeps_change, shown.changes)))
        if shown is None or (fields.narrows and not shown.changes):
            continue
        yield TrailEntry(
            number=row.id,
            event=row.event,
            at=row.at,
            zone=person.zone if person else scope.plan.zone,
            subject=person.subject if person else "",
            participant=person.public_id if person else "",
            site=scope.code_of_site(site_id),
            actor=row.actor_kind,
            who=names.get(row.actor_id) or clients.get(row.actor_id) or "",
            roles=tuple(role for role in row.actor_role.split("+") if role),
            shown=shown,
        )


def _change(change: Mapping[str, object], places: Mapping[str, RecordSubject]) -> TrailChange:
    record = str(change["record"])
    keyed = record.partition(":")[0] in BY_KEY
    subject = places.get(record) if keyed else find_form_subject(record)
    return TrailChange(record, str(change["field"]), change["old"], change["new"], subject)
