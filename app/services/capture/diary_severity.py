"""The worst answer of each diary entry, for the desk and for participants who may read what they answered."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session

from app.domain.instruments.responses import ValidAnswers
from app.domain.instruments.severity import Severity, find_worst, list_severities
from app.services.core.installation import Installation
from app.services.core.plans import excluded_items
from app.storage.plain_rows import SlotRecord
from app.storage.queries.participant_answers import read_newest_answers
from app.storage.tables.schedule import Slot


def read_worst_severities(
    installation: Installation,
    session: Session,
    study: str,
    participant_id: int,
    diary: Iterable[SlotRecord | Slot],
) -> Mapping[str, Severity]:
    """By the public ids of these forms of one participant; one in which nothing has a severity is not there.

    It is the newest version of a form that counts. One query, and none without an entry.
    """
    library, worst = installation.library, {}
    read: dict[str, Mapping[int, Mapping[str, Any]]] = {}
    for slot in diary:
        if slot.instrument not in read:
            read[slot.instrument] = read_newest_answers(session, participant_id, slot.instrument)
        answers = read[slot.instrument].get(slot.id)
        if answers is not None:
            instrument = library.get_instrument(slot.instrument, slot.instrument_version)
            leave_out = excluded_items(library.get_plan(study, slot.plan_version), slot.instrument)
            said = list_severities(instrument, ValidAnswers(answers), leave_out)
            worst[slot.public_id] = find_worst(said.values())
    return {slot: severity for slot, severity in worst.items() if severity is not None}
