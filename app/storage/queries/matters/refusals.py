"""What the EDC stated and was refused, as its matters and the trail name and tell it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from app.storage.tables.edc import EdcRecord, EdcRefusal
from app.storage.tables.participants import Participant

_MARK = "r"
_NAME = re.compile(f"{_MARK}([0-9]{{1,9}})-([0-9]{{1,9}})")
_RECORD = "edc_refusal:"
WHOLE = "participant"
"""What a body is about that states the person as such."""


@dataclass(frozen=True, slots=True)
class RefusedFact:
    """One fact that was refused: what it is about, such as `visits/W6`, why, and what the EDC states."""

    part: str
    cause: str
    stated: dict[str, Any]


def name_refusal(refusal_id: int, version: int) -> str:
    """How a matter is named that is about this body; another body about the same fact is another matter."""
    return f"{_MARK}{refusal_id}-{version}"


def is_refusal_name(ref: str) -> bool:
    """Whether a matter's name is that of a refused body."""
    return ref.startswith(_MARK)


def find_refusal(session: Session, participant_id: int, ref: str) -> EdcRefusal | None:
    """The row of a matter of this name, as long as nothing else is said of its fact."""
    named = _NAME.fullmatch(ref)
    if named is None:
        return None
    key, version = map(int, named.groups())
    same = select(EdcRefusal).where(
        EdcRefusal.participant_id == participant_id, EdcRefusal.id == key, EdcRefusal.version == version
    )
    return session.exec(same).one_or_none()


def read_stored_body(session: Session, participant: Participant, refusal: EdcRefusal) -> dict[str, Any]:
    """What the EDC last stated of the same fact and was taken; empty for nothing."""
    part = "" if refusal.part == WHOLE else f"/{refusal.part}"
    resource = f"participants/{participant.subject}{part}"
    same = select(EdcRecord.body).where(
        EdcRecord.study_id == participant.study_id, EdcRecord.resource == resource
    )
    return dict(session.exec(same).one_or_none() or {})


def refusal_record(part: str) -> str:
    """How the trail names what was refused; it is no record of its own."""
    return f"{_RECORD}{part}"


def describe_refusal(row: EdcRefusal) -> dict[str, Any]:
    """What was refused and why, as the trail tells it."""
    return {"part": row.part, "cause": row.cause, **json.loads(row.stated)}
