"""What changed dates do to the forms that exist: which form stands for which planned one.

A visit's form is the one of its code. A diary form is the one of its calendar day: when the date that days
are counted from moves, each form keeps its day, and only codes, and days at either end, change.

A form keeps the version of the plan under which it was begun, entered or over: that version says where it
belongs, also when the participant follows a later one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.plans.schedule import PlannedSlot, SlotKey
from app.domain.plans.status import Exit, SlotFacts, Status, derive_status
from app.domain.plans.windows import ONE_DAY, Window

_TOUCHED_DAY = tuple[str, date]
"""An instrument and the day that an entry is for."""


@dataclass(frozen=True, slots=True)
class StandingSlot:
    """A form that exists, by its key, with the facts that its state rests on.

    `is_diary` also of a day that is not dated yet; `on_request`: made by staff beside the schedule;
    `paper_waits`: somebody entered it from paper, and a second person has yet to.
    """

    key: int
    planned: PlannedSlot
    facts: SlotFacts
    is_diary: bool
    on_request: bool
    out_of_plan: bool
    paper_waits: bool = False

    @property
    def is_touched(self) -> bool:
        """Whether somebody began or answered it: it keeps window, day, instrument and plan version."""
        return is_touched(self.facts, paper_waits=self.paper_waits)

    def is_over(self, at: datetime) -> bool:
        """Whether its window closed while the plan had it."""
        window = self.planned.window
        return not self.out_of_plan and window is not None and window.closes_at <= at

    def stays_earlier(self, version: str) -> bool:
        """Whether it is of an earlier version of the plan than its participant follows, and stays so."""
        return self.planned.plan_version != version and (self.is_touched or not self.out_of_plan)

    def outlasts_amendment(self, version: str, at: datetime) -> bool:
        """Whether it keeps its own version when its participant begins to follow this one."""
        return self.planned.plan_version != version and (self.is_touched or self.is_over(at))


def is_touched(facts: SlotFacts, *, paper_waits: bool) -> bool:
    """Whether somebody began or answered a form, also on paper of which only one entry was made so far."""
    return facts.begun_at is not None or facts.submitted_at is not None or paper_waits


@dataclass(frozen=True, slots=True)
class SlotMove:
    """What becomes of one form. `planned` is None where the plan has it no more, `standing` for a new one.

    `key` is its code and instrument in the plan, or those that it leaves with.

    `would_be_missed`: it would be missed by this at once, so that the change is confirmed first.
    """

    key: SlotKey
    standing: StandingSlot | None
    planned: PlannedSlot | None
    would_be_missed: bool


@dataclass(frozen=True, slots=True)
class WindowMove:
    """How one form's window changes, as it is shown; None where there is none (any more)."""

    key: SlotKey
    old: Window | None
    new: Window | None
    would_be_missed: bool


def plan_moves(
    standing: Sequence[StandingSlot], planned: Sequence[PlannedSlot], exit_: Exit | None, at: datetime
) -> tuple[SlotMove, ...]:
    """All that these planned forms change in the ones that exist, in the plan's order; then what leaves.

    `exit_` is the exit in force, which new forms are made with.
    """
    matched = _match(standing, planned)
    occupied = _occupied_days(standing, matched)
    moves, unmoved = [], set()
    for expected in planned:
        form = matched.get(expected.key)
        changes = form is None or _changes(form, expected)
        if changes and not (form is not None and form.is_touched) and _is_occupied(expected, occupied):
            continue
        if form is not None:
            unmoved.add(form.key)
        if changes:
            moves.append(SlotMove(expected.key, form, expected, _would_be_missed(form, expected, exit_, at)))
    leaving = (form for form in standing if form.key not in unmoved and not form.out_of_plan)
    return (
        *moves,
        *(SlotMove(form.planned.key, form, None, False) for form in leaving if not form.on_request),
    )


