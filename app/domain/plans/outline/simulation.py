"""One participant drawn up from dates alone: windows, states and reminders as the program makes them.

Nothing is computed here that the schedule, the status and the reminders do not compute for everybody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.publication import FeedState, feed_state
from app.domain.plans.reminders import (
    QueuedReminder,
    find_due_reminder,
    kinds_used_up,
    next_due_moment,
    plan_reminders,
)
from app.domain.plans.rescheduling import SlotMove, StandingSlot, WindowMove, plan_moves, window_moves
from app.domain.plans.schedule import AnchorDate, PlannedSlot, SlotKey, is_diary_series, plan_slots
from app.domain.plans.status import SlotFacts, Status, derive_status
from app.domain.plans.windows import start_of_day

_UNTOUCHED = SlotFacts()
"""Nobody answers, and nobody leaves."""


@dataclass(frozen=True, slots=True)
class DatedPerson:
    """Somebody of whom only dates, the arm and the time zone are known; the enrolment is among the dates."""

    dates: Mapping[str, AnchorDate] = field(hash=False)
    arm: str | None
    zone: str

    @property
    def enrolled_at(self) -> datetime:
        """The start of the day of enrolment; no reminder is owed from before it."""
        return start_of_day(self.dates[ENROLMENT].on, self.zone)


@dataclass(frozen=True, slots=True)
class SimulatedForm:
    """One expected form, its state at the moment, and every reminder of it while nobody answers.

    `is_diary` also of a day that is not dated yet.
    """

    planned: PlannedSlot
    status: Status
    is_diary: bool
    messages: tuple[QueuedReminder, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """All forms in the plan's order, and what changed dates move, add and take away."""

    forms: tuple[SimulatedForm, ...]
    moves: tuple[WindowMove, ...] = ()


def simulate_person(
    plan: Plan, person: DatedPerson, now: datetime, before: DatedPerson | None = None
) -> Simulation:
    """The forms of this person as they stand at `now`, while nothing is answered.

    `before`: the same person until `now`, when the dates are changed. What was sent by then stays sent, and
    counts for the reminders to come. Raises Refused("unknown_zone").
    """
    planned = plan_slots(plan, person.dates, person.arm, person.zone)
    if before is None:
        return Simulation(tuple(_draw(plan, slot, now, _remind(plan, slot, person)) for slot in planned))
    standing = _standing(plan, before)
    moves = plan_moves(standing, planned, None, now)
    earlier = _match(standing, planned, moves)
    forms = []
    for slot in planned:
        old = earlier.get(slot.key)
        messages = _remind(plan, slot, person) if old is None else _remind_again(plan, old, slot, before, now)
        forms.append(_draw(plan, slot, now, messages))
    return Simulation(tuple(forms), window_moves(moves))


def _draw(plan: Plan, slot: PlannedSlot, now: datetime, messages: Iterator[QueuedReminder]) -> SimulatedForm:
    status = derive_status(slot.window, _UNTOUCHED, now)
    return SimulatedForm(slot, status, is_diary_series(plan, slot.series), tuple(messages))


def _standing(plan: Plan, person: DatedPerson) -> Sequence[StandingSlot]:
    slots = plan_slots(plan, person.dates, person.arm, person.zone)
    return [
        StandingSlot(
            key,
            slot,
            _UNTOUCHED,
            is_diary=is_diary_series(plan, slot.series),
            on_request=False,
            out_of_plan=False,
        )
        for key, slot in enumerate(slots)
    ]


def _match(
    standing: Sequence[StandingSlot], planned: Sequence[PlannedSlot], moves: Sequence[SlotMove]
) -> Mapping[SlotKey, PlannedSlot]:
    """By the key of each planned form the one that stands for it already, if any does."""
    unmoved = {form.planned.key: form.planned for form in standing}
    moved = {move.planned.key: move.standing for move in moves if move.planned is not None}
    matches = {slot.key: unmoved.get(slot.key) for slot in planned if slot.key not in moved}
    matches |= {key: form.planned if form is not None else None for key, form in moved.items()}
    return {key: slot for key, slot in matches.items() if slot is not None}


def _remind(plan: Plan, slot: PlannedSlot, person: DatedPerson) -> Iterator[QueuedReminder]:
    """The reminders of a form from enrolment on, each when the clock would queue it."""
    return _run(plan, slot, (), FeedState.not_opened, person.enrolled_at, person.enrolled_at)


def _remind_again(
    plan: Plan, old: PlannedSlot, slot: PlannedSlot, before: DatedPerson, now: datetime
) -> Iterator[QueuedReminder]:
    """What was sent of the form as it stood, then what is owed from `now` on as it stands then."""
    earlier = tuple(message for message in _remind(plan, old, before) if message.at <= now)
    published = feed_state(derive_status(old.window, _UNTOUCHED, now))
    yield from earlier
    yield from _run(plan, slot, earlier, published, now, before.enrolled_at)


def _run(
    plan: Plan,
    slot: PlannedSlot,
    used_up: Sequence[QueuedReminder],
    published: FeedState,
    at: datetime,
    not_before: datetime,
) -> Iterator[QueuedReminder]:
    """Wake the form whenever it owes something, as the ticker does, until it owes no more."""
    planned, queued = plan_reminders(plan, slot), list(used_up)
    while True:
        used = kinds_used_up(queued, slot.window)
        due = next_due_moment(slot.window, planned, _UNTOUCHED, published, used, at, not_before)
        if due is None:
            return
        at = max(at, due)
        status = derive_status(slot.window, _UNTOUCHED, at)
        published = feed_state(status)
        reminder = find_due_reminder(planned, used, status, at, not_before)
        if reminder is not None:
            queued.append(QueuedReminder(reminder.kind, at))
            yield queued[-1]
