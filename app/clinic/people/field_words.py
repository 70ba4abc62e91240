"""Refusals of what is typed into forms about people and sites, which name a field as its label does."""

from collections.abc import Mapping

from app.clinic.request import StaffRequest
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.web.pages.rendering import Pages

FIELD_WORDS: Mapping[str, str] = {
    "code": N_("Code"),
    "email": N_("E-mail"),
    "emergency_phone": N_("Emergency number (optional)"),
    "ends_on": N_("Last day (optional)"),
    "hours": N_("Hours"),
    "language": N_("Language of the e-mail and the pages"),
    "name": N_("Name"),
    "notes": N_("What you checked and what follows"),
    "phone": N_("Telephone"),
    "purpose": N_("What to reset"),
    "reason": N_("Why"),
    "role": N_("Role"),
    "site": N_("Site"),
    "zone": N_("Time zone"),
}
"""The label of each field by its name in the form; of `hours_mon` and `role_nurse` that of all their kind."""


def explain(desk: StaffRequest, refused: Refused) -> str:
    """A refusal in the words of the page's language, the field's name too."""
    field = str(refused.details.get("field", ""))
    label = FIELD_WORDS.get(field) or FIELD_WORDS.get(field.partition("_")[0])
    if label is None:
        return desk.words(refused)
    pages: Pages = desk.request.app.state.pages
    return desk.words(Refused(refused.code, **{**refused.details, "field": pages.word(label, desk.frame)}))
