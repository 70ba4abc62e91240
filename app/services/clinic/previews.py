"""What an entry of site staff would change: shown before they confirm it, and recorded only as shown."""

from dataclasses import replace

from app.domain.records.acts import fingerprint_consequences
from app.domain.records.dispositions import DispositionKind, check_disposition_reason
from app.domain.refusal import Refused, check_all
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.services.schedule.anchors import AnchorEntry, enter_anchor, preview_anchor
from app.services.schedule.dispositions import (
    DispositionEntry,
    DispositionPreview,
    dispositions_in_force,
    effective_date,
    enter_disposition,
    preview_disposition,
)
from app.services.schedule.slots import ScheduleProposal
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant


def preview_anchor_entry(context: StaffContext, participant_id: int, entry: AnchorEntry) -> ScheduleProposal:
    """Which windows a date would move. Raises as `preview_anchor`."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        return preview_anchor(context.installation, session, participant, entry, context.at)


def record_shown_anchor(
    context: StaffContext, participant_id: int, entry: AnchorEntry, shown: str
) -> ScheduleProposal:
    """Record a date whose consequences were shown and confirmed; `shown` is their fingerprint.

    Raises as `enter_anchor`, and Refused("preview_changed") where it would change something else by now.
    """
    with context.unit_of_work() as work:
        work.lock(participant_chain(participant_id))
        inside = replace(context, opened=work)
        if fingerprint_consequences(preview_anchor_entry(inside, participant_id, entry)) != shown:
            raise Refused("preview_changed")
        participant = work.session.get_one(Participant, participant_id)
        return enter_anchor(context.installation, work, participant, entry, confirmed=True)


def preview_disposition_entry(
    context: StaffContext, participant_id: int, entry: DispositionEntry
) -> DispositionPreview:
    """What a disposition would end. Raises as `preview_disposition`, and Refused("reason_needed")."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        check_all(
            lambda: check_disposition_reason(entry.kind, entry.reason),
            lambda: effective_date(session, entry, participant, context.at),
        )
        plan = get_plan_of(context.installation, session, participant)
        return preview_disposition(session, plan, participant, entry, context.at)


def record_shown_disposition(
    context: StaffContext, participant_id: int, entry: DispositionEntry, shown: str
) -> None:
    """Record a disposition whose consequences were shown and confirmed; `shown` is their fingerprint.

    A death is recorded whatever changed since; one that is in force just so already is not recorded again.
    Raises as `preview_disposition_entry`, and Refused("preview_changed").
    """
    died = entry.kind is DispositionKind.death
    if died and context.act is not None:
        context = replace(context, act=replace(context.act, spoiled_by=frozenset()))
    with context.unit_of_work() as work:
        work.lock(participant_chain(participant_id))
        preview = preview_disposition_entry(replace(context, opened=work), participant_id, entry)
        standing = dispositions_in_force(work.session, participant_id)
        if died and any((row.kind, row.stated_date) == (entry.kind, entry.stated) for row in standing):
            return
        if not died and fingerprint_consequences(preview) != shown:
            raise Refused("preview_changed")
        participant = work.session.get_one(Participant, participant_id)
        enter_disposition(context.installation, work, participant, entry)
