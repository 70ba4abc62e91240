"""What hides the arm from one reader in what is told of a participant."""

from sqlmodel import Session

from app.domain.desk.trail import ArmMask, build_arm_mask
from app.domain.records.access import Permission
from app.services.core.context import StaffContext
from app.services.core.plans import list_plans
from app.storage.tables.participants import Participant


def find_arm_mask(context: StaffContext, session: Session, participant: Participant) -> ArmMask | None:
    """The mask over every version of the plan; None for who may see the arm, and where none is blinded."""
    if context.actor.may(Permission.ARM_SEE, participant.study_id, participant.site_id):
        return None
    mask = build_arm_mask(*list_plans(context.installation, session, participant.study_id))
    return mask if mask.whole else None
