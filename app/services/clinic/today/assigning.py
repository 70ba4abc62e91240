"""Assigning participants of the work list to one member of staff, or to nobody."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.clinic.today.bulk_acts import BulkResult, act_on_each
from app.services.clinic.today.rows import Colleague
from app.services.core.context import StaffContext
from app.storage.queries.today.workers import find_workers
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Assignment, Participant


@dataclass(frozen=True, slots=True)
class AssignmentChoice:
    """To whom a participant is assigned now, and to whom they can be, by name."""

    subject: str
    assignee: Colleague | None
    colleagues: tuple[Colleague, ...]
    exited: bool


def get_assignment_choice(context: StaffContext, participant_id: int) -> AssignmentChoice:
    """To whom this participant is assigned, and who else works the list at their site."""
    with context.read() as session:
        person = session.get_one(Participant, participant_id)
        at_site = session.connection(), person.study_id, person.site_id
        workers = find_workers(*at_site, context.grant_rules)
        row = session.get(Assignment, participant_id)
        stored, exited = row.assignee_id if row else None, person.exit_kind is not None
        assignee = Colleague(stored, workers[stored]) if stored in workers and not exited else None
        colleagues = tuple(Colleague(*worker) for worker in workers.items())
        return AssignmentChoice(person.subject, assignee, colleagues, exited)


def assign_participant(
    context: StaffContext, participant_id: int, assignee: int | None, shown: int | None
) -> None:
    """Assign a participant to a colleague, None: to nobody, on a page that showed the assignment `shown`.

    The same again changes nothing. Raises Refused: "participation_ended"; "unknown_assignee" for somebody
    who does not work the list at the participant's site; and "assigned_meanwhile" where the participant is
    neither assigned as the page showed nor as it is chosen.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        person = work.session.get_one(Participant, participant_id)
        at_site = work.session.connection(), person.study_id, person.site_id
        workers = find_workers(*at_site, context.grant_rules)
        row = work.session.get(Assignment, participant_id)
        stored = row.assignee_id if row else None
        if assignee is not None and person.exit_kind is not None:
            raise Refused("participation_ended")
        if assignee is not None and assignee not in workers:
            raise Refused("unknown_assignee", field="assignee")
        if (stored if stored in workers else None) not in (shown, assignee):
            raise Refused("assigned_meanwhile")
        if stored == assignee:
            return
        if row is None:
            row = Assignment(participant_id=participant_id, recorded_at=context.at, recorded_by="")
            work.session.add(row)
        row.assignee_id, row.recorded_at, row.recorded_by = assignee, context.at, context.actor.id
        work.record(AuditEvent.WORK_UNASSIGNED if assignee is None else AuditEvent.WORK_ASSIGNED, chain)


def assign_participants(
    context: StaffContext, chosen: Mapping[str, int | None], assignee: int | None
) -> BulkResult:
    """Assign each of these participants (public id, with the assignment that the page showed).

    Raises Refused as `act_on_each`.
    """

    def assign(own: StaffContext, participant_id: int, shown: int | None) -> None:
        assign_participant(own, participant_id, assignee, shown)

    return act_on_each(context, Permission.CONTACT_LOG, chosen, lambda shown: f"{shown} {assignee}", assign)
