"""The windows that a day of enrolment opens, shown before anybody is enrolled."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from app.clinic.forms.answer_rows import name_form
from app.clinic.request import StaffRequest
from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.schedule import AnchorDate, is_diary_series, plan_slots


@dataclass(frozen=True, slots=True)
class EnrolmentWindow:
    """One form that can be filled in from enrolment on; `over`: its last day has passed."""

    form: str
    visit: str
    first: date
    last: date
    over: bool


def list_enrolment_windows(
    request: StaffRequest, plan: Plan, on: date | None, zone: str, today: date
) -> tuple[EnrolmentWindow, ...]:
    """The forms of visits whose windows follow from this day alone, in the plan's order; none without it."""
    return () if on is None else tuple(_list_windows(request, plan, on, zone, today))


def _list_windows(
    request: StaffRequest, plan: Plan, on: date, zone: str, today: date
) -> Iterator[EnrolmentWindow]:
    installation, code = request.installation, request.frame.code
    for slot in plan_slots(plan, {ENROLMENT: AnchorDate(ENROLMENT, on)}, None, zone):
        if slot.window is None or is_diary_series(plan, slot.series):
            continue
        instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
        last = slot.window.closes_on
        form = name_form(installation, plan, instrument, code)
        yield EnrolmentWindow(form, slot.visit, slot.window.opens_on, last, last < today)
