"""What changed between two cuts: each field of each record, with who changed it, when and why."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.datasets.redaction import ParsedEvent

_COUNTED = ("slot", "response", "answers", "item_status", "scores")
"""Sections that are told by their size when they come for the first time: they are new, nothing changed."""


@dataclass(frozen=True, slots=True)
class DataChange:
    """One field of one record: what stood there at the earlier cut, or since, and what stands there after.

    `instrument` and its version are those under which a form is asked; empty of other records.
    """

    subject: str
    site: str
    visit: str
    ref: str
    version: int
    type: str
    field: str
    old: str
    new: str
    reason: str
    words: str
    actor_kind: str
    actor_id: str
    recorded_at: str
    seq: int
    instrument: str
    instrument_version: str


def list_changes(before: Iterable[ParsedEvent], since: Iterable[ParsedEvent]) -> Iterator[DataChange]:
    """Every change in the order of the feed.

    `before` are the newest events of the records at the earlier cut, `since` those after it, in order. What a
    reader may not see has been taken out of both.
    """
    known = {event["ref"]: event for event in before}
    for event in since:
        earlier = known.get(event["ref"])
        yield from _changes(earlier["data"] if earlier else {}, event)
        known[event["ref"]] = event


def _changes(before: Mapping[str, Any], event: ParsedEvent) -> Iterator[DataChange]:
    stated = event["data"].get("reason") or {}
    code = (event["reason"] or {}).get("code", "")
    form = event["data"].get("slot") or {}
    for section in dict.fromkeys((*event["data"], *before)):  # of what is whole, a section can go
        if section == "reason":
            continue
        for name, old, new in _differences(section, before.get(section), event["data"].get(section)):
            item = name.removeprefix("answers.").removeprefix("item_status.")
            yield DataChange(
                subject=event["subject"],
                site=event["site"],
                visit=event["visit"] or "",
                ref=event["ref"],
                version=event["version"],
                type=event["type"],
                field=name,
                old=_format_value(old),
                new=_format_value(new),
                reason=stated.get("items", {}).get(item, code),
                words=stated.get("text") or "",
                actor_kind=event["actor"]["kind"],
                actor_id=event["actor"]["id"],
                recorded_at=event["recorded_at"],
                seq=event["seq"],
                instrument=form.get("instrument", ""),
                instrument_version=form.get("instrument_version", ""),
            )


def _differences(section: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    if old is None and section in _COUNTED:
        yield section, None, len(_fields(new))
        return
    before, after = _fields(old), _fields(new)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield f"{section}.{name}", before.get(name), after.get(name)


def _fields(section: object) -> Mapping[str, object]:
    """The members of a section; scores by their scales."""
    if isinstance(section, list):
        return {score["scale"]: score["value"] for score in section}
    return section if isinstance(section, Mapping) else {}


def _format_value(value: object) -> str:
    """A value as a cell: nothing for what was left blank; a list by its members' dates and kinds."""
    if isinstance(value, list):
        return "; ".join(_format_value(part) for part in value)
    if isinstance(value, Mapping):
        stated = (member for name, member in value.items() if name != "recorded_at" and member is not None)
        return " ".join(map(_format_value, stated))
    return "" if value is None else str(value)
