"""Proposing a correction: item by item the new answer and why, on the participant's own word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from sqlmodel import Session

from app.domain.capture.corrections import (
    CorrectionEvidence,
    CorrectionReason,
    ItemCorrection,
    find_changed_items,
)
from app.domain.capture.document import complete_document
from app.domain.instruments.definition import Item
from app.domain.instruments.responses import (
    NOT_TICKED,
    AnswerValue,
    ValidAnswers,
    condition_holds,
    parse_typed_answer,
    validate_answer,
    without_unasked,
)
from app.domain.people.identifying import names_somebody
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused, capture_refusal, check_all, raise_all, require_result
from app.domain.typed_text import trim_text, trim_words
from app.services.capture.answer_events import serialise_answer
from app.services.capture.forms import FormDefinition, redefine_form
from app.services.clinic.corrections.submitted_form import record_look
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.plans import get_plan_of
from app.storage.queries.corrections import list_response_versions, list_waiting_corrections
from app.storage.queries.participants import find_death_day, get_readable_slot
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import Correction, Response
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study


@dataclass(frozen=True, slots=True)
class ProposedAnswer:
    """What somebody typed as the new answer of an item (`blank`: it was left blank), and the code of why."""

    item: str
    typed: str
    reason: str
    blank: bool = False


@dataclass(frozen=True, slots=True)
class ProposalEntry:
    """A proposal as it is typed: the version it rests on, the answers, and the evidence."""

    response_version: int
    answers: Sequence[ProposedAnswer]
    words: str
    told_on: date
    evidence: str


@dataclass(frozen=True, slots=True)
class CorrectableForm:
    """A submitted form with its newest response, in the words that the participant read.

    The participant can have said what they meant from `first_day` to `last_day`: since they filled it in, and
    while they lived; on the day of the form at least, also if their death is dated before it. `waiting` are
    the ids of the proposals for this form that nobody has decided.
    """

    participant: Participant
    slot: Slot
    response: Response
    definition: FormDefinition
    first_day: date
    last_day: date
    waiting: Sequence[str]


@dataclass(frozen=True, slots=True)
class CheckedProposal:
    """The corrections of a proposal each field of which is possible by itself, and what their form asks."""

    definition: FormDefinition
    corrections: tuple[ItemCorrection, ...]


def get_correctable_form(context: StaffContext, participant_id: int, slot_id: str) -> CorrectableForm:
    """A submitted form of a participant, to propose a correction of. Raises as `read_correctable_form`."""
    with context.read() as session:
        return read_correctable_form(context, session, participant_id, slot_id)


def view_correctable_form(context: StaffContext, participant_id: int, slot_id: str) -> CorrectableForm:
    """A correctable form for a page that shows its answers; a look of whoever may see them is audited."""
    with replace(context, act=None).unit_of_work() as work:
        form = read_correctable_form(context, work.session, participant_id, slot_id)
        if _sees_answers(context, form):
            record_look(work, form.slot, form.response.version)
        return form


def read_correctable_form(
    context: StaffContext,
    session: Session,
    participant_id: int,
    slot_id: str,
    known: FormDefinition | None = None,
) -> CorrectableForm:
    """A correctable form, read in an open session; what it asks may be `known` already.

    Raises Refused("unknown_slot"), also before it was sent and for one that would tell this reader the arm.
    """
    participant = session.get_one(Participant, participant_id)
    plan = get_plan_of(context.installation, session, participant)
    slot = get_readable_slot(session, context.actor, plan, participant, slot_id)
    versions = list_response_versions(session, slot.id)
    if not versions:
        raise Refused("unknown_slot")
    study = session.get_one(Study, participant.study_id)
    response, today = versions[-1], local_day(context.at, participant.zone)
    definition = redefine_form(
        context.installation, study.code, slot, response.language, known, response.text_sha256
    )
    first_day = response.collected_on or local_day(response.submitted_at, participant.zone)
    last_day = max(first_day, min(find_death_day(session, participant_id) or today, today))
    waiting = list_waiting_corrections(session, slot.id)
    return CorrectableForm(participant, slot, response, definition, first_day, last_day, waiting)


def propose_correction(
    context: StaffContext,
    participant_id: int,
    slot_id: str,
    entry: ProposalEntry,
    checked: CheckedProposal | None = None,
) -> str:
    """Store a proposal, which changes no answer until somebody else signs it; returns its id.

    What the page `checked` of its answers is not checked again: the version that they rest on is the same.
    Raises Refused: "unknown_slot", "state_changed" when the form was corrected since it was shown,
    "nothing_to_correct", "correction_reason_needed", "evidence_needed", "words_needed", "identifying_words",
    "date_out_of_range", and as `validate_answer` and `complete_document` for answers that are not possible.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        known = checked.definition if checked else None
        form = read_correctable_form(context, work.session, participant_id, slot_id, known)
        participant = form.participant
        if not context.actor.may(Permission.CORRECTION_PROPOSE, participant.study_id, participant.site_id):
            raise Refused("unknown_slot")
        if form.response.version != entry.response_version:
            raise Refused("state_changed")
        if checked is None:
            checked = check_proposal(form, entry)
        else:
            _check_evidence(form, entry)
        corrections = checked.corrections
        _check_dependents(context, form, corrections)
        document = corrected_document(form.definition, form.response.answers, corrections)
        _check_changes(context, form, document)
        row = Correction(
            public_id=new_public_id(),
            participant_id=participant_id,
            study_id=form.participant.study_id,
            slot_id=form.slot.id,
            response_version=form.response.version,
            changes={correction.item: correction.as_document() for correction in corrections},
            words=trim_words(entry.words),
            told_on=entry.told_on,
            evidence=CorrectionEvidence(entry.evidence),
            proposed_at=context.at,
            proposed_by=context.actor.id,
        )
        work.session.add(row)
        record = f"correction:{row.public_id}"
        changes = [
            FieldChange(record, correction.item, None, serialise_answer(correction.value, row.public_id))
            for correction in corrections
        ]
        changes.append(FieldChange(record_name(form.slot), "correction", None, row.public_id))
        work.record(AuditEvent.CORRECTION_PROPOSED, chain, reason=row.words, changes=changes)
        return row.public_id


