"""The addresses of the trail: every choice stands in them, so that they can be kept as bookmarks."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends

from app.clinic.frame.addresses import build_address
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_address
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

    def filter(self, study: str) -> TrailFilter:
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
        )

    @property
    def is_filtered(self) -> bool:
        """Whether anything was chosen."""
        return self != TrailQuery()

    def url(self, path: str = TRAIL, before: int | None = None) -> str:
        """The address of these choices, from an entry on."""
        chosen = {
            "participant": self.participant, "site": self.site, "kind": self.kind, "by": self.by,
            "from": self.first.text, "to": self.last.text, "visit": self.visit, "item": self.item,
            "before": "" if before is None else str(before),
        }  # fmt: skip
        return build_address(path, chosen)

    def narrowed(self, participant: str, visit: str, item: str) -> "TrailQuery":
        """These choices, about one question of one form alone."""
        return replace(self, participant=participant, visit=visit, item=item)


def read_trail_query(
    first: Annotated[TypedDay, Depends(day_of_address("from"))],
    last: Annotated[TypedDay, Depends(day_of_address("to"))],
    participant: ShortQuery = "",
    site: ShortQuery = "",
    kind: ShortQuery = "",
    by: ShortQuery = "",
    visit: ShortQuery = "",
    item: ShortQuery = "",
) -> TrailQuery:
    return TrailQuery(participant, site, kind, by, first, last, visit, item)
