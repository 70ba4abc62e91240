"""The change feed's pure half: how an event is numbered, linked, shown and withheld.

The hash covers digests of sections and not the sections themselves, so a client that may not
see a section (or an event) still verifies contiguous numbers and the chain. Each section is
salted: a two-valued fact such as the arm cannot be guessed from its digest.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.records.audit import (
    GENESIS,
    IntegrityFault,
    canonical_json,
    format_instant,
    link_hash,
    sha256_hex,
)

_GAP = "\0"
"""What stands in no canonical text: JSON writes a control character as its escape."""


@dataclass(frozen=True, slots=True)
class EventSection:
    """A part of an event's data; its name says which scope it takes to read it."""

    data: object
    salt: str

    def compute_digest(self, spelled: str) -> str:
        """The digest of the data's canonical text."""
        return sha256_hex(f"{self.salt}:{spelled}")


_SCOPES: Mapping[str, str] = {
    "arm": "arm:read",
    "answers": "answers:read",
    "item_status": "answers:read",
    "scores": "scores:read",
}
"""The scope that it takes to read a section; any client reads the others."""
_NEEDS: Mapping[str, frozenset[str | None]] = {
    "diary": frozenset({"diary:read", "arm:read"}),
    "assessment": frozenset({None, "arm:read"}),
    "anchor": frozenset({None, "arm:read"}),
}
"""What the events of a kind may need as a whole; others need nothing."""


def find_section_scope(type_: str, section: str) -> str | None:
    """The scope that it takes to read a section of an event; None for any client.

    Words with which a correction was told may tell answers.
    """
    if section == "reason" and type_.endswith(".amended"):
        return _SCOPES["answers"]
    return _SCOPES.get(section)


def list_scopes(type_: str, sections: Iterable[str]) -> dict[str, str]:
    """The scopes of those sections that take one: they stand outside the hash, and follow from names."""
    scopes = ((name, find_section_scope(type_, name)) for name in sections)
    return {name: scope for name, scope in scopes if scope is not None}


@dataclass(frozen=True, slots=True)
class FeedEventDraft:
    """An event before it has its number: the whole state after the change, in sections.

    `needs` is the scope without which a client receives only a stub of the event.
    """

    type: str
    subject: str
    site_id: int
    ref: str
    version: int
    actor: Mapping[str, str]
    sections: Mapping[str, EventSection]
    visit: str | None = None
    reason: Mapping[str, str] | None = None
    changed: tuple[str, ...] = ()
    needs: str | None = None
    site: str = field(default="")


@dataclass(frozen=True, slots=True)
class UnnumberedEvent:
    """An event's canonical texts in pieces, cut where what only its place in the feed tells will stand.

    Between the two pieces of `envelope` stands the number; between those of `line` stand the envelope's
    digest, the event's hash, the hash before it and the number.
    """

    envelope: tuple[str, str]
    line: tuple[str, str, str, str, str]

    def add_number(self, seq: int, prev_hash: str) -> tuple[str, str]:
        """The event's JSON line and its hash. Storage says the same in SQL."""
        envelope_sha256 = sha256_hex(str(seq).join(self.envelope))
        current = link_hash(prev_hash, envelope_sha256)
        gaps = (envelope_sha256, current, prev_hash, str(seq), "")
        return "".join(piece + gap for piece, gap in zip(self.line, gaps, strict=True)), current


def serialise_event(draft: FeedEventDraft, recorded_at: datetime) -> UnnumberedEvent:
    """Everything of an event that is known before its number and its predecessor are."""
    spelled = _serialise({name: section.data for name, section in draft.sections.items()})
    envelope = {
        "type": draft.type,
        "site": draft.site,
        "subject": draft.subject,
        "visit": draft.visit,
        "ref": draft.ref,
        "version": draft.version,
        "recorded_at": format_instant(recorded_at),
        "actor": dict(draft.actor),
        "reason": dict(draft.reason) if draft.reason else None,
        "changed": list(draft.changed),
        "digests": {name: section.compute_digest(spelled[name]) for name, section in draft.sections.items()},
    }
    outside = {
        "salts": {name: section.salt for name, section in draft.sections.items()},
        "scopes": list_scopes(draft.type, draft.sections),
        "needs": draft.needs,
    }
    enclosed = _serialise(envelope) | {"seq": _GAP}
    first, last = _object(enclosed).split(_GAP)
    line = enclosed | _serialise(outside) | {"data": _object(spelled)}
    line |= dict.fromkeys(("envelope_sha256", "prev_hash", "hash"), f'"{_GAP}"')
    pieces = _object(line).split(_GAP)
    return UnnumberedEvent((first, last), (pieces[0], pieces[1], pieces[2], pieces[3], pieces[4]))


