"""What a report is about: one study, the sites that the reader reaches, and what they chose to see."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.engine import Connection

from app.domain.desk.arm_blinding import sees_arm
from app.domain.plans.plan import RANDOMISATION, Plan
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.domain.report.completeness import RateRules
from app.domain.report.spreads import diary_weeks
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.storage.queries.report.form_figures import FormSelection
from app.storage.queries.report.people_figures import PeopleSelection


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """What the reader chose: a study ("" for their first), a site, a visit, target days, and rate rules."""

    study: str = ""
    site: str = ""
    visit: str = ""
    first: date | None = None
    last: date | None = None
    rules: RateRules = field(default_factory=RateRules)


@dataclass(frozen=True, slots=True)
class ReportScope:
    """A study as this reader may report on it. `chosen` are the sites that are counted, None for all.

    `plans` are the versions that the study has followed, the present one first: it has forms of each.
    `by_arm`: at each of these sites they may see the arm, so that figures are told by it. `shows_arm`: what
    would reveal it is counted with the rest, as in every plan that is not blinded.
    """

    study_id: int
    study: str
    plans: tuple[Plan, ...]
    studies: tuple[str, ...]
    sites: tuple[StaffSite, ...]
    chosen: tuple[int, ...] | None
    by_arm: bool
    shows_arm: bool
    filter: ReportFilter

    @property
    def plan(self) -> Plan:
        """The version of the plan that the study follows now."""
        return self.plans[0]

    @property
    def diary_weeks(self) -> Mapping[str, int]:
        """The study week of each diary entry by its code."""
        return diary_weeks(*(plan.diary for plan in self.plans))

    @property
    def randomises(self) -> bool:
        """Whether the population is only those who are randomised."""
        return RANDOMISATION in self.plan.anchor_kinds

    def select_forms(
        self,
        context: StaffContext,
        *,
        site_id: int | None = None,
        arm: str = "",
        visits: Collection[str] = (),
    ) -> FormSelection:
        """The forms of this report; where that is asked, of one site, one arm or these visits."""
        visit = self.filter.visit
        return FormSelection(
            study_id=self.study_id,
            at=context.at,
            sites=self.chosen if site_id is None else (site_id,),
            visits=tuple(visits) or ((visit,) if visit else None),
            arm=arm,
            first=self.filter.first,
            last=self.filter.last,
            randomises=self.randomises,
            shows_arm=self.shows_arm,
            by_arm=self.by_arm,
            diary=self.plan.diary.series if self.plan.diary else "",
        )

    def select_people(self, context: StaffContext) -> PeopleSelection:
        """The participants of this report; the days are those of enrolment."""
        return PeopleSelection(
            study_id=self.study_id,
            at=context.at,
            sign_in_days=self.plan.worklist.unused_days,
            sites=self.chosen,
            first=self.filter.first,
            last=self.filter.last,
        )


def list_visits(*plans: Plan) -> tuple[str, ...]:
    """The visits by which a report is filtered: those that a version of the plan expects."""
    rules = [rule for plan in plans for rule in plan.visits if not rule.on_request]
    return tuple(dict.fromkeys(rule.code_of(offset) for rule in rules for offset in rule.offsets or (0,)))


def open_scope(
    connection: Connection,
    context: StaffContext,
    chosen: ReportFilter,
    permission: Permission = Permission.REPORT_SEE,
) -> ReportScope:
    """What this reader may report on. Raises Refused: "unknown_study", "not_own_site", "days_reversed",
    "unknown_visit".
    """
    reached = list_staff_sites(connection, context.actor, permission)
    studies = tuple(dict.fromkeys(site.study for site in reached))
    if not studies or (chosen.study and chosen.study not in studies):
        raise Refused("unknown_study", study=chosen.study)
    code = chosen.study or studies[0]
    sites = tuple(site for site in reached if site.study == code)
    counted = tuple(site for site in sites if chosen.site in ("", site.code))
    if not counted:
        raise Refused("not_own_site", field="site", allowed=tuple(site.code for site in sites))
    if chosen.first and chosen.last and chosen.last < chosen.first:
        raise Refused("days_reversed", field="to")
    study_id = sites[0].study_id
    plans = sites[0].list_plans(context.installation.library)
    if chosen.visit and chosen.visit not in list_visits(*plans):
        raise Refused("unknown_visit", field="visit", allowed=list_visits(*plans))
    keys = tuple(site.site_id for site in counted)
    everywhere = not chosen.site and (study_id, None) in context.actor.list_reach(permission)
    return ReportScope(
        study_id=study_id,
        study=code,
        plans=plans,
        studies=studies,
        sites=sites,
        chosen=None if everywhere else keys,
        by_arm=all(context.actor.may(Permission.ARM_SEE, study_id, key) for key in keys),
        shows_arm=sees_arm(context.actor, plans[0], study_id, *keys),
        filter=chosen,
    )