def corrected_document(
    definition: FormDefinition, answers: dict[str, AnswerValue], corrections: Sequence[ItemCorrection]
) -> ValidAnswers:
    """The answers with these corrections, without those that are no longer asked.

    Raises Refused "unanswered" naming what is asked now and has no answer, or the question over a list that
    says "none of these" while something of it gets an answer; "nothing_ticked" the other way round.
    """
    instrument, leave_out = definition.instrument, definition.leave_out
    corrected = {**answers, **{correction.item: correction.value for correction in corrections}}
    over = instrument.list_item
    if over is not None and corrected.get(over.code) == 0:
        listed = [correction for correction in corrections if instrument.get_item(correction.item).listed]
        if any(correction.value != NOT_TICKED for correction in listed):
            raise Refused("unanswered", items=(over.code,))
    applicable = ValidAnswers(without_unasked(instrument, corrected, leave_out))
    return complete_document(instrument, applicable, leave_out, reviewed=True)


def check_proposal(form: CorrectableForm, entry: ProposalEntry) -> CheckedProposal:
    """Every field by itself; raises Refused as `propose_correction` says, of each question that is wrong."""
    if not entry.answers:
        raise Refused("nothing_to_correct")
    read = [capture_refusal(partial(_read_correction, form.definition, answer)) for answer in entry.answers]
    check_all(lambda: _check_evidence(form, entry), *(partial(require_result, result) for result in read))
    return CheckedProposal(form.definition, tuple(require_result(result) for result in read))


def _read_correction(definition: FormDefinition, proposed: ProposedAnswer) -> ItemCorrection:
    """One answer of a proposal. Raises Refused, naming the item."""
    item = definition.instrument.get_item(proposed.item)
    value = capture_refusal(lambda: _read_answer(item, proposed))
    check_all(lambda: require_result(value), lambda: _check_reason(item, proposed.reason))
    return ItemCorrection(item.code, require_result(value), CorrectionReason(proposed.reason))


def _read_answer(item: Item, proposed: ProposedAnswer) -> AnswerValue:
    if not proposed.blank and not trim_text(proposed.typed):
        raise Refused("new_answer_needed", item=item.code)
    # A skip is judged like any other answer: where none is allowed it is refused.
    return validate_answer(item, None) if proposed.blank else parse_typed_answer(item, proposed.typed)


def _check_reason(item: Item, reason: str) -> None:
    if reason not in tuple(CorrectionReason):
        raise Refused("correction_reason_needed", item=item.code, allowed=tuple(CorrectionReason))


def _check_changes(context: StaffContext, form: CorrectableForm, document: ValidAnswers) -> None:
    """Refuse a correction that changes nothing; who may not see answers must not learn one in this way."""
    if not _sees_answers(context, form):
        return
    if not find_changed_items(form.response.answers, document):
        raise Refused("nothing_to_correct")


def _check_dependents(
    context: StaffContext, form: CorrectableForm, corrections: Sequence[ItemCorrection]
) -> None:
    """Ask who may not see answers for every question that the new ones lead to, answered before or not.

    Which of them is missing would tell what the participant had answered; so would, of a list, that nothing
    else is ticked in it: whoever changes it goes through it as a whole.
    """
    if _sees_answers(context, form):
        return
    new = {correction.item: correction.value for correction in corrections}
    items = [item for item in form.definition.instrument.items if item.code not in form.definition.leave_out]
    over = form.definition.instrument.list_item
    in_list = {item.code for item in items if item.listed or item is over}
    whole = over is not None and new.get(over.code) != 0 and not in_list.isdisjoint(new)
    missing = tuple(
        item.code
        for item in items
        if item.code not in new
        and ((whole and item.code in in_list) or (item.condition and condition_holds(item.condition, new)))
    )
    if missing:
        raise Refused("unanswered", items=missing)


def _sees_answers(context: StaffContext, form: CorrectableForm) -> bool:
    participant = form.participant
    return context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id)


def _check_evidence(form: CorrectableForm, entry: ProposalEntry) -> None:
    refusals = []
    if not trim_words(entry.words):
        refusals.append(Refused("words_needed", field="words"))
    if names_somebody(entry.words):
        refusals.append(Refused("identifying_words", field="words"))
    if entry.evidence not in tuple(CorrectionEvidence):
        refusals.append(Refused("evidence_needed", field="evidence", allowed=tuple(CorrectionEvidence)))
    if not form.first_day <= entry.told_on <= form.last_day:
        days = {"low": form.first_day, "high": form.last_day}
        refusals.append(Refused("date_out_of_range", field="told_on", **days))
    raise_all(refusals)