def merge_versions(
    planned: Sequence[PlannedSlot],
    earlier: Sequence[StandingSlot],
    by_version: Mapping[str, Sequence[PlannedSlot]],
) -> tuple[PlannedSlot, ...]:
    """The planned forms of a plan, and in their places, or behind them, those of the versions before it.

    `earlier` are the forms that stay with an earlier version; `by_version` is what that version makes of the
    same dates. One that it has no more, either, is where the present plan has it, if anywhere.
    """
    own: dict[int, PlannedSlot] = {}
    for version, forms in by_version.items():
        places = {form.key: form for form in forms}
        of_version = [form for form in earlier if form.planned.plan_version == version]
        own |= {form.key: places[key] for key, form in _match(of_version, forms).items()}
    matched = _match(earlier, planned)
    occupied = _occupied_days(earlier, matched)
    merged = []
    for expected in planned:
        form = matched.get(expected.key)
        if form is not None:
            merged.append(own.get(form.key, expected))
        elif not _is_occupied(expected, occupied):
            merged.append(expected)
    present = {form.key for form in matched.values()}
    return (*merged, *(slot for key, slot in own.items() if key not in present))


def window_moves(moves: Collection[SlotMove]) -> tuple[WindowMove, ...]:
    """The windows that these moves change, appear with or end."""
    return tuple(_window_moves(moves))


def out_of_plan_code(form: StandingSlot) -> str:
    """The code of a form that the plan has no more: a diary's day gives its own to another day."""
    if not form.is_diary:
        return form.planned.visit
    day = form.planned.for_day
    return f"OUT{form.key}" if day is None else f"OUT{day:%Y%m%d}"


def _window_moves(moves: Collection[SlotMove]) -> Iterator[WindowMove]:
    for move in moves:
        form, planned = move.standing, move.planned
        old = form.planned.window if form is not None and not form.out_of_plan else None
        new = planned.window if planned is not None else None
        if form is not None and form.is_touched:
            new = old
        if form is None or old != new:
            yield WindowMove(move.key, old, new, move.would_be_missed)


def _match(
    standing: Sequence[StandingSlot], planned: Sequence[PlannedSlot]
) -> Mapping[SlotKey, StandingSlot]:
    """The form that stands for each planned one: of its day, or else one of its code without a day."""
    by_day = {
        (form.planned.instrument, form.planned.for_day): form
        for form in standing
        if form.planned.for_day is not None
    }
    undated = {form.planned.key: form for form in standing if form.planned.for_day is None}
    by_code = {form.planned.key: form for form in standing}
    matched: dict[SlotKey, StandingSlot] = {}
    for expected in planned:
        if expected.for_day is None:
            form = by_code.get(expected.key)
        else:
            form = by_day.get((expected.instrument, expected.for_day)) or undated.get(expected.key)
        if form is not None:
            matched[expected.key] = form
    return matched


def _occupied_days(
    standing: Sequence[StandingSlot], matched: Mapping[SlotKey, StandingSlot]
) -> Collection[_TOUCHED_DAY]:
    """The days with an entry that somebody began and that the plan has no more."""
    in_plan = {form.key for form in matched.values()}
    return {
        (form.planned.instrument, form.planned.for_day)
        for form in standing
        if form.is_diary and form.is_touched and form.key not in in_plan and form.planned.for_day is not None
    }


def _is_occupied(planned: PlannedSlot, occupied: Collection[_TOUCHED_DAY]) -> bool:
    """Whether an entry of its own study week was begun already: a week gets no second one."""
    if planned.for_day is None or planned.covers_days == 1:
        return False
    days = (planned.for_day + ONE_DAY * number for number in range(planned.covers_days))
    return any((planned.instrument, day) in occupied for day in days)


def _changes(form: StandingSlot, planned: PlannedSlot) -> bool:
    now = form.planned
    if form.out_of_plan or (form.is_diary and now.visit != planned.visit):
        return True
    moved = now.window != planned.window or now.for_day != planned.for_day
    return not form.is_touched and (moved or now.plan_version != planned.plan_version)


def _would_be_missed(
    form: StandingSlot | None, planned: PlannedSlot, exit_: Exit | None, at: datetime
) -> bool:
    if form is not None and form.is_touched:
        return False
    facts = form.facts if form is not None else SlotFacts(exit=exit_)
    if form is not None and form.out_of_plan:
        facts = SlotFacts(exit=facts.exit)
    elif form is not None and derive_status(form.planned.window, facts, at) is Status.missed:
        return False
    return derive_status(planned.window, facts, at) is Status.missed
