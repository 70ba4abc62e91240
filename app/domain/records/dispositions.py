"""Dispositions: the dated changes of a participant's part in a study."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.refusal import Refused
from app.domain.typed_text import check_day

_FORM = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
ALLOWED_DATE = "YYYY-MM-DD; YYYY-MM for a death"


class DispositionKind(StrEnum):
    """A dated change of a participant's part in the study."""

    withdrew_treatment = "withdrew_treatment"
    withdrew_questionnaires = "withdrew_questionnaires"
    withdrew_study = "withdrew_study"
    screen_failure = "screen_failure"
    death = "death"
    lost = "lost"
    completed = "completed"


NEEDS_REASON = frozenset(
    {
        DispositionKind.withdrew_treatment,
        DispositionKind.withdrew_questionnaires,
        DispositionKind.withdrew_study,
        DispositionKind.death,
    }
)
"""What site staff record with a reason only."""


@dataclass(frozen=True, slots=True)
class StatedDate:
    """The days that a stated date can mean: one, or those of a month where a death is known no better."""

    first: date
    last: date

    def effective_on(self, reported_on: date) -> date:
        """The day from which it counts: its last day or the day of the report, whichever is earlier."""
        return min(self.last, reported_on)


def check_disposition_reason(kind: DispositionKind, reason: str | None) -> None:
    """Refuse a withdrawal or a death of which nobody says why: Refused("reason_needed")."""
    if kind in NEEDS_REASON and not reason:
        raise Refused("reason_needed", field="reason")


def parse_stated_date(kind: DispositionKind, stated: str) -> StatedDate:
    """Read a date as it was stated, `2026-03-05` or, for a death, `2026-03`. Raises Refused("bad_date")."""
    matched = _FORM.fullmatch(stated)
    if matched is None or (matched[3] is None and kind is not DispositionKind.death):
        raise Refused("bad_date", field="date", allowed=ALLOWED_DATE)
    try:
        year, month = int(matched[1]), int(matched[2])
        first = check_day(date(year, month, int(matched[3] or 1)), "date")
    except ValueError as impossible:
        raise Refused("bad_date", field="date", allowed=ALLOWED_DATE) from impossible
    last = first if matched[3] else first.replace(day=calendar.monthrange(year, month)[1])
    return StatedDate(first, last)
