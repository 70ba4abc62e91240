"""The address of the work list: its filters, which can be bookmarked and are remembered for each person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from fastapi import Request

from app.clinic.frame.addresses import LISTS, format_cursor_moment, parse_cursor_moment
from app.domain.today.assignment import Assigned
from app.domain.today.reasons import Reason, TodayCursor
from app.domain.typed_text import narrow_text
from app.services.clinic.today.today_filter import TodayFilter
from app.web.urls import DESK

SNOOZED = "snoozed"
_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class TodayQuery:
    """The filters as they stand in the address; every part may be missing, an unknown one means nothing."""

    site: str = ""
    reason: str = ""
    language: str = ""
    visit: str = ""
    q: str = ""
    view: str = ""
    assigned: str = ""

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list; a tab is no filter."""
        return bool(self.site or self.language or self.visit or self.q or self.assigned)

    def build_url(self, path: str = DESK, **changes: str) -> str:
        """The address with some parts changed; it always says something, so that nothing is remembered."""
        return _write_address(path, self, tuple(changes.items()))

    def build_filter(self, after: str = "") -> TodayFilter:
        """What the address asks for."""
        return TodayFilter(
            site=self.site,
            reason=Reason(self.reason) if self.reason else None,
            language=self.language,
            visit=self.visit,
            search=narrow_text(self.q)[:40],
            resting=self.view == SNOOZED,
            after=parse_cursor(after),
            assigned=Assigned(self.assigned) if self.assigned else None,
        )


LONGEST: Mapping[str, int] = {name: most for name, most in LISTS[DESK].items() if name != "after"}
"""Characters of each filter in the address, at most."""
_REASONS = frozenset(code.value for code in Reason)


@lru_cache(maxsize=1000)
def _write_address(path: str, query: TodayQuery, changes: tuple[tuple[str, str], ...]) -> str:
    parts = {name: getattr(query, name) for name in LONGEST} | dict(changes)
    shown = {name: value for name, value in parts.items() if value or name == "reason"}
    return f"{path}?{urlencode(shown)}"


def build_query(typed: Mapping[str, str]) -> TodayQuery:
    """The filters in the address, without a reason, a view or an assignment that there is not."""
    known = typed["reason"] if typed["reason"] in _REASONS else ""
    view = SNOOZED if typed["view"] == SNOOZED else ""
    assigned = typed["assigned"] if typed["assigned"] in tuple(Assigned) else ""
    return TodayQuery(typed["site"], known, typed["language"], typed["visit"], typed["q"], view, assigned)


def has_filters(request: Request) -> bool:
    """Whether the address names any filter, so that it is not the remembered ones that count."""
    return not LONGEST.keys().isdisjoint(request.query_params.keys())


def query_of(criteria: TodayFilter) -> TodayQuery:
    """The address of these filters."""
    return TodayQuery(
        site=criteria.site,
        reason=criteria.reason.value if criteria.reason else "",
        language=criteria.language,
        visit=criteria.visit,
        q=criteria.search,
        view=SNOOZED if criteria.resting else "",
        assigned=criteria.assigned.value if criteria.assigned else "",
    )


def format_cursor(cursor: TodayCursor) -> str:
    """The keyset cursor as it stands in an address."""
    return f"{cursor.rank}_{format_cursor_moment(cursor.at)}_{cursor.person}"


def parse_cursor(text: str) -> TodayCursor | None:
    """The cursor of an address; None for what is none."""
    parts = text.split("_")
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    at = parse_cursor_moment(parts[1])
    return None if at is None else TodayCursor(int(parts[0]), at, int(parts[2]))