def _serialise(members: Mapping[str, object]) -> dict[str, str]:
    return {name: canonical_json(value) for name, value in members.items()}


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join([f'"{name}":{members[name]}' for name in sorted(members)]) + "}"


def finalise_event(draft: FeedEventDraft, seq: int, prev_hash: str, recorded_at: datetime) -> tuple[str, str]:
    """The event's JSON line and its hash, once number and predecessor are known."""
    return serialise_event(draft, recorded_at).add_number(seq, prev_hash)


def may_know_event(event: Mapping[str, Any], scopes: Collection[str]) -> bool:
    """Whether a client with these scopes may know of an event: of a diary, its own scope beside any other."""
    if event["type"].startswith("diary.") and "diary:read" not in scopes:
        return False
    return event["needs"] is None or event["needs"] in scopes


def redact_line(line: str, scopes: Collection[str], in_reach: bool) -> str:
    """The line as a client with these scopes may read it: whole, without some sections, or a stub."""
    event = json.loads(line)
    if not in_reach or not may_know_event(event, scopes):
        shown = {key: event[key] for key in ("seq", "envelope_sha256", "prev_hash", "hash")}
        return canonical_json(shown | {"type": "withheld"})
    withheld = {name for name, scope in event["scopes"].items() if scope not in scopes}
    if not withheld:
        return line
    for part in ("data", "salts"):
        event[part] = {name: value for name, value in event[part].items() if name not in withheld}
    return canonical_json(event)


def sees_all_lines(scopes: Collection[str], sites: Collection[str] | None) -> bool:
    """Whether a client sees every line as it is stored, so that lines can be passed through unread."""
    return sites is None and {"answers:read", "scores:read", "diary:read", "arm:read"} <= set(scopes)


def event_envelope(event: Mapping[str, object]) -> dict[str, object]:
    """The part of a served event that its `envelope_sha256` covers; what a verifying client recomputes."""
    outside = {"data", "salts", "scopes", "needs", "envelope_sha256", "prev_hash", "hash"}
    return {key: value for key, value in event.items() if key not in outside}


class FeedRow(NamedTuple):
    """An event as it is stored: the line that is served, and beside it by what it is found and withheld."""

    seq: int
    line: str
    hash: str
    type: str
    ref: str
    version: int
    site: str
    recorded_at: datetime


def find_feed_faults(events: Iterable[FeedRow], head: tuple[int, str], feed: str) -> Iterator[IntegrityFault]:
    """Every place where a feed does not hold; nothing when it is whole.

    `events` come in order of number; `head` is the number and hash that the feed should end with; `feed` is
    how faults name it. Source: AUD-04, EDC-04.
    """
    last, prev = 0, GENESIS
    for event in events:
        if event.seq != last + 1:
            yield IntegrityFault(feed, event.seq, f"expected number {last + 1}")
        if not _holds(event, prev):
            yield IntegrityFault(feed, event.seq, "was altered")
        last, prev = event.seq, event.hash
    if (last, prev) != head:
        yield IntegrityFault(feed, last, "does not end at its head")


def _holds(stored: FeedRow, prev: str) -> bool:
    try:
        event = json.loads(stored.line)
        digests = {
            name: sha256_hex(f"{event['salts'][name]}:{canonical_json(data)}")
            for name, data in event["data"].items()
        }
        envelope = sha256_hex(canonical_json(event_envelope(event)))
        facts = tuple(
            event[name] for name in ("seq", "hash", "type", "ref", "version", "site", "recorded_at")
        )
        links = event["prev_hash"], event["envelope_sha256"], link_hash(prev, envelope)
        withheld = event["scopes"] == list_scopes(stored.type, digests) and event["needs"] in _NEEDS.get(
            stored.type.partition(".")[0], (None,)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    _, _, *beside, recorded_at = stored
    shown = stored.seq, *beside, format_instant(recorded_at)
    whole = (facts, links, event["digests"]) == (shown, (prev, envelope, stored.hash), digests)
    return whole and withheld
