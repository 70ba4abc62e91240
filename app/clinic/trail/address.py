"""The addresses of the trail: every choice stands in them, so that they can be kept as bookmarks."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Query

from app.clinic.frame.addresses import build_address, parse_chosen_day
from app.domain.desk.trail import TrailKind
from app.domain.typed_text import narrow_text
from app.services.clinic.trail.scope import TrailFilter
from app.web.urls import TRAIL

_Short = Annotated[str, Query(max_length=80)]


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """What an address of the trail asks for, as it was typed; an unknown kind or question is any."""

    participant: str = ""
    site: str = ""
    kind: str = ""
    by: str = ""
    first: str = ""
    last: str = ""
    visit: str = ""
    item: str = ""

    def filter(self, study: str) -> TrailFilter:
        """The filter. Raises Refused: "bad_date", "impossible_date"."""
        instrument, _, item = narrow_text(self.item).partition("/")
        return TrailFilter(
            study=study,
            participant=narrow_text(self.participant),
            site=narrow_text(self.site),
            kind=TrailKind(self.kind) if self.kind in tuple(TrailKind) else None,
            by=narrow_text(self.by),
            first=parse_chosen_day(self.first, "from"),
            last=parse_chosen_day(self.last, "to"),
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
            "from": self.first, "to": self.last, "visit": self.visit, "item": self.item,
            "before": "" if before is None else str(before),
        }  # fmt: skip
        return build_address(path, chosen)

    def narrowed(self, **choices: str) -> "TrailQuery":
        """These choices and further ones."""
        return replace(self, **choices)


def read_trail_query(
    participant: _Short = "",
    site: _Short = "",
    kind: _Short = "",
    by: _Short = "",
    first: Annotated[str, Query(alias="from", max_length=40)] = "",
    last: Annotated[str, Query(alias="to", max_length=40)] = "",
    visit: _Short = "",
    item: _Short = "",
) -> TrailQuery:
    return TrailQuery(participant, site, kind, by, first, last, visit, item)
