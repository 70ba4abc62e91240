"""Birth dates where a plan asks for one as second check: turned into a digest, then forgotten (PRI-02)."""

from datetime import date

from app.domain.people.names import require_reason
from app.domain.plans.plan import Plan, SecondCheck
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import trim_words
from app.services.accounts.second_check import birth_date_fingerprint
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan, get_plan_of
from app.services.core.throttling import forget_invitation_failures
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant

_OLDEST = 120
"""Years; nobody in a trial was born longer ago."""


def check_birth_date(born_on: date | None, today: date) -> None:
    """Refuse a missing birth date, and an impossible one: "birth_date_needed", "bad_birth_date"."""
    if born_on is None:
        raise Refused("birth_date_needed", field="born_on")
    if not today.year - _OLDEST <= born_on.year or born_on > today:
        raise Refused("bad_birth_date", field="born_on")


def birth_date_hash(
    installation: Installation, plan: Plan, public_id: str, born_on: date | None
) -> str | None:
    """The digest to store; None in a study without birth date check."""
    if plan.second_check is not SecondCheck.birth_date or born_on is None:
        return None
    return birth_date_fingerprint(installation.secret_box, public_id, born_on)


def asks_birth_date(context: StaffContext, study_id: int) -> bool:
    """Whether a study confirms people by their birth date."""
    with context.read() as session:
        return get_plan(context.installation, session, study_id).second_check is SecondCheck.birth_date


def record_birth_date(
    context: StaffContext,
    participant_id: int,
    born_on: date | None,
    reason: str,
) -> None:
    """Record or correct a participant's birth date, which was mistyped or came with no enrolment.

    Raises Refused: "birth_date_not_asked", "birth_date_needed", "bad_birth_date", "reason_needed".
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        plan = get_plan_of(context.installation, work.session, participant)
        if plan.second_check is not SecondCheck.birth_date:
            raise Refused("birth_date_not_asked")
        today = local_day(context.at, participant.zone)
        check_all(lambda: check_birth_date(born_on, today), lambda: require_reason(reason))
        participant.birth_hash = birth_date_hash(context.installation, plan, participant.public_id, born_on)
        forget_invitation_failures(work.session, participant_id)
        work.record(AuditEvent.BIRTH_DATE_RECORDED, chain, reason=trim_words(reason))
