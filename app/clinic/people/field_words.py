"""The labels of fields of forms about people and sites, by which refusals name them."""

from collections.abc import Mapping

from app.i18n.marking import N_

FIELD_WORDS: Mapping[str, str] = {
    "code": N_("Code"),
    "email": N_("E-mail"),
    "emergency_phone": N_("Emergency number (optional)"),
    "ends_on": N_("Last day (optional)"),
    "hours": N_("Hours in a few words"),
    "hours_mon": N_("Monday"),
    "hours_tue": N_("Tuesday"),
    "hours_wed": N_("Wednesday"),
    "hours_thu": N_("Thursday"),
    "hours_fri": N_("Friday"),
    "hours_sat": N_("Saturday"),
    "hours_sun": N_("Sunday"),
    "language": N_("Language of the e-mail and the pages"),
    "name": N_("Name"),
    "on": N_("Who had access on"),
    "notes": N_("What you checked and what follows"),
    "phone": N_("Telephone"),
    "purpose": N_("What to reset"),
    "reason": N_("Why"),
    "role": N_("Role"),
    "site": N_("Site"),
    "zone": N_("Time zone"),
}
"""The label of each field by its name in the form; of `role_nurse` that of all its kind."""
