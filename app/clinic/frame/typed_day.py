"""A day as people type it at the desk: three boxes, or one text as addresses and hidden fields carry it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any

from fastapi import Form, Query

from app.domain.refusal import Refused
from app.domain.typed_text import EARLIEST_DAY, LATEST_DAY, drop_unwritable, narrow_text
from app.web.form_fields import VerbatimAct

_WHOLE = re.compile("([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class TypedDay:
    """What stands in the boxes of a day (`app/templates/ui/day_boxes.html`), exactly as it was typed."""

    year: str = ""
    month: str = ""
    day: str = ""

    @classmethod
    def from_date(cls, on: date) -> "TypedDay":
        return split_day(on.isoformat())

    def __bool__(self) -> bool:
        return any(map(narrow_text, (self.year, self.month, self.day)))

    @property
    def text(self) -> str:
        """The boxes in one text, `2026-03-02`, without those at the end that are empty."""
        year, month, day = map(narrow_text, (self.year, self.month, self.day))
        padded = [year, *(part.zfill(2) if part else "" for part in (month, day))]
        return "-".join(padded).rstrip("-")

    @property
    def on(self) -> date | None:
        """The day that is meant; None where it is none, or none of a trial."""
        try:
            return self.parse("")
        except Refused:
            return None

    def parse(self, field: str) -> date:
        """The day. Raises Refused: "bad_day", "impossible_day", both naming the field."""
        try:
            day = date.fromisoformat(self.text if _WHOLE.fullmatch(self.text) else "")
        except ValueError as bad:
            raise Refused("bad_day", field=field) from bad
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise Refused("impossible_day", field=field, earliest=EARLIEST_DAY, latest=LATEST_DAY)
        return day

    def parse_optional(self, field: str) -> date | None:
        """The day, None where nothing is typed. Raises as `parse`."""
        return self.parse(field) if self else None

    def name_boxes(self, name: str) -> Mapping[str, str]:
        """The boxes by the names that they have in a form."""
        return {f"{name}_year": self.year, f"{name}_month": self.month, f"{name}_day": self.day}


NOTHING_TYPED = TypedDay()


def split_day(text: str) -> TypedDay:
    """A day that came as one text; what is none stands in the first box, so that it is shown again."""
    whole = _WHOLE.fullmatch(narrow_text(text))
    return TypedDay(whole[1], whole[2] or "", whole[3] or "") if whole else TypedDay(drop_unwritable(text))


def read_typed_day(fields: Mapping[str, str], name: str) -> TypedDay:
    """The day of this name among the fields of a form: its three boxes, or one text where they are empty."""
    names = (f"{name}_{part}" for part in ("year", "month", "day"))
    boxes = TypedDay(*(drop_unwritable(fields.get(name, "")) for name in names))
    return boxes or split_day(fields.get(name, ""))


def day_of_form(name: str) -> Callable[..., TypedDay]:
    """A dependency: the day of this name in the form that is posted."""
    return _day_dependency(name, partial(Form, max_length=400), VerbatimAct)


def day_of_address(name: str) -> Callable[..., TypedDay]:
    """A dependency: the day of this name in an address: one text in a link, three boxes of a form."""
    return _day_dependency(name, partial(Query, max_length=40), None)


def _day_dependency(name: str, field: Callable[..., Any], mark: object) -> Callable[..., TypedDay]:
    """Read three boxes, or one text where they are empty, each as a `field` of the request with this mark."""

    def read_day(
        year: Annotated[str, field(alias=f"{name}_year"), mark] = "",
        month: Annotated[str, field(alias=f"{name}_month"), mark] = "",
        day: Annotated[str, field(alias=f"{name}_day"), mark] = "",
        whole: Annotated[str, field(alias=name), mark] = "",
    ) -> TypedDay:
        return TypedDay(year, month, day) or split_day(whole)

    return read_day
