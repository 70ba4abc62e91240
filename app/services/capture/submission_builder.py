"""What an accepted sending becomes: response, scores, audit entry and feed event, decided without a write."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.arrival import Arrival
from app.domain.capture.document import content_digest
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import Score, format_score
from app.domain.records.audit import AuditEvent, FieldChange
from app.services.capture.answer_events import answer_change, answer_row
from app.services.capture.forms import FormDefinition
from app.services.core.context import participant_actor
from app.services.core.identifiers import new_public_id
from app.services.feed.feed_events import slot_event
from app.storage.audit import build_entry
from app.storage.plain_rows import plain_row
from app.storage.queries.submission_context import SubmissionContext
from app.storage.row_changes import record_name
from app.storage.statements.submit_form import Submission, response_values
from app.storage.tables.capture import Response
from app.storage.tables.columns import key_of
from app.storage.tables.schedule import Slot

_NOT_TOLD = frozenset({"answers", "scores"})
"""Of a response: answers are told item by item, and scores are computed from them."""


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form as it is sent: every answer (None: left blank), and the step by which it was reviewed.

    `submission` is the sender's own name for this sending; `presentation` says how the form was shown,
    `base` which revision of the draft its page rested on, `skew` by how many seconds the server's clock
    was ahead of the device's. `offline`: it, or an answer of it, could not be sent at once.
    """

    answers: Mapping[str, AnswerValue]
    submission: str
    reviewed: bool
    device_at: datetime | None = None
    presentation: Mapping[str, Any] = field(default_factory=dict)
    base: int | None = None
    skew: int | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """A sending that was found complete: its answer document, and how it stands to the window."""

    document: dict[str, AnswerValue]
    stands: Arrival


def build_submission(
    met: SubmissionContext,
    asked: FormDefinition,
    sending: SubmittedForm,
    judged: CheckedSubmission,
    app_version: str,
    at: datetime,
) -> Submission:
    """All that this sending writes. The slot in `met` is changed, so it must not be used for another try."""
    rows, changes = _unsaved(asked, met, sending, judged.document, at)
    before = {name: getattr(met.slot, name) for name in ("submitted_at", "out_of_window", "missed_reason")}
    _submit(met.slot, judged.stands, at)
    response = _response(met, asked, sending, judged, app_version, at)
    changes += _response_changes(response)
    changes += _slot_changes(met.slot, before)
    actor = participant_actor(met.participant.public_id)
    told = slot_event(met.slot, met.participant, met.site, actor, "completed", response, asked.plan.blinded)
    return Submission(
        build_entry(met.head, AuditEvent.FORM_SUBMITTED, actor, at, changes), rows, response, met.slot, told
    )


def _unsaved(
    asked: FormDefinition,
    met: SubmissionContext,
    sending: SubmittedForm,
    document: Mapping[str, AnswerValue],
    at: datetime,
) -> tuple[list[dict[str, Any]], list[FieldChange]]:
    """As events what the form carries beyond the saved draft, so that the trail has every answer."""
    before: dict[str, AnswerValue] = {item: answer.told for item, answer in met.draft.items()}
    unsaved = [code for code, value in document.items() if code not in before or before[code] != value]
    revision = max((answer.revision for answer in met.draft.values()), default=0)
    client = f"sent:{sending.submission}"[:32]
    rows, changes = [], []
    for seq, code in enumerate(unsaved, start=1):
        base = revision if sending.base is None else sending.base
        answer = SubmittedAnswer(
            seq, base, code, document[code], sending.device_at, sending.skew, sending.offline
        )
        rows.append(
            answer_row(
                asked.slot, client, revision + seq, answer, met.participant.language, asked.text.sha256, at
            )
        )
        changes.append(answer_change(asked.slot, client, answer, before))
    return rows, changes


def _submit(slot: Slot, stands: Arrival, at: datetime) -> None:
    slot.submitted_at = at
    slot.out_of_window = stands is Arrival.out_of_window
    slot.missed_reason = slot.missed_note = slot.wake_at = None


def _response(
    met: SubmissionContext,
    asked: FormDefinition,
    sending: SubmittedForm,
    judged: CheckedSubmission,
    app_version: str,
    at: datetime,
) -> Response:
    slot = met.slot
    values = {
        "public_id": new_public_id(),
        "slot_id": key_of(slot),
        "study_id": slot.study_id,
        "version": 1,
        "submission": sending.submission,
        "content_sha256": content_digest(judged.document),
        "answers": dict(judged.document),
        "scores": [
            score_as_json(each) for each in score_answers(asked.instrument, judged.document, asked.leave_out)
        ],
        "instrument_sha256": asked.instrument.sha256,
        "text_sha256": asked.text.sha256,
        "algorithm": asked.instrument.algorithm,
        "language": met.participant.language,
        "originator": "participant",
        "helped_by": slot.helped_by,
        "mode": "own_device",
        "late_reason": slot.late_reason,
        "presentation": {**sending.presentation, "text_size": met.participant.text_size.value},
        "app_version": app_version,
        "out_of_window": slot.out_of_window,
        "in_grace": judged.stands is Arrival.in_grace,
        "device_at": sending.device_at,
        "device_offset": _offset_minutes(sending.device_at),
        "device_skew": sending.skew,
        "captured_offline": sending.offline,
        "begun_at": slot.begun_at or at,
        "submitted_at": at,
    }
    return plain_row(Response, values)


def score_as_json(each: Score) -> dict[str, Any]:
    """A score as JSON: its printed value (None when not scorable), and what it rests on."""
    return {
        "scale": each.scale,
        "value": format_score(each.value) if each.value is not None else None,
        "answered": each.answered,
        "asked": each.asked,
        "status": each.status.value,
    }


def _response_changes(response: Response) -> Iterator[FieldChange]:
    name = record_name(response)
    for column, value in response_values(response).items():
        if column not in _NOT_TOLD and value is not None:
            yield FieldChange(name, column, None, value)


def _slot_changes(slot: Slot, before: Mapping[str, object]) -> Iterator[FieldChange]:
    for column, old in before.items():
        if old != (new := getattr(slot, column)):
            yield FieldChange(record_name(slot), column, old, new)


def _offset_minutes(at: datetime | None) -> int | None:
    offset = at.utcoffset() if at else None
    return int(offset.total_seconds() // 60) if offset is not None else None
