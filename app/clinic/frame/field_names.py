"""Refusals that name a field of a form by its label, as the page of that form shows it."""

from collections.abc import Mapping

from app.clinic.frame.refusal_words import HIDDEN, LABELS
from app.clinic.request import StaffRequest
from app.domain.refusal import Refused

_PARTS = ("_year", "_month", "_day")


def find_field(refused: Refused, labels: Mapping[str, str]) -> str:
    """The name of the form's field that a refusal is about; "main", the page itself, for none of them.

    A box of a day is a part of the day's field; a label of `hours` is that of `hours_mon` too.
    """
    named = str(refused.details.get("field", ""))
    if named not in labels and named.endswith(_PARTS):
        named = named[: named.rfind("_")]
    return named if named in labels or named.partition("_")[0] in labels else "main"


def words_by_label(desk: StaffRequest, refused: Refused, labels: Mapping[str, str]) -> str:
    """The refusal in words; `labels` are the labels of the form's fields by their names."""
    if "field" not in refused.details:
        return desk.words(refused)
    named = find_field(refused, labels)
    label = labels.get(named) or labels.get(named.partition("_")[0])
    label = label or LABELS.get(str(refused.details["field"]), HIDDEN)
    return desk.words(Refused(refused.code, **{**refused.details, "field": desk.word(label)}))
