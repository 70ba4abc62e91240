"""What an accepted submission becomes: response, scores, alerts, entries, feed event; nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.capture.answers import (
    CollectionMode,
    find_submitted_bases,
    validate_answers,
)
from app.domain.capture.arrival import Arrival, classify_arrival
from app.domain.capture.document import complete_document, content_digest
from app.domain.capture.outbox import credible_capture
from app.domain.capture.paper import classify_paper
from app.domain.instruments.responses import OPEN, AnswerValue, ValidAnswers
from app.domain.instruments.scoring.registry import serialise_scores
from app.domain.plans.publication import FORM_COMPLETED, FeedState
from app.domain.plans.status import Status, derive_status
from app.domain.records.access import Actor
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.records.feed import FeedEventDraft
from app.domain.refusal import Refused
from app.services.capture.alerting import build_alert_rows, link_alerts
from app.services.capture.answer_events import (
    AnswerSource,
    answer_changes,
    answer_columns,
    answer_rows,
    clock_changes,
    name_answers,
)
from app.services.capture.forms import FormDefinition
from app.services.core.context import participant_actor
from app.services.core.identifiers import new_receipt
from app.services.feed.feed_events import slot_event
from app.storage.audit import build_entry
from app.storage.plain_rows import ResponseRecord, SlotRecord
from app.storage.proof.row_facts import FactKey, changed_row_fact, new_row_fact, new_row_facts
from app.storage.queries.form_rows import FormRows
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.statements.submit_form import SUBMITTED_SLOT_COLUMNS, Submission

_NOT_IN_TRAIL = frozenset({"answers", "scores"})
"""Of a response: the trail has answers item by item, and scores are computed from them."""

_CHANGED = ("submitted_at", "out_of_window", "missed_reason")
"""The columns of a slot whose change by a submission stands in the trail."""


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form as it is submitted: every answer (None: left blank), and the step by which it was reviewed.

    `submission` is the sender's own name for it; `presentation` says how the form was shown, `base` which
    revision of the draft its page rested on, `skew` by how many seconds the server's clock was ahead of the
    device's. `offline`: it, or an answer of it, could not be sent at once. `collected_on`: the day on which
    the participant filled it in on paper.
    """

    answers: Mapping[str, AnswerValue]
    submission: str
    reviewed: bool
    device_at: datetime | None = None
    presentation: Mapping[str, str | int] = field(default_factory=dict)
    base: int | None = None
    skew: int | None = None
    offline: bool = False
    collected_on: date | None = None


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who submits a form, by which means, from which browser, and the event that tells it."""

    actor: Actor
    originator: str
    mode: CollectionMode
    event: AuditEvent
    device_id: int | None = None


def by_participant(public_id: str, device_id: int, *, handed_over: bool) -> Submitter:
    """The participant, on a device of their own or on the clinic's, which was handed over to them."""
    actor, event = participant_actor(public_id), AuditEvent.FORM_SUBMITTED
    return Submitter(actor, actor.role, participant_mode(handed_over=handed_over), event, device_id)


def participant_mode(*, handed_over: bool) -> CollectionMode:
    """By which means a participant answers: on a device of their own, or on the clinic's."""
    return CollectionMode.site_device if handed_over else CollectionMode.own_device


def by_paper(actor: Actor) -> Submitter:
    """Staff, who enter what the participant filled in on paper."""
    return Submitter(actor, actor.id, CollectionMode.paper, AuditEvent.PAPER_SUBMITTED)


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """All that a submission depends on, read once: the rows, what the form asks, who submits and stores it.

    `seen_device`: the browser whose lease is renewed along with the submission, where that is due;
    `clock_untrusted`: the server's clock is in doubt.
    """

    rows: FormRows
    definition: FormDefinition
    submitter: Submitter
    app_version: str
    seen_device: int | None
    fact_key: FactKey
    clock_untrusted: bool = False


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """A submitted form that is complete: its answer document, and how it stands to the window."""

    form: SubmittedForm
    document: ValidAnswers
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class ResponseOrigin:
    """How one version of a response came about: by whom, in which words, on which device, and when.

    `public_id` is its receipt, drawn here for every way in which a form is sent; a later version keeps it.
    """

    submission: str
    language: str
    presentation: Mapping[str, str | int]
    app_version: str
    out_of_window: bool
    in_grace: bool
    submitted_at: datetime
    originator: str = "participant"
    mode: str = CollectionMode.own_device
    collected_on: date | None = None
    device_at: datetime | None = None
    offset: int | None = None
    """That of a version before, in minutes; None: of `device_at`, as the phone said it."""
    skew: int | None = None
    offline: bool = False
    clock_untrusted: bool = False
    device_id: int | None = None
    public_id: str = field(default_factory=new_receipt)


