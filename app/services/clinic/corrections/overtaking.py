"""Proposals that can no longer be approved: the answers on which they rest have changed since."""

from collections.abc import Collection

from sqlmodel import Session

from app.domain.capture.corrections import find_changed_items, read_item_corrections
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition, define_form
from app.services.clinic.corrections.proposals import corrected_document
from app.services.core.installation import Installation
from app.storage.queries.corrections import list_superseded_bases
from app.storage.tables.capture import Correction, Response


def find_overtaken(
    installation: Installation, session: Session, study: str, corrections: Collection[str]
) -> frozenset[str]:
    """The ids of those proposals that approving would refuse for what the answers are now.

    One query, and none without a proposal.
    """
    if not corrections:
        return frozenset()
    overtaken = []
    for correction, slot, base, newest in list_superseded_bases(session, corrections):
        definition = define_form(installation, study, slot, newest.language, newest.text_sha256)
        if find_overtaking_items(definition, correction, base, newest):
            overtaken.append(correction.public_id)
    return frozenset(overtaken)


def find_overtaking_items(
    definition: FormDefinition, correction: Correction, base: Response, newest: Response
) -> tuple[str, ...]:
    """The items whose answers changed since, in a way that the proposal no longer holds.

    They are those that it would change itself, or else any of which its form now asks otherwise than it knew.
    """
    changed = find_changed_items(base.answers, newest.answers)
    if own := tuple(code for code in correction.changes if code in changed):
        return own
    try:
        corrected_document(definition, newest.answers, read_item_corrections(correction.changes))
    except Refused:
        return changed
    return ()
