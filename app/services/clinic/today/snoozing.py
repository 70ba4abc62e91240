"""Snoozing a participant's row of the work list until a day, for the reasons that it has now."""

from collections.abc import Collection
from datetime import date

from app.domain.plans.windows import local_day, start_of_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.today.contacts import join_reasons, parse_snooze
from app.domain.today.reasons import STAYING, Reason
from app.services.clinic.today.participant_work import find_participant_reasons
from app.services.core.context import StaffContext
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant, Snooze


def snooze_participant(
    context: StaffContext, participant_id: int, reasons: Collection[Reason], reason: str, until: date | None
) -> None:
    """Snooze a row for these of its reasons until the beginning of a day; any other reason brings it back.

    What rests are the reasons that were shown and still hold, with what is known of them now: a newer call,
    message or form of the same kind brings the row back too. Raises Refused: "snooze_reason",
    "snooze_until", and "nothing_to_snooze" where no reason can rest: an alert never does.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        words, day = parse_snooze(reason, until, local_day(context.at, participant.zone))
        holding = find_participant_reasons(context, work.session, participant)
        resting = frozenset(reasons) & {snooze.reason for snooze in holding} - STAYING
        if not resting:
            raise Refused("nothing_to_snooze")
        ends, by = start_of_day(day, participant.zone), context.actor.id
        row = work.session.get(Snooze, participant_id)
        if row is None:
            row = Snooze(
                participant_id=participant_id,
                reasons=join_reasons(resting),
                until_at=ends,
                reason=words,
                recorded_at=context.at,
                recorded_by=by,
            )
            work.session.add(row)
        row.reasons, row.until_at, row.reason = join_reasons(resting), ends, words
        row.recorded_at, row.recorded_by = context.at, by
        work.record(AuditEvent.WORK_SNOOZED, chain, reason=words)


def resume_participant(context: StaffContext, participant_id: int) -> None:
    """End the snooze of a row at once. Raises Refused("not_snoozed")."""
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        row = work.session.get(Snooze, participant_id)
        if row is None or row.until_at <= context.at:
            raise Refused("not_snoozed")
        row.until_at = context.at
        work.record(AuditEvent.WORK_RESUMED, chain)
