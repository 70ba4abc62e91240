"""Answers as append-only events: their rows, and their changes in the audit trail."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import InstrumentText
from app.domain.records.audit import FieldChange, salted_digest
from app.storage.plain_rows import SlotRecord


class AnswerSource(NamedTuple):
    """When a device says that answers were given, how wrong its clock was, and whether it was offline."""

    device_at: datetime | None
    skew: int | None
    offline: bool


def answer_columns(
    slot_id: int,
    client: str,
    source: AnswerSource,
    text: InstrumentText,
    at: datetime,
    clock_untrusted: bool,
) -> dict[str, Any]:
    """What the rows of answers share that come together."""
    offset = source.device_at.utcoffset() if source.device_at else None
    return {
        "slot_id": slot_id,
        "client": client,
        "language": text.lang,
        "text_sha256": text.sha256,
        "device_at": source.device_at,
        "device_offset": int(offset.total_seconds() // 60) if offset is not None else None,
        "device_skew": source.skew,
        "captured_offline": source.offline,
        "clock_untrusted": clock_untrusted,
        "received_at": at,
    }


def answer_rows(
    shared: Mapping[str, Any], revision: int, answers: Iterable[tuple[int, int, str, AnswerValue]]
) -> list[dict[str, Any]]:
    """Answers as their rows, numbered on from `revision`: each its number, its base, item and value.

    `shared`: as `answer_columns` has it; the base is the revision that an answer rests on.
    """
    return [
        {
            **shared,
            "revision": number,
            "seq": seq,
            "base": base,
            "item": item,
            "value": None if isinstance(value, str) else value,
            "words": value if isinstance(value, str) else None,
        }
        for number, (seq, base, item, value) in enumerate(answers, start=revision + 1)
    ]


def name_answers(slot: SlotRecord) -> str:
    """How the trail names the answers of a form."""
    return f"answer:{slot.visit}/{slot.instrument}"


def answer_changes(
    record: str, client: str, answers: Iterable[tuple[str, AnswerValue]], before: Mapping[str, AnswerValue]
) -> list[FieldChange]:
    """Old and new values as they stand in the trail, of answers that come one after another.

    `record`: as `name_answers` has it; `before` are those that the items hold.
    """
    changes, current = [], dict(before)
    for item, value in answers:
        old = serialise_answer(current[item], client) if item in current else None
        changes.append(FieldChange(record, item, old, serialise_answer(value, client)))
        current[item] = value
    return changes


def clock_changes(clock_untrusted: bool) -> list[FieldChange]:
    """What an entry says of a clock that was in doubt when it was made; nothing otherwise."""
    return [FieldChange("clock", "untrusted", None, True)] if clock_untrusted else []


def serialise_answer(value: AnswerValue, salt: str) -> object:
    """An answer as the trail spells it: "blank" for a deliberate skip, words as a digest."""
    if isinstance(value, str):
        return salted_digest(value, salt)
    return "blank" if value is None else value
