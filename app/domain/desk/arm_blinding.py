"""Who may learn the arm, or see what would tell it."""

from app.domain.plans.plan import Plan
from app.domain.records.access import Actor, Permission


def sees_arm(actor: Actor, plan: Plan, study_id: int, *site_ids: int | None) -> bool:
    """Whether this reader may see what reveals the arm at each of these sites, None being the whole study.

    Everybody may where the plan is not blinded; elsewhere those with the permission.
    """
    return not plan.blinded or all(actor.may(Permission.ARM_SEE, study_id, site_id) for site_id in site_ids)
