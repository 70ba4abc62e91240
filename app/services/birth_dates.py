"""Birth dates where a plan asks for one as second check: turned into a digest, then forgotten (PRI-02)."""

from datetime import date, datetime

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.plan import Plan, SecondCheck
from app.domain.refusal import Refused
from app.domain.window import local_day
from app.services.installation import Installation
from app.services.participants import seen_by
from app.services.scheduling import plan_of
from app.services.second_check import birth_fingerprint
from app.services.throttling import forget_failures, tries_of_participant
from app.storage.changes import chain_of_participant

_OLDEST = 120
"""Years; nobody in a trial was born longer ago."""


def check_birth_date(born_on: date | None, today: date) -> None:
    """Refuse none, and one that nobody alive can have: "birth_date_needed", "bad_birth_date"."""
    if born_on is None:
        raise Refused("birth_date_needed", field="born_on")
    if not today.year - _OLDEST <= born_on.year or born_on > today:
        raise Refused("bad_birth_date", field="born_on")


def birth_hash_of(installation: Installation, plan: Plan, public_id: str, born_on: date | None) -> str | None:
    """What is kept; nothing in a study that asks for no birth date."""
    if plan.second_check is not SecondCheck.birth_date or born_on is None:
        return None
    return birth_fingerprint(installation.sealer, public_id, born_on)


def record_birth_date(
    installation: Installation,
    actor: Actor,
    public_id: str,
    born_on: date | None,
    reason: str,
    at: datetime,
) -> None:
    """Record or correct a participant's birth date, which was mistyped or came with no enrolment.

    Raises Refused: "unknown_participant", "birth_date_not_asked", "birth_date_needed",
    "bad_birth_date", "reason_needed".
    """
    with installation.work(actor, at) as work:
        participant = seen_by(work.session, actor, public_id, Permission.PARTICIPANT_ENROL)
        chain = chain_of_participant(participant.id or 0)
        work.lock(chain)
        plan = plan_of(installation, work.session, participant.study_id)
        if plan.second_check is not SecondCheck.birth_date:
            raise Refused("birth_date_not_asked")
        check_birth_date(born_on, local_day(at, participant.zone))
        if not reason.strip():
            raise Refused("reason_needed", field="reason")
        participant.birth_hash = birth_hash_of(installation, plan, public_id, born_on)
        forget_failures(work.session, tries_of_participant(participant.id or 0))
        work.record(Event.BIRTH_DATE_RECORDED, chain, reason=reason.strip())
