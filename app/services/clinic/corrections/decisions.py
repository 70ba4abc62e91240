"""Deciding a correction: signed by an investigator who did not propose it; an approval is a new version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from app.domain.capture.corrections import (
    CorrectionOutcome,
    find_changed_items,
    needs_second_reason,
    read_item_corrections,
)
from app.domain.instruments.responses import ValidAnswers
from app.domain.people.identifying import names_somebody
from app.domain.plans.publication import FORM_AMENDED
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused, raise_all
from app.domain.typed_text import trim_words
from app.services.capture.alerting import raise_alerts
from app.services.capture.answer_events import serialise_answer
from app.services.capture.submission_builder import ResponseOrigin, build_response
from app.services.clinic.corrections.overtaking import find_overtaking_items
from app.services.clinic.corrections.proposals import (
    CorrectableForm,
    corrected_document,
    read_correctable_form,
)
from app.services.clinic.corrections.signatures import SigningStaff, sign_act
from app.services.core.context import StaffContext
from app.services.feed.feed_events import StatedCorrection, amended_event, raise_version, slot_event
from app.storage.plain_rows import ResponseRecord, SlotRecord
from app.storage.queries.corrections import (
    CorrectionRows,
    find_correction,
    list_form_corrections,
    list_response_versions,
    list_waiting_corrections,
)
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import CorrectionDecision, Response
from app.storage.tables.participants import TeamRequest
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """A decision as it is typed: the outcome, a note (why declined), and why it is approved so late."""

    outcome: str
    note: str = ""
    late_reason: str = ""


@dataclass(frozen=True, slots=True)
class CheckedDecision:
    outcome: CorrectionOutcome
    note: str | None
    late_reason: str | None


def decide_correction(
    context: StaffContext, participant_id: int, correction: str, entry: DecisionEntry, signer: SigningStaff
) -> None:
    """Sign a decision; an approval makes a new, scored version of the response and tells the EDC.

    The participant's open request about the form is closed with it. Raises Refused: "unknown_correction"
    (also for another site's), "own_correction", "correction_decided", "unknown_outcome",
    "decline_reason_needed", "second_reason_needed", "answer_changed" where the answers changed so that
    the proposal no longer holds, "nothing_changes", and as `sign_act`.
    """
    chain, decided = participant_chain(participant_id), check_decision(entry)
    sign_act(context, signer, chain, lambda work: _decide(context, work, participant_id, correction, decided))


def _decide(
    context: StaffContext, work: UnitOfWork, participant_id: int, correction: str, entry: CheckedDecision
) -> None:
    chain = participant_chain(participant_id)
    rows = find_correction(work.session, participant_id, correction)
    if rows is None or not _may_decide(context, rows):
        raise Refused("unknown_correction")
    if rows.decision is not None:
        raise Refused("correction_decided")
    if rows.correction.proposed_by == context.actor.id:
        raise Refused("own_correction")
    decision = CorrectionDecision(
        correction_id=rows.correction.id,
        participant_id=rows.correction.participant_id,
        outcome=entry.outcome,
        note=entry.note,
        late_reason=entry.late_reason if entry.outcome is CorrectionOutcome.approved else None,
        decided_at=context.at,
        decided_by=context.actor.id,
    )
    if decision.outcome is CorrectionOutcome.approved:
        _approve(context, work, rows, decision)
    else:
        about = FieldChange(record_name(rows.slot), "correction", None, rows.correction.public_id)
        work.record(AuditEvent.CORRECTION_DECLINED, chain, reason=decision.note, changes=[about])
    work.session.add(decision)
    _close_request(work, rows, decision)


def _may_decide(context: StaffContext, rows: CorrectionRows) -> bool:
    participant = rows.participant
    return context.actor.may(Permission.CORRECTION_DECIDE, participant.study_id, participant.site_id)


def check_decision(entry: DecisionEntry) -> CheckedDecision:
    """What was typed, before anybody's password is tried on it.

    Raises Refused: "unknown_outcome", "decline_reason_needed", "identifying_words".
    """
    refusals, note = [], trim_words(entry.note) or None
    if entry.outcome not in tuple(CorrectionOutcome):
        refusals.append(Refused("unknown_outcome", field="outcome", allowed=tuple(CorrectionOutcome)))
    if entry.outcome == CorrectionOutcome.declined and note is None:
        refusals.append(Refused("decline_reason_needed", field="note"))
    typed = {"note": entry.note, "late_reason": entry.late_reason}
    refusals += [
        Refused("identifying_words", field=field) for field, words in typed.items() if names_somebody(words)
    ]
    raise_all(refusals)
    return CheckedDecision(CorrectionOutcome(entry.outcome), note, trim_words(entry.late_reason) or None)


def _approve(
    context: StaffContext, work: UnitOfWork, rows: CorrectionRows, decision: CorrectionDecision
) -> None:
    """Add the corrected version of the response, scored, and tell the EDC."""
    correction = rows.correction
    form = read_correctable_form(context, work.session, correction.participant_id, rows.slot.public_id)
    _check_still_true(work.session, rows, form)
    _check_late(context, form, decision)
    proposed = read_item_corrections(correction.changes)
    document = corrected_document(form.definition, form.response.answers, proposed)
    response = _next_version(context, form, correction.public_id, document)
    changed = find_changed_items(form.response.answers, document)
    if not changed:
        raise Refused("nothing_changes")
    decision.response_version = response.version
    work.session.add(Response(**response._asdict()))
    reasons = {change.item: change.reason.value for change in proposed if change.item in changed}
    stated = StatedCorrection(reasons, correction.words, decision.late_reason)
    scores = _changed_scores(form.response.scores, response.scores)
    draft = slot_event(
        form.slot,
        raise_version(form.slot),
        form.participant.subject,
        rows.site,
        context.actor,
        FORM_AMENDED,
        response,
        form.definition.plan.blinded,
    )
    event = amended_event(draft, stated, (*(f"answers.{code}" for code in changed), *scores))
    work.publish(form.participant.study_id, event)
    changes = _answer_changes(form, changed, document)
    chain = participant_chain(correction.participant_id)
    work.record(AuditEvent.CORRECTION_APPROVED, chain, reason=decision.late_reason, changes=changes)
    raise_alerts(work, form.definition.plan, form.slot, response)


def _check_still_true(session: Session, rows: CorrectionRows, form: CorrectableForm) -> None:
    versions = list_response_versions(session, rows.slot.id)
    base = next(row for row in versions if row.version == rows.correction.response_version)
    if items := find_overtaking_items(form.definition, rows.correction, base, form.response):
        raise Refused("answer_changed", items=items)


def _check_late(context: StaffContext, form: CorrectableForm, decision: CorrectionDecision) -> None:
    zone, days = form.participant.zone, form.definition.plan.correction_days
    submitted_on, today = local_day(form.response.submitted_at, zone), local_day(context.at, zone)
    if not needs_second_reason(submitted_on, today, days):
        decision.late_reason = None
    elif decision.late_reason is None:
        raise Refused("second_reason_needed", field="late_reason", days=days)


def _next_version(
    context: StaffContext, form: CorrectableForm, correction: str, document: ValidAnswers
) -> ResponseRecord:
    """The version that follows, by the builder of submissions; how and when the form was sent stays."""
    before = form.response
    origin = ResponseOrigin(
        public_id=before.public_id,
        submission=f"correction:{correction}",
        language=before.language,
        presentation=before.presentation,
        app_version=context.installation.app_version,
        out_of_window=before.out_of_window,
        in_grace=before.in_grace,
        submitted_at=before.submitted_at,
        originator=before.originator,
        mode=before.mode,
        collected_on=before.collected_on,
        device_at=before.device_at,
        offset=before.device_offset,
        skew=before.device_skew,
        offline=before.captured_offline,
        clock_untrusted=before.clock_untrusted,
        device_id=before.device_id,
    )
    slot = SlotRecord(**{name: getattr(form.slot, name) for name in SlotRecord._fields})
    return build_response(form.definition, slot, origin, version=before.version + 1, answers=document)


def _changed_scores(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> tuple[str, ...]:
    earlier = {score["scale"]: score for score in before}
    return tuple(f"scores.{score['scale']}" for score in after if earlier.get(score["scale"]) != score)


def _answer_changes(
    form: CorrectableForm, changed: tuple[str, ...], document: ValidAnswers
) -> list[FieldChange]:
    record, salt = f"answer:{form.slot.visit}/{form.slot.instrument}", form.response.public_id
    before = form.response.answers
    return [
        FieldChange(
            record,
            code,
            serialise_answer(before[code], salt) if code in before else None,
            serialise_answer(document[code], salt) if code in document else None,
        )
        for code in changed
    ]


def _close_request(work: UnitOfWork, rows: CorrectionRows, decision: CorrectionDecision) -> None:
    """Close what the participant asked for about this form before the proposal; the entry covers it.

    What they asked for since is another matter, and so it is while another proposal for the form waits.
    """
    others = list_waiting_corrections(work.session, rows.correction.slot_id)
    if any(other != rows.correction.public_id for other in others):
        return
    statement = select(TeamRequest).where(
        TeamRequest.participant_id == rows.correction.participant_id,
        TeamRequest.kind == TeamRequestKind.correction,
        TeamRequest.slot_key == rows.correction.slot_id,
        col(TeamRequest.closed_at).is_(None),
        TeamRequest.asked_at <= rows.correction.proposed_at,
    )
    request = work.session.exec(statement).one_or_none()
    if request is not None:
        request.closed_at, request.closed_by = work.at, work.actor.id
        request.outcome = _find_outcome(work, rows, decision, request.asked_at).value


def _find_outcome(
    work: UnitOfWork, rows: CorrectionRows, decision: CorrectionDecision, requested_at: datetime
) -> CorrectionOutcome:
    """What became of a request of that moment: approved where any proposal about the form was, since then."""
    proposed = list_form_corrections(work.session, rows.correction.participant_id, rows.correction.slot_id)
    outcomes = {
        change.decision.outcome
        for change in proposed
        if change.decision is not None and change.correction.proposed_at >= requested_at
    }
    return CorrectionOutcome.approved if CorrectionOutcome.approved in outcomes else decision.outcome