def check_submission(context: SubmissionContext, form: SubmittedForm, at: datetime) -> CheckedSubmission:
    """The form as a complete document, and its arrival by the rules of the window.

    Raises Refused: "not_yet_open", "window_closed", "not_begun", and as `validate_answers` and
    `complete_document`.
    """
    slot, definition = context.rows.slot, context.definition
    window, facts = window_of_slot(slot), slot_facts(slot)
    if window is None or derive_status(window, facts, at) in (Status.planned, Status.excused):
        raise Refused("not_yet_open")
    if slot.begun_at is None:
        raise Refused("window_closed" if at >= window.closes_at else "not_begun", day=window.closes_on)
    document = answer_document(definition, form, form.reviewed)
    if form.collected_on is not None:
        return CheckedSubmission(form, document, classify_paper(window, facts, form.collected_on))
    captured_at = credible_capture(form.device_at, form.skew, form.offline)
    return CheckedSubmission(form, document, classify_arrival(window, facts, captured_at, at))


def answer_document(definition: FormDefinition, form: SubmittedForm, reviewed: bool) -> ValidAnswers:
    """The form's answer document. Raises as `validate_answers` and `complete_document`."""
    answers = validate_answers(definition.instrument, form.answers, definition.leave_out)
    return complete_document(definition.instrument, answers, definition.leave_out, reviewed)


def build_submission(context: SubmissionContext, checked: CheckedSubmission, at: datetime) -> Submission:
    """All that this submission writes, as new values; nothing that was read is changed."""
    rows, by, person = context.rows, context.submitter, context.rows.person.participant
    answers, changes = _unsaved_answers(context, checked, at)
    slot = _submitted_slot(rows.slot, checked.arrival, at)
    origin = _describe_origin(context, checked, slot, at)
    response = build_response(context.definition, slot, origin, version=1, answers=checked.document)
    changes += [*_response_changes(response), *_slot_changes(rows.slot, slot)]
    changes += clock_changes(context.clock_untrusted)
    facts = [
        *new_row_facts(context.fact_key, "answer_event", answers),
        new_row_fact(context.fact_key, "response", response._asdict()),
        changed_row_fact(context.fact_key, "slot", slot._asdict(), SUBMITTED_SLOT_COLUMNS),
    ]
    entry = build_entry(rows.head, by.event, by.actor, at, changes, facts=facts)
    alerts = build_alert_rows(context.definition.plan, slot.instrument, person.id, response, at)
    return Submission(
        entry=entry,
        answers=answers,
        response=response,
        slot=slot,
        event=_completed_event(context, slot, response),
        seen_device=context.seen_device,
        alerts=link_alerts(entry.entry, f"slot:{slot.visit}/{slot.instrument}", alerts, at, context.fact_key),
    )


def _describe_origin(
    context: SubmissionContext, checked: CheckedSubmission, slot: SlotRecord, at: datetime
) -> ResponseOrigin:
    """Who gave the answers, how, and when they came."""
    form, by, person = checked.form, context.submitter, context.rows.person.participant
    return ResponseOrigin(
        submission=form.submission,
        language=person.language,
        presentation={**form.presentation, "text_size": person.text_size.value},
        app_version=context.app_version,
        out_of_window=slot.out_of_window,
        in_grace=checked.arrival is Arrival.in_grace,
        submitted_at=at,
        originator=by.originator,
        mode=by.mode,
        collected_on=form.collected_on,
        device_at=form.device_at,
        skew=form.skew,
        offline=form.offline,
        clock_untrusted=context.clock_untrusted,
        device_id=by.device_id,
    )


