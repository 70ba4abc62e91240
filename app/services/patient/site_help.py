"""When a participant's site answers its telephone, and the number for outside of these hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.people.week_hours import DaySpan, group_days, next_answered_day
from app.domain.plans.windows import load_zone
from app.services.core.context import ParticipantContext
from app.services.patient.urgent_call import find_emergency_phone
from app.storage.tables.studies import Site


@dataclass(frozen=True, slots=True)
class SiteHelp:
    """How a participant reaches their site: hours in words, hours by day, and the emergency number.

    `next_on` is the day on which the telephone is answered next; None for today, or where no day is stated.
    """

    hours: str = ""
    days: Sequence[DaySpan] = ()
    emergency_phone: str = ""
    next_on: date | None = None


NO_SITE = SiteHelp()
"""For somebody whose site is not known."""


def get_site_help(context: ParticipantContext) -> SiteHelp:
    """How the participant's own site is reached, as it is stored now."""
    with context.read() as session:
        site = session.get_one(Site, context.participant.site.id)
    week, there = site.week_hours or {}, context.at.astimezone(load_zone(site.zone))
    next_on = next_answered_day(week, there)
    return SiteHelp(
        site.hours,
        group_days(week),
        find_emergency_phone(context, site),
        None if next_on == there.date() else next_on,
    )
