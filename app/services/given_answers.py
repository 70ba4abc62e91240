"""An answer as it was given: its row, and how the trail tells it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.answers import Value
from app.domain.audit import Change, salted
from app.domain.capture import Given
from app.storage.schedule import Slot


def event_row(
    slot: Slot, client: str, revision: int, answer: Given, language: str, text_sha256: str, at: datetime
) -> dict[str, Any]:
    """One answer as its row."""
    offset = answer.device_at.utcoffset() if answer.device_at else None
    return {
        "slot_id": slot.id,
        "revision": revision,
        "client": client,
        "seq": answer.seq,
        "base": answer.base,
        "item": answer.item,
        "value": answer.value if isinstance(answer.value, int) else None,
        "words": answer.value if isinstance(answer.value, str) else None,
        "language": language,
        "text_sha256": text_sha256,
        "device_at": answer.device_at,
        "device_offset": int(offset.total_seconds() // 60) if offset is not None else None,
        "device_skew": answer.skew,
        "captured_offline": answer.offline,
        "received_at": at,
    }


def told_change(slot: Slot, client: str, answer: Given, before: Mapping[str, Value]) -> Change:
    """How the trail tells one answer: old and new value, "blank" for a deliberate skip, words as a digest."""
    old = _told(before[answer.item], client) if answer.item in before else None
    return Change(f"answer:{slot.visit}/{slot.instrument}", answer.item, old, _told(answer.value, client))


def _told(value: Value, salt: str) -> object:
    if isinstance(value, str):
        return salted(value, salt)
    return "blank" if value is None else value
