"""A form that was filled in on paper: why, what became of its entry, and how it stands to its window."""

from datetime import date
from enum import StrEnum

from app.domain.capture.arrival import Arrival, is_after_exit
from app.domain.plans.status import SlotFacts
from app.domain.plans.windows import Window, start_of_day


class PaperReason(StrEnum):
    """Why the participant filled in a form on paper."""

    no_device = "no_device"
    prefers_paper = "prefers_paper"
    cannot_use = "cannot_use"
    system_down = "system_down"
    other = "other"


class PaperOutcome(StrEnum):
    """What became of one entry of a paper form."""

    submitted = "submitted"
    """It is the form's response."""
    kept_apart = "kept_apart"
    """The form could not take it: it lies in quarantine."""
    first = "first"
    """A second person has to enter the same sheet before it counts."""
    differs = "differs"
    """It is not what the first one entered: the data manager settles it."""
    settled = "settled"
    """The data manager chose between two entries, and what was chosen is the form's response."""
    discarded = "discarded"
    """The data manager set both entries aside: the sheet is to be entered anew."""


def classify_paper(window: Window, facts: SlotFacts, collected_on: date) -> Arrival:
    """How a paper form that was filled in on this day stands to its window, whenever it is entered.

    After an exit it is quarantined, outside of the window accepted as out of window.
    """
    if is_after_exit(facts.exit, start_of_day(collected_on, window.zone)):
        return Arrival.quarantined
    inside = window.opens_on <= collected_on <= window.closes_on
    return Arrival.in_window if inside else Arrival.out_of_window
