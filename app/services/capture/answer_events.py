"""One answer as an append-only event: its row, and its change in the audit trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
    offset = answer.device_at.utcoffset() if answer.device_at else None
    return {
        "slot_id": slot_id,
        "revision": revision,
        "client": client,
        "seq": answer.seq,
        "base": base,
        "item": answer.item,
        "value": answer.value if isinstance(answer.value, int) else None,
        "words": answer.value if isinstance(answer.value, str) else None,
        "language": text.lang,
        "text_sha256": text.sha256,
        "device_at": answer.device_at,
        "device_offset": int(offset.total_seconds() // 60) if offset is not None else None,
        "device_skew": answer.skew,
        "captured_offline": answer.offline,
        "clock_untrusted": clock_untrusted,
        "received_at": at,
    }


def answer_change(
    slot: SlotRecord, client: str, answer: SubmittedAnswer, before: Mapping[str, AnswerValue]
) -> FieldChange:
    """Old and new value as they stand in the trail: "blank" for a deliberate skip, words as a digest."""
    old = serialise_answer(before[answer.item], client) if answer.item in before else None
    return FieldChange(
        f"answer:{slot.visit}/{slot.instrument}", answer.item, old, serialise_answer(answer.value, client)
    )


def clock_changes(clock_untrusted: bool) -> list[FieldChange]:
    """What an entry says of a clock that was in doubt when it was made; nothing otherwise."""
    return [FieldChange("clock", "untrusted", None, True)] if clock_untrusted else []


def serialise_answer(value: AnswerValue, salt: str) -> object:
    """An answer as the trail spells it: "blank" for a deliberate skip, words as a digest."""
    if isinstance(value, str):
        return salted_digest(value, salt)
    return "blank" if value is None else value
