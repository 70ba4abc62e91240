"""The second study, of another shape: one group, nobody randomised, weekly questions, paper entered twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from app.demo.acts import DemoStage
from app.demo.sites import BOTH_STUDIES, HOME_PLAN, HOME_SITE, HOME_STUDY, STAFF
from app.demo.story import DatedFact, DemoPaper, FormStory, Story
from app.domain.records.access import SYSTEM, Actor, Grant, Role
from app.domain.records.studies import StudyMode
from app.services.setup.studies import grant_role, load_study, open_site
from app.storage.queries.staff import get_staff_by_address

HOME_OPENED = 45
"""How many days ago the study was opened."""

HOME_PEOPLE = (
    Story(
        "SH-001",
        "zh_CN",
        "second study: five weeks at home, all forms in time",
        39,
        stated=(DatedFact("discharge", 36),),
        hospital=HOME_SITE.code,
    ),
    Story(
        "SH-002",
        "en",
        "second study: H2 is due today",
        16,
        stated=(DatedFact("discharge", 14),),
        forms={"H2": FormStory.NOT},
        hospital=HOME_SITE.code,
    ),
    Story(
        "SH-003",
        "zh_CN",
        "second study: H3 is overdue",
        26,
        stated=(DatedFact("discharge", 24),),
        forms={"H3": FormStory.NOT},
        hospital=HOME_SITE.code,
    ),
    Story(
        "SH-004",
        "en",
        "second study: H3 came by phone and on paper, which waits for its second entry",
        25,
        stated=(DatedFact("discharge", 22),),
        paper=DemoPaper("H3", 2, 2),
        hospital=HOME_SITE.code,
    ),
)


def open_home_study(stage: DemoStage, at: datetime) -> None:
    """Load the plan, open the study at its one hospital, and let those who work in both studies in."""
    system = stage.staff_context(SYSTEM, at)
    study_id = load_study(system, HOME_STUDY, HOME_PLAN, StudyMode.DEMO).id
    site = open_site(system, HOME_STUDY, HOME_SITE)
    for colleague in STAFF:
        if colleague.email in BOTH_STUDIES:
            with stage.read() as session:
                staff_id = get_staff_by_address(session, colleague.email).id
            grant_role(system, staff_id, colleague.role, HOME_STUDY, colleague.site)
    stage.others[HOME_STUDY] = replace(
        stage,
        study_id=study_id,
        plan=stage.installation.library.get_plan(HOME_STUDY, HOME_PLAN),
        sites={site.code: site},
        nurses={site.code: _working(stage.nurses[site.code], Role.NURSE, study_id, site.id)},
        investigators={
            site.code: _working(stage.investigators[site.code], Role.INVESTIGATOR, study_id, site.id)
        },
    )


def _working(actor: Actor, role: Role, study_id: int, site_id: int | None) -> Actor:
    """This person with their role in this study."""
    return replace(actor, grants=(Grant(role, study_id, site_id),))


def act_at_home(stage: DemoStage, at: datetime, do: Callable[[DemoStage, datetime], object]) -> None:
    """Do what somebody does in this study rather than in the first, in the same transaction."""
    do(replace(stage.others[HOME_STUDY], opened=stage.opened), at)
