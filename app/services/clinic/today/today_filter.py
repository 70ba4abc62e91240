"""Which part of the work list is shown, and how that is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from app.domain.records.access import Permission
from app.domain.today.assignment import Assigned
from app.domain.today.reasons import Reason, TodayCursor
from app.services.clinic.staff_sites import StaffSite
from app.services.core.context import StaffContext


@dataclass(frozen=True, slots=True)
class TodayFilter:
    """Which part of the list is shown; what is unknown asks for nothing special. `resting`: snoozed rows."""

    site: str = ""
    reason: Reason | None = None
    language: str = ""
    visit: str = ""
    search: str = ""
    resting: bool = False
    after: TodayCursor | None = None
    assigned: Assigned | None = None


def format_view(criteria: TodayFilter) -> str:
    """The filters as they are remembered: what is looked for once, or rests, is not where a day begins."""
    parts = {name: getattr(criteria, name) for name in ("site", "reason", "language", "visit", "assigned")}
    return urlencode({name: value for name, value in parts.items() if value})


def parse_view(text: str) -> TodayFilter:
    """The filters that were remembered; a reason of an older version is none."""
    parts = dict(parse_qsl(text))
    reason, assigned = parts.get("reason"), parts.get("assigned")
    return TodayFilter(
        site=parts.get("site", ""),
        reason=Reason(reason) if reason in tuple(Reason) else None,
        language=parts.get("language", ""),
        visit=parts.get("visit", ""),
        assigned=Assigned(assigned) if assigned in tuple(Assigned) else None,
    )


def works_at(context: StaffContext, site: StaffSite) -> bool:
    """Whether this colleague works the list at a site."""
    return context.actor.may(Permission.CONTACT_LOG, site.study_id, site.site_id)


def keep_own_sites(context: StaffContext, criteria: TodayFilter, sites: Sequence[StaffSite]) -> TodayFilter:
    """The filters without a site that is no longer one of these: it would empty every day's list.

    Neither with the reader's own participants where they work the list nowhere any more.
    """
    if criteria.site not in [site.code for site in sites]:
        criteria = replace(criteria, site="")
    works = any(works_at(context, site) for site in sites)
    return criteria if works else replace(criteria, assigned=None)
