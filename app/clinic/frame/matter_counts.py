"""How much is open, as the menu of the desk tells it on every page."""

from datetime import datetime, timedelta

from starlette.requests import Request

from app.domain.records.access import Grant
from app.services.clinic.matters.matter_list import count_open_matters
from app.services.core.context import StaffContext

LASTS = timedelta(seconds=60)
"""How old a count of the menu may be; the list itself is always counted anew."""
_MOST = 1000


class MatterCounts:
    """A cache of counts by the grants of whoever looks; every act of the desk in this process empties it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Grant, ...], tuple[datetime, int]] = {}

    def read(self, context: StaffContext) -> int:
        """How many matters are open for this actor, as it was at most `LASTS` ago."""
        known = self._known.get(context.actor.grants)
        if known is not None and timedelta() <= context.at - known[0] < LASTS:
            return known[1]
        if len(self._known) >= _MOST:
            self.forget()
        count = count_open_matters(context)
        self._known[context.actor.grants] = context.at, count
        return count

    def forget(self) -> None:
        """Count anew when asked next."""
        self._known.clear()


def get_matter_counts(request: Request) -> MatterCounts:
    """The counts of this application."""
    counts: MatterCounts = request.app.state.matter_counts
    return counts