def _completed_event(
    context: SubmissionContext, slot: SlotRecord, response: ResponseRecord
) -> FeedEventDraft:
    person, site = context.rows.person.participant, context.rows.person.site
    actor, blinded = context.submitter.actor, context.definition.plan.blinded
    return slot_event(slot, slot.version, person.subject, site, actor, FORM_COMPLETED, response, blinded)


def build_response(
    definition: FormDefinition,
    slot: SlotRecord,
    origin: ResponseOrigin,
    *,
    version: int,
    answers: ValidAnswers,
) -> ResponseRecord:
    """One version of a slot's response, scored; versions are added, and earlier ones stay as they are."""
    return ResponseRecord(
        public_id=origin.public_id,
        slot_id=slot.id,
        study_id=slot.study_id,
        version=version,
        submission=origin.submission,
        content_sha256=content_digest(answers),
        answers=dict(answers),
        scores=serialise_scores(definition.instrument, answers, definition.leave_out),
        instrument_sha256=definition.instrument.sha256,
        text_sha256=definition.text.sha256,
        algorithm=definition.instrument.algorithm,
        language=origin.language,
        originator=origin.originator,
        helped_by=slot.helped_by,
        mode=origin.mode,
        collected_on=origin.collected_on,
        late_reason=slot.late_reason,
        presentation=dict(origin.presentation),
        app_version=origin.app_version,
        out_of_window=origin.out_of_window,
        in_grace=origin.in_grace,
        device_at=origin.device_at,
        device_offset=_offset_minutes(origin.device_at) if origin.offset is None else origin.offset,
        device_skew=origin.skew,
        captured_offline=origin.offline,
        clock_untrusted=origin.clock_untrusted,
        begun_at=slot.begun_at or origin.submitted_at,
        submitted_at=origin.submitted_at,
        device_id=origin.device_id,
    )


def _unsaved_answers(
    context: SubmissionContext, checked: CheckedSubmission, at: datetime
) -> tuple[list[dict[str, Any]], list[FieldChange]]:
    """As events what the form carries beyond the saved draft, so that the trail has every answer."""
    rows, form = context.rows, checked.form
    before, revision, slot = rows.answers, rows.revision, rows.slot
    client, record = f"sent:{form.submission}"[:32], name_answers(slot)
    source = AnswerSource(form.device_at, form.skew, form.offline)
    shared = answer_columns(slot.id, client, source, context.definition.text, at, context.clock_untrusted)
    unsaved = [item for item in checked.document.items() if before.get(item[0], OPEN) != item[1]]
    bases = find_submitted_bases(revision if form.base is None else form.base, revision, len(unsaved))
    numbered = [
        (seq, base, *answer) for seq, (base, answer) in enumerate(zip(bases, unsaved, strict=True), 1)
    ]
    return answer_rows(shared, revision, numbered), answer_changes(record, client, unsaved, before)


def _submitted_slot(slot: SlotRecord, arrival: Arrival, at: datetime) -> SlotRecord:
    """The slot as it is once this is submitted; its version counts the event that tells it."""
    return slot._replace(
        submitted_at=at,
        out_of_window=arrival is Arrival.out_of_window,
        missed_reason=None,
        missed_note=None,
        wake_at=None,
        version=slot.version + 1,
        published_state=FeedState.submitted.value,
        published_window=slot.window_version,
    )


def _response_changes(response: ResponseRecord) -> Iterator[FieldChange]:
    name = f"response:{response.public_id}"
    for column, value in response._asdict().items():
        if column not in _NOT_IN_TRAIL and value is not None:
            yield FieldChange(name, column, None, value)


def _slot_changes(before: SlotRecord, after: SlotRecord) -> Iterator[FieldChange]:
    for column in _CHANGED:
        if (old := getattr(before, column)) != (new := getattr(after, column)):
            yield FieldChange(f"slot:{after.visit}/{after.instrument}", column, old, new)


def _offset_minutes(at: datetime | None) -> int | None:
    offset = at.utcoffset() if at else None
    return int(offset.total_seconds() // 60) if offset is not None else None
