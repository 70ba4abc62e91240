"""Refusals that name a field of a form by its label, as the page of that form shows it."""

from collections.abc import Mapping

from app.clinic.frame.refusal_words import HIDDEN
from app.clinic.request import StaffRequest
from app.domain.refusal import Refused
from app.web.pages.rendering import Pages


def find_field(refused: Refused, labels: Mapping[str, str]) -> str:
    """The name of the form's field that a refusal is about; "main", the page itself, for none of them."""
    named = str(refused.details.get("field", ""))
    return named if named in labels else "main"


def words_by_label(desk: StaffRequest, refused: Refused, labels: Mapping[str, str]) -> str:
    """The refusal in words; `labels` are the labels of the form's fields by their names."""
    if "field" not in refused.details:
        return desk.words(refused)
    pages: Pages = desk.request.app.state.pages
    label = pages.word(labels.get(str(refused.details["field"]), HIDDEN), desk.frame)
    return desk.words(Refused(refused.code, **{**refused.details, "field": label}))
