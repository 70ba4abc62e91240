"""Why one participant stands on the work list, for pages and acts about them alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection
from sqlmodel import Session

from app.domain.desk.arm_blinding import sees_arm
from app.domain.plans.plan import Plan
from app.domain.today.reasons import WorkReason, find_reasons
from app.services.clinic.today.rows import (
    Colleague,
    TodaySnooze,
    find_assignee,
    find_snooze,
    participant_facts,
)
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of, list_plans
from app.services.core.throttling import find_throttled_participants
from app.storage.queries.participants import StoredParticipant
from app.storage.queries.today.people import read_work
from app.storage.queries.today.rows import TodaySearch
from app.storage.queries.today.workers import find_workers
from app.storage.tables.participants import Participant


@dataclass(frozen=True, slots=True)
class ParticipantWork:
    """Why one participant stands on the list, the most urgent first, and until when their row rests.

    `assignee` is whom they are assigned to, if anybody who works the list at their site.
    """

    reasons: tuple[WorkReason, ...]
    snooze: TodaySnooze | None
    assignee: Colleague | None = None


def get_participant_work(context: StaffContext, participant_id: int) -> ParticipantWork:
    """Where this one participant stands on the list; nowhere once they left."""
    with context.read() as session:
        return _find_work(context, session, session.get_one(Participant, participant_id))


def list_participant_reasons(context: StaffContext, participant_id: int) -> tuple[WorkReason, ...]:
    """Why this one participant stands on the list, the most urgent reason first; none once they left."""
    return get_participant_work(context, participant_id).reasons


def find_participant_reasons(
    context: StaffContext, session: Session, participant: Participant
) -> tuple[WorkReason, ...]:
    """Why this one participant stands on the list, read inside of a transaction."""
    return _find_work(context, session, participant).reasons


def _find_work(context: StaffContext, session: Session, participant: Participant) -> ParticipantWork:
    plan = get_plan_of(context.installation, session, participant)
    hides_arm = not sees_arm(context.actor, plan, participant.study_id, participant.site_id)
    plans = (plan, *list_plans(context.installation, session, participant.study_id))
    connection = session.connection()
    locked = participant.id in find_throttled_participants(connection, context.at)
    return read_participant_work(context, connection, participant, plans, hides_arm, locked)


def read_participant_work(
    context: StaffContext,
    connection: Connection,
    participant: StoredParticipant,
    plans: Sequence[Plan],
    hides_arm: bool,
    locked: bool,
) -> ParticipantWork:
    """Where one participant stands on the list, in one query, and who has them if assigned in another.

    `hides_arm`: no forms that tell the arm.
    `locked`: their second check is refused for now. The first of the plans is the version that they follow,
    behind it stand those of which forms exist.
    """
    if participant.exit_kind is not None:
        return ParticipantWork((), None)
    key = participant.id
    search = TodaySearch(
        study_id=participant.study_id,
        plan=plans[0],
        earlier=tuple(plans[1:]),
        sites=(participant.site_id,),
        at=context.at,
        hides_arm=hides_arm,
    )
    (person,), forms = read_work(connection, search, [key])[key]
    facts = participant_facts(person, forms, locked)
    reasons = find_reasons(facts, plans[0].worklist, context.at)
    workers: Mapping[int, str] = {}
    if person.assignee_id is not None:
        workers = find_workers(connection, participant.study_id, participant.site_id, context.grant_rules)
    return ParticipantWork(reasons, find_snooze(person), find_assignee(person, workers))
