"""What the pages of a study plan share: the version that is shown, the way to each page, and names."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.clinic.frame.addresses import build_address
from app.clinic.request import StaffRequest
from app.domain.plans.plan import Plan
from app.i18n.marking import N_
from app.services.clinic.study.plan_reading import ReadablePlans
from app.web.urls import PLAN_VERSIONS, SIMULATION, STUDY_PLAN

_PAGES = (
    (STUDY_PLAN, N_("Plan")),
    (PLAN_VERSIONS, N_("Differences between versions")),
    (SIMULATION, N_("Simulator")),
)


@dataclass(frozen=True, slots=True)
class PlanTab:
    """One of the pages about a plan, to be chosen."""

    url: str
    label: str
    current: bool


def list_tabs(request: StaffRequest, version: str) -> tuple[PlanTab, ...]:
    """The pages about the study's plan; the version goes along where one was chosen."""
    path = request.http.url.path
    return tuple(
        PlanTab(
            request.frame.within(build_address(address, {"version": version})),
            request.translate(label),
            path == address,
        )
        for address, label in _PAGES
    )


def version_choices(plans: ReadablePlans, request: StaffRequest) -> tuple[tuple[str, str], ...]:
    """The versions of a plan, with what is to be known of each."""
    return tuple(
        (number, " · ".join((number, *_marks(plans, plan, request))))
        for number, plan in plans.versions.items()
    )


def _marks(plans: ReadablePlans, plan: Plan, request: StaffRequest) -> tuple[str, ...]:
    marks = {N_("for new participants"): plan.version == plans.current, N_("draft"): plan.draft}
    return tuple(request.translate(mark) for mark, holds in marks.items() if holds)


def name_forms(request: StaffRequest, plans: ReadablePlans, plan: Plan) -> Mapping[str, str]:
    """What staff call each questionnaire of a plan."""
    library, language = request.installation.library, request.frame.code
    return {
        used.id: plan.form_name(used.id, language)
        or request.installation.name_instrument(
            plans.study, library.get_instrument(used.id, used.version), language
        )
        for used in plan.instruments
    }
