"""A site that states when its telephone is answered."""

from dataclasses import replace

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.people.site_desk import digest_details, get_site_details, update_site
from tests.scenarios.people import START, Person


def keep_hours(person: Person, emergency: str, **week: str) -> None:
    """Let the site state its hours by weekday, and its emergency number."""
    context = StaffContext(person.installation, SYSTEM, START)
    stored = get_site_details(context, person.site.id).details
    changed = replace(stored, emergency_phone=emergency, week_hours=week)
    update_site(context, person.site.id, changed, digest_details(stored), "hours of the ward")
