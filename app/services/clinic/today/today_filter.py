"""Which part of the page Today is shown, and how a colleague's filters are remembered."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from app.domain.today.reasons import Reason, TodayCursor


@dataclass(frozen=True, slots=True)
class TodayFilter:
    """Which part of the list is shown; what is unknown asks for nothing special. `resting`: snoozed rows."""

    site: str = ""
    reason: Reason | None = None
    language: str = ""
    visit: str = ""
    search: str = ""
    resting: bool = False
    after: TodayCursor | None = None


def format_view(criteria: TodayFilter) -> str:
    """The filters as they are remembered: what is looked for once, or rests, is not where a day begins."""
    parts = {name: getattr(criteria, name) for name in ("site", "reason", "language", "visit")}
    return urlencode({name: value for name, value in parts.items() if value})


def parse_view(text: str) -> TodayFilter:
    """The filters that were remembered; a reason of an older version is none."""
    parts = dict(parse_qsl(text))
    reason = parts.get("reason")
    return TodayFilter(
        site=parts.get("site", ""),
        reason=Reason(reason) if reason in tuple(Reason) else None,
        language=parts.get("language", ""),
        visit=parts.get("visit", ""),
    )
