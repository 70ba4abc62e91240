"""The addresses of the trail: every choice stands in them, so that they can be kept as bookmarks."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends

from app.clinic.frame.addresses import build_address
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_address
from app.domain.desk.list_cursor import ListOrder
from app.domain.desk.trail import TrailKind
from app.domain.typed_text import narrow_text
from app.services.clinic.trail.scope import TrailFilter
from app.web.form_fields import ShortQuery
from app.web.urls import TRAIL


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """What an address of the trail asks for, as it was typed; an unknown kind or question is any."""

    participant: str = ""
    site: str = ""
    kind: str = ""
    by: str = ""
    first: TypedDay = NOTHING_TYPED
    last: TypedDay = NOTHING_TYPED
    visit: str = ""
    item: str = ""
    order: str = ""

    @property
    def oldest_first(self) -> bool:
        """Whether the entries stand by time; else the newest is the first."""
        return self.order == ListOrder.oldest

    def build_filter(self, study: str) -> TrailFilter:
        """The filter. Raises Refused: "bad_day", "impossible_day"."""
        instrument, _, item = narrow_text(self.item).partition("/")
        return TrailFilter(
            study=study,
            participant=narrow_text(self.participant),
            site=narrow_text(self.site),
            kind=TrailKind(self.kind) if self.kind in tuple(TrailKind) else None,
            by=narrow_text(self.by),
            first=self.first.parse("from") if self.first else None,
            last=self.last.parse("to") if self.last else None,
            visit=narrow_text(self.visit),
            item=(instrument, item) if item else ("", ""),
            oldest_first=self.oldest_first,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the trail."""
        return replace(self, order="") != TrailQuery()

    def build_url(self, path: str = TRAIL, start: int | None = None) -> str:
        """The address of these choices, from an entry on."""
        chosen = {
            "participant": self.participant, "site": self.site, "kind": self.kind, "by": self.by,
            "from": self.first.text, "to": self.last.text, "visit": self.visit, "item": self.item,
            "order": ListOrder.oldest.value if self.oldest_first else "",
            "after" if self.oldest_first else "before": "" if start is None else str(start),
        }  # fmt: skip
        return build_address(path, chosen)

    def narrow_to_item(self, participant: str, visit: str, item: str) -> "TrailQuery":
        """These choices, about one question of one form alone."""
        return replace(self, participant=participant, visit=visit, item=item)


Days = tuple[TypedDay, TypedDay]


def read_days(
    first: Annotated[TypedDay, Depends(day_of_address("from"))],
    last: Annotated[TypedDay, Depends(day_of_address("to"))],
) -> Days:
    """The first and the last day of an address."""
    return first, last


def read_trail_query(
    days: Annotated[Days, Depends(read_days)],
    participant: ShortQuery = "",
    site: ShortQuery = "",
    kind: ShortQuery = "",
    by: ShortQuery = "",
    visit: ShortQuery = "",
    item: ShortQuery = "",
    order: ShortQuery = "",
) -> TrailQuery:
    return TrailQuery(participant, site, kind, by, *days, visit, item, order)
