"""What hides the arm from one reader in what is told of a participant."""

from sqlmodel import Session

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.trail import ArmMask, build_arm_mask
from app.services.core.context import StaffContext
from app.services.core.plans import list_plans
from app.storage.tables.participants import Participant


def find_arm_mask(context: StaffContext, session: Session, participant: Participant) -> ArmMask | None:
    """The mask over every version of the plan; None for who may see the arm, and where none is blinded."""
    plans = list_plans(context.installation, session, participant.study_id)
    study, site = participant.study_id, participant.site_id
    if all(sees_arm(context.actor, plan, study, site) for plan in plans):
        return None
    return build_arm_mask(*plans)


def find_reader_mask(context: StaffContext, study_id: int, study: str, site_id: int | None) -> ArmMask | None:
    """The mask for what is told at this site, or at any site of theirs; None, unread, in an open study."""
    ever = [plan for (code, _version), plan in context.installation.library.plans.items() if code == study]
    if not any(plan.blinded for plan in ever):
        return None
    grants = [grant for grant in context.actor.grants if grant.study_id == study_id]
    sites = {grant.site_id for grant in grants} if site_id is None else {site_id}
    with context.read() as session:
        plans = list_plans(context.installation, session, study_id)
    if all(sees_arm(context.actor, plan, study_id, *sites) for plan in plans):
        return None
    return build_arm_mask(*plans)
