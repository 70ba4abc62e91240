"""The plan of a study as one member of staff may read it, in each of its versions."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.desk.arm_blinding import sees_arm
from app.domain.plans.outline.hidden_arms import hide_arms
from app.domain.plans.plan import Plan
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.services.clinic.staff_sites import list_staff_sites
from app.services.core.context import StaffContext
from app.services.people.managed_people import get_permitted_study


@dataclass(frozen=True, slots=True)
class ReadablePlans:
    """The versions of a study's plan by number, the newest last; `current` is that of new participants.

    `hides_arms`: what only one arm has is left out. `zones` are those of the plan and of the reader's sites.
    """

    study: str
    versions: Mapping[str, Plan]
    current: str
    hides_arms: bool
    zones: tuple[str, ...]

    def get_version(self, number: str) -> Plan:
        """The plan of this number, "" for the current one. Raises Refused("unknown_plan")."""
        try:
            return self.versions[number or self.current]
        except KeyError:
            raise Refused(
                "unknown_plan", plan=f"{self.study}@{number}", allowed=tuple(self.versions)
            ) from None


def read_plans(context: StaffContext, study: str) -> ReadablePlans:
    """Every version of this study's plan that the installation has. Raises Refused("unknown_study").

    Where the plan is blinded, whoever may not see the arm at each of their sites reads it without the arms.
    """
    with context.read() as session:
        row = get_permitted_study(session, context.actor, study, Permission.PLAN_SEE)
        sites = list_staff_sites(session.connection(), context.actor, Permission.PLAN_SEE)
        study_id, current = row.id, row.plan_version
    plans = sorted(
        (plan for (name, _version), plan in context.installation.library.plans.items() if name == study),
        key=lambda plan: [int(part) for part in plan.version.split(".")],
    )
    reached = [
        site
        for reached_study, site in context.actor.list_reach(Permission.PLAN_SEE)
        if reached_study == study_id
    ]
    hides = not all(sees_arm(context.actor, plan, study_id, *reached) for plan in plans)
    zones = (*(plan.zone for plan in plans), *(site.zone for site in sites if site.study_id == study_id))
    versions = {plan.version: hide_arms(plan) if hides else plan for plan in plans}
    return ReadablePlans(study, versions, current, hides, tuple(dict.fromkeys(zones)))
