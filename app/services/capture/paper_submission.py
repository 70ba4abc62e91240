"""Submitting a form that was filled in on paper: rules, builder and statement are those of every form."""

from app.services.capture.forms import FormDefinition
from app.services.capture.submission_builder import (
    SubmissionContext,
    SubmittedForm,
    build_submission,
    by_paper,
    check_submission,
)
from app.services.core.installation import Installation
from app.storage.queries.form_rows import read_form_of_slot
from app.storage.row_changes import participant_chain
from app.storage.statements.submit_form import write_submission
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork

PAPER_BASE = 0
"""Paper rests on no answer of a phone: where one differs, the two are in conflict, and that is listed."""


def submit_paper(
    installation: Installation,
    work: UnitOfWork,
    definition: FormDefinition,
    slot: Slot,
    form: SubmittedForm,
) -> None:
    """Make the answers the slot's one response, in the transaction at hand, whose actor submits them.

    Nobody else can move the head of the chain, which is locked, so that the write holds at once. Raises
    Refused as `check_submission`.
    """
    with work.hot_connection(participant_chain(slot.participant_id)) as connection:
        known = SubmissionContext(
            read_form_of_slot(connection, slot.id),
            definition,
            by_paper(work.actor),
            installation.app_version,
            seen_device=None,
            fact_key=installation.fact_key,
            clock_untrusted=installation.clock_watch.untrusted,
        )
        submission = build_submission(known, check_submission(known, form, work.at), work.at)
        write_submission(connection, submission)
    work.reread(Slot, slot.id)
