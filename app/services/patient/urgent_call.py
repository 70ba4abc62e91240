"""Whom a participant is to call at once: because of an answer they gave today, or who feels unwell."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.people.week_hours import is_answered
from app.domain.plans.windows import load_zone, local_day
from app.services.core.context import ParticipantContext
from app.services.setup.site_words import urgent_words
from app.storage.plain_rows import SiteRecord
from app.storage.tables.studies import Site


@dataclass(frozen=True, slots=True)
class UrgentCall:
    """The number to call now, and the other one, "" where there is none.

    `is_site`: it is the site's own. `words` are the site's own beside its number, "" for ours.
    """

    phone: str
    other_phone: str
    is_site: bool
    words: str


NUMBER_ON_SHEET = UrgentCall("", "", is_site=True, words="")
"""Where no site is known."""


def get_urgent_call(context: ParticipantContext) -> UrgentCall:
    """The site's number first; outside of its hours the emergency number of site or plan.

    A site that does not state its hours by weekday is called first at any time.
    """
    participant, site = context.participant, context.participant.site
    emergency = find_emergency_phone(context, site)
    week = site.week_hours or {}
    if emergency and week and not is_answered(week, context.at.astimezone(load_zone(site.zone))):
        return UrgentCall(emergency, site.phone, is_site=False, words="")
    return UrgentCall(site.phone, emergency, is_site=True, words=urgent_words(site, participant.language))


def find_emergency_phone(context: ParticipantContext, site: Site | SiteRecord) -> str:
    """The emergency number of the site, or of the plan; "" where neither names one."""
    participant = context.participant
    plan = context.installation.library.get_plan(participant.study, participant.plan_version)
    return site.emergency_phone or plan.emergency_phone


def is_today(context: ParticipantContext, moment: datetime) -> bool:
    """Whether a moment is of the day that it is where the participant lives."""
    zone = context.participant.zone
    return local_day(moment, zone) == local_day(context.at, zone)
