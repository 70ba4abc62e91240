"""When a participant's site answers its telephone, and the number for outside of these hours."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.people.week_hours import DaySpan, group_days
from app.services.core.context import ParticipantContext
from app.storage.tables.studies import Site


@dataclass(frozen=True, slots=True)
class SiteHelp:
    """How a participant reaches their site: hours in words, hours by day, and the emergency number."""

    hours: str = ""
    days: Sequence[DaySpan] = ()
    emergency_phone: str = ""


NO_SITE = SiteHelp()
"""For somebody whose site is not known."""


def get_site_help(context: ParticipantContext) -> SiteHelp:
    """How the participant's own site is reached, as it is stored now."""
    with context.read() as session:
        site = session.get_one(Site, context.participant.site.id)
        return SiteHelp(site.hours, group_days(site.week_hours or {}), site.emergency_phone or "")
