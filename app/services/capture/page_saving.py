"""A whole page from a browser without the runner: into the draft, or quarantined beside its form."""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue, reopen_unticked
from app.domain.refusal import Refused
from app.services.capture.answer_saving import save_draft
from app.services.capture.forms import OpenForm, get_own_slot, open_read_form
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission import get_first_response
from app.services.capture.submission_builder import SubmissionContext, SubmittedForm
from app.services.core.context import ParticipantContext
from app.storage.row_changes import participant_chain

_TAKES_NO_MORE = frozenset({"participation_ended", "window_closed", "not_expected", "already_submitted"})


def save_page(context: ParticipantContext, known: SubmissionContext, page: SubmittedForm) -> OpenForm:
    """Store what the page has beyond the draft; return the form with it.

    Where the form takes no more answers, what it does not hold of the page is quarantined, as a reviewed form
    would be. Raises Refused: "arrived_too_late", or "already_submitted" with `quarantined`, if anything was;
    else "participation_ended", and as `save_draft`.
    """
    instrument, before = known.definition.instrument, known.rows.answers
    page = replace(page, answers=reopen_unticked(instrument, before, page.answers))
    try:
        if context.participant.exit_kind is not None:
            raise Refused("participation_ended")
        form = open_read_form(context, known.rows, known.definition)
        return save_draft(context, form, page.answers, page.base or 0)
    except Refused as refused:
        if refused.code not in _TAKES_NO_MORE:
            raise
        raise _keep_apart(context, known, page) or refused from None


def _keep_apart(context: ParticipantContext, known: SubmissionContext, page: SubmittedForm) -> Refused | None:
    """Quarantine what the form does not hold; the refusal that says so, or None where it holds everything."""
    with context.unit_of_work() as work:
        work.lock(participant_chain(context.participant.participant_id))
        slot = get_own_slot(work.session, context.participant, known.rows.slot.public_id)
        if slot.submitted_at is None:
            stored = known.rows.answers
            refusal = Refused("arrived_too_late", day=slot.closes_on)
        else:
            first = get_first_response(work.session, slot)
            stored = first.answers
            refusal = Refused(
                "already_submitted", receipt=first.public_id, received=first.submitted_at, quarantined=True
            )
        unsaved = {item: value for item, value in page.answers.items() if not _holds(stored, item, value)}
        if not unsaved:
            return None
        quarantine_answers(
            work,
            slot,
            unsaved,
            refusal.code,
            page.device_at,
            mode=known.submitter.mode,
            clock_untrusted=known.clock_untrusted,
        )
    return refusal


def _holds(stored: Mapping[str, AnswerValue], item: str, value: AnswerValue) -> bool:
    """Whether the answer stands there; a tick that awaits its answer does where the item has any."""
    if item not in stored:
        return False
    return stored[item] == value or (value == OPEN and stored[item] != NOT_TICKED)
