"""One answer as an append-only event: its row, and its change in the audit trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import InstrumentText
from app.domain.records.audit import FieldChange, salted_digest
from app.storage.plain_rows import SlotRecord


def answer_row(
    slot_id: int,
    client: str,
    revision: int,
    base: int,
    answer: SubmittedAnswer,
    text: InstrumentText,
    at: datetime,
    clock_untrusted: bool,
) -> dict[str, Any]:
    """One answer as its row; `base` is the revision that it rests on, `text` the words that were shown."""
    source = AnswerSource(answer.device_at, answer.skew, answer.offline)
    shared = answer_columns(slot_id, client, source, text, at, clock_untrusted)
    return shared | own_columns(revision, answer.seq, base, answer.item, answer.value)


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


def own_columns(revision: int, seq: int, base: int, item: str, value: AnswerValue) -> dict[str, Any]:
    """What the row of one answer has for itself."""
    words = isinstance(value, str)
    return {
        "revision": revision,
        "seq": seq,
        "base": base,
        "item": item,
        "value": None if words else value,
        "words": value if words else None,
    }


def name_answers(slot: SlotRecord) -> str:
    """How the trail names the answers of a form."""
    return f"answer:{slot.visit}/{slot.instrument}"


def answer_change(
    record: str, client: str, item: str, value: AnswerValue, before: Mapping[str, AnswerValue]
) -> FieldChange:
    """Old and new value as they stand in the trail: "blank" for a deliberate skip, words as a digest.

    `record`: as `name_answers` has it.
    """
    old = serialise_answer(before[item], client) if item in before else None
    return FieldChange(record, item, old, serialise_answer(value, client))


def clock_changes(clock_untrusted: bool) -> list[FieldChange]:
    """What an entry says of a clock that was in doubt when it was made; nothing otherwise."""
    return [FieldChange("clock", "untrusted", None, True)] if clock_untrusted else []


def serialise_answer(value: AnswerValue, salt: str) -> object:
    """An answer as the trail spells it: "blank" for a deliberate skip, words as a digest."""
    if isinstance(value, str):
        return salted_digest(value, salt)
    return "blank" if value is None else value
