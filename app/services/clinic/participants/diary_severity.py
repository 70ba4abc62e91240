"""The worst answer of each diary entry, for roles that the study lets see scores."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from app.domain.instruments.responses import ValidAnswers
from app.domain.instruments.severity import Severity, find_worst, list_severities
from app.domain.plans.plan import Plan
from app.services.core.context import StaffContext
from app.services.core.plans import excluded_items
from app.storage.plain_rows import SlotRecord
from app.storage.queries.participant_answers import read_newest_answers


def read_worst_severities(
    context: StaffContext, session: Session, plan: Plan, participant_id: int, diary: Sequence[SlotRecord]
) -> Mapping[str, Severity]:
    """By the form's public id; an entry in which every symptom was left blank is not there."""
    if plan.diary is None or not diary:
        return {}
    answers = read_newest_answers(session, participant_id, plan.diary.instrument)
    library, worst = context.installation.library, {}
    for slot in diary:
        if slot.id in answers:
            instrument = library.get_instrument(slot.instrument, slot.instrument_version)
            leave_out = excluded_items(library.get_plan(plan.id, slot.plan_version), slot.instrument)
            said = list_severities(instrument, ValidAnswers(answers[slot.id]), leave_out)
            worst[slot.public_id] = find_worst(said.values())
    return {slot: severity for slot, severity in worst.items() if severity is not None}
