"""What an entry of site staff would change, shown before they confirm it."""

from app.services.core.context import StaffContext
from app.services.core.plans import get_plan
from app.services.schedule.anchors import AnchorEntry, preview_anchor
from app.services.schedule.disposition_preview import DispositionPreview, preview_disposition
from app.services.schedule.dispositions import DispositionEntry
from app.services.schedule.slots import ScheduleProposal
from app.storage.tables.participants import Participant


def preview_anchor_entry(context: StaffContext, participant_id: int, entry: AnchorEntry) -> ScheduleProposal:
    """Which windows a date would move. Raises as `preview_anchor`."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        return preview_anchor(context.installation, session, participant, entry, context.at)


def preview_disposition_entry(
    context: StaffContext, participant_id: int, entry: DispositionEntry
) -> DispositionPreview:
    """What a disposition would end. Raises as `preview_disposition`."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        plan = get_plan(context.installation, session, participant.study_id)
        return preview_disposition(session, plan, participant, entry, context.at)
