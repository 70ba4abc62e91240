"""Validation errors of a form of the desk: each refused field with its words and its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.clinic.frame.refusal_words import HIDDEN, LABELS
from app.clinic.request import StaffRequest
from app.domain.refusal import Refused
from app.web.acts import STALE

_PARTS = ("_year", "_month", "_day")
PAGE = "main"
"""Stands for the page itself, where a refusal is about no field of the form."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that is wrong: its name in the form, its id on the page, and why in words."""

    field: str
    target: str
    words: str
    listed: bool = True  # not the second question of which the summary would say the same


@dataclass(frozen=True, slots=True)
class FormFaults:
    """The faults of one form, by field; `form` tells it from others of the page. False: nothing is wrong."""

    faults: tuple[FieldFault, ...] = ()
    form: str = ""

    def __bool__(self) -> bool:
        return bool(self.faults)

    def __getitem__(self, field: str) -> str:
        """What is wrong with this field, in words; "" for nothing."""
        return next((fault.words for fault in self.faults if fault.field == field), "")

    def within(self, form: str) -> "FormFaults":
        """These faults if they are those of this form; none for any other."""
        return self if form == self.form else NO_FAULTS

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Where each fault is and what it is, as the summary of the page lists them."""
        return tuple((fault.target, fault.words) for fault in self.faults if fault.listed)

    @property
    def orphaned(self) -> tuple[tuple[str, str], ...]:
        """The faults to list where the form stands on the page no more."""
        return tuple((PAGE, words) for _target, words in self.lines)


NO_FAULTS = FormFaults()


def list_faults(
    request: StaffRequest,
    refused: Refused,
    labels: Mapping[str, str],
    *,
    form: str = "",
    prefix: str = "",
    find: Callable[[Refused], str] | None = None,
    tell: Callable[[Refused], str] | None = None,
) -> FormFaults:
    """Every fault of a refused form, one a field; `labels` are those of its fields by their names.

    `prefix` begins the ids of the form on its page. `find` names the field of a refusal and `tell` words it
    where its own details do not.
    """
    find = find or (lambda fault: find_field(fault, labels))
    tell = tell or (lambda fault: words_by_label(request, fault, labels))
    return collect_faults(refused, find, tell, form=form, prefix=prefix)


def collect_faults(
    refused: Refused,
    find: Callable[[Refused], str],
    tell: Callable[[Refused], str],
    *,
    form: str = "",
    prefix: str = "",
) -> FormFaults:
    """The faults of a form that somebody fills in who is not signed in."""
    faults: dict[tuple[str, str], FieldFault] = {}
    for fault in (refused, *refused.also):
        field = PAGE if fault.code in STALE else find(fault)
        words = tell(fault)
        target = PAGE if field == PAGE else f"{prefix}{field}"
        listed = "items" not in fault.details or all(words != fault.words for fault in faults.values())
        faults.setdefault((field, words if field == PAGE else ""), FieldFault(field, target, words, listed))
    return FormFaults(tuple(faults.values()), form)


def find_field(refused: Refused, labels: Mapping[str, str]) -> str:
    """The name of the form's field that a refusal is about; "main", the page itself, for none of them.

    A box of a day is a part of the day's field; a label of `role` is that of `role_nurse` too.
    """
    named = str(refused.details.get("field", ""))
    if named not in labels and named.endswith(_PARTS):
        named = named[: named.rfind("_")]
    return named if named in labels or named.partition("_")[0] in labels else PAGE


def words_by_label(request: StaffRequest, refused: Refused, labels: Mapping[str, str]) -> str:
    """The refusal in words; `labels` are the labels of the form's fields by their names."""
    if "field" not in refused.details:
        return request.translate_refusal(refused)
    named = find_field(refused, labels)
    label = labels.get(named) or labels.get(named.partition("_")[0])
    label = label or LABELS.get(str(refused.details["field"]), HIDDEN)
    return request.translate_refusal(
        Refused(refused.code, **{**refused.details, "field": request.translate(label)})
    )
