"""What changed between two cuts, read one participant at a time."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from app.domain.datasets.changes import DataChange, list_changes
from app.domain.datasets.redaction import ParsedEvent, redact_event
from app.domain.people.names import parse_purpose
from app.domain.refusal import Refused
from app.services.datasets.cuts import NamedCut, get_named_cut
from app.services.datasets.export import enter_export, list_contents
from app.services.datasets.readers import DataContext, read_scopes
from app.storage.queries.datasets.histories import (
    PersonKey,
    StoredEvent,
    read_events,
    read_newest_events,
    read_people,
    read_refs,
)
from app.storage.queries.staff import find_staff_names


def compare_cuts(
    context: DataContext, study: str, older: str, newer: str, start: str = ""
) -> Iterator[DataChange]:
    """Each change after one cut through another, by participant and then in order, as the reader may see it.

    `start` is the code of the participant with whom it begins. Raises Refused: "unknown_study",
    "unknown_cut", "cuts_reversed".
    """
    first, last = (get_named_cut(context, study, name) for name in (older, newer))
    if first.through > last.through:
        raise Refused("cuts_reversed", field="since", cut=older)
    with context.read() as session:
        people = read_people(session, first.study_id)
    return _changes(context, [person for person in people if person.subject >= start], first, last)


def find_actor_names(context: DataContext, actor_ids: Collection[str]) -> Mapping[str, str]:
    """The names of staff by what the feed calls them; nobody else has one."""
    with context.read() as session:
        return find_staff_names(session, actor_ids)


def export_changes(
    context: DataContext, study: str, older: str, newer: str, purpose: str
) -> Iterator[DataChange]:
    """The changes between two cuts as a file, which is in the trail with its purpose before it is written.

    Raises Refused: as `compare_cuts` and `parse_purpose`.
    """
    stated = parse_purpose(purpose)
    changes = compare_cuts(context, study, older, newer)
    enter_changes(context, study, (older, newer), "csv", stated)
    return changes


def enter_changes(context: DataContext, study: str, cuts: tuple[str, str], file: str, purpose: str) -> None:
    """Enter in the trail that what changed between two cuts leaves, in which format and what for."""
    study_id = get_named_cut(context, study, cuts[1]).study_id
    contents = ", ".join(list_contents(context, study_id))
    said = {"cut": ", ".join(cuts), "dataset": "changes", "contents": contents, "file": file}
    enter_export(context, study_id, said, purpose)


def _changes(
    context: DataContext, people: Sequence[PersonKey], first: NamedCut, last: NamedCut
) -> Iterator[DataChange]:
    for person in people:
        scopes = read_scopes(context, first.study_id, person.site_id)
        if scopes is None:
            continue
        with context.read() as session:
            refs = read_refs(session, person)
            since = read_events(session, first.study_id, refs, first.through, last.through)
            changed = list({event.ref for event in since})
            before = read_newest_events(session, first.study_id, changed, first.through)
        yield from list_changes(_readable(before, scopes), _readable(since, scopes))


def _readable(events: Sequence[StoredEvent], scopes: frozenset[str]) -> Iterator[ParsedEvent]:
    for stored in events:
        event = redact_event(json.loads(stored.line), scopes)
        if event is not None:
            yield event
