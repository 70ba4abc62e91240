"""Work of a day, drawn at random: participants with their forms and messages, and the moments that matter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from app.domain.plans.plan import WorklistRule
from app.domain.plans.windows import Window, build_window
from app.domain.today.reasons import Reason
from app.storage.queries.today.branches import SOURCES
from tests.scenarios.people import library

ZONE = "Asia/Shanghai"
NOW = datetime(2026, 6, 1, 3, 20, tzinfo=ZoneInfo("UTC"))
SNOOZED_BY = NOW - timedelta(days=4)
LONG_AGO = NOW - timedelta(days=200)
PLAN = library().get_plan("sbrt-nsclc", "1.0")


def draw_moment(draw: Random) -> datetime:
    return NOW + timedelta(hours=draw.randint(-16 * 24, 4 * 24))


def draw_rule(draw: Random) -> WorklistRule:
    return WorklistRule(
        closing_days=draw.randint(0, 5),
        idle_days=draw.randint(1, 4),
        unused_days=draw.randint(0, 5),
        undelivered_days=draw.randint(1, 20),
        diary_days=draw.randint(1, 9),
        diary_least=draw.randint(1, 4),
        diary_weeks=draw.randint(1, 2),
        opens_days=draw.randint(0, 5),
    )


@dataclass(frozen=True, slots=True)
class DrawnForm:
    """An expected form: of a visit, or (`phase`) an entry of the diary for a day, daily or weekly."""

    window: Window | None
    phase: str = ""
    for_day: date | None = None
    begun_at: datetime | None = None
    answers: tuple[datetime, ...] = ()
    submitted: bool = False
    excused: bool = False
    explained: bool = False
    revealing: bool = False
    out_of_plan: bool = False

    @property
    def expected(self) -> Window | None:
        """Its window, where it is expected and has one that is not cut away."""
        if self.out_of_plan or self.excused or self.window is None:
            return None
        if self.window.opens_at >= self.window.closes_at:
            return None
        return self.window


@dataclass(frozen=True, slots=True)
class DrawnPerson:
    """A participant with everything that the rule reads."""

    enrolled_at: datetime
    consented: bool
    activated: bool
    locked: bool
    exited: bool
    calls: tuple[tuple[datetime, bool], ...]  # when they asked, and whether it is still open
    alerts: tuple[tuple[datetime, bool], ...]  # when they were raised, and whether they are still open
    messages: tuple[tuple[str, str | None, datetime | None], ...]
    address_at: datetime | None
    snoozed: frozenset[Reason]
    snoozed_until: datetime
    snoozed_at: datetime
    forms: tuple[DrawnForm, ...] = field(default_factory=tuple)


def draw_visit(draw: Random) -> DrawnForm:
    opens = NOW.date() + timedelta(days=draw.randint(-25, 4))
    target = opens + timedelta(days=draw.randint(0, 7))
    closes = target + timedelta(days=draw.randint(0, 7))
    cut = draw_moment(draw) if draw.random() < 0.2 else None
    window = build_window(opens, target, closes, ZONE, overdue_after=1, grace_hours=48, ends_at=cut)
    begun = window.opens_at + timedelta(hours=draw.randint(0, 300)) if draw.random() < 0.5 else None
    return DrawnForm(
        window=window if draw.random() < 0.9 else None,
        begun_at=begun,
        answers=tuple(draw_moment(draw) for _answer in range(draw.randint(0, 2))) if begun else (),
        submitted=draw.random() < 0.2,
        excused=draw.random() < 0.1,
        explained=draw.random() < 0.4,
        revealing=draw.random() < 0.4,
        out_of_plan=draw.random() < 0.1,
    )


def draw_diary(draw: Random) -> Iterator[DrawnForm]:
    """Daily entries, or weekly ones, of the days about now."""
    step = draw.choice([1, 7])
    often = draw.random()
    for number in range(draw.randint(-30, -5), 2, step):
        day = NOW.date() + timedelta(days=number)
        last = day + timedelta(days=2)
        window = build_window(day, day, last, ZONE, overdue_after=1, grace_hours=48)
        yield DrawnForm(
            window=window,
            phase="D" if step == 1 else "DW",
            for_day=day,
            begun_at=window.opens_at + timedelta(hours=9) if draw.random() < 0.3 else None,
            submitted=draw.random() < often,
            excused=draw.random() < 0.1,
            out_of_plan=draw.random() < 0.1,
        )


def draw_snoozing(draw: Random, forms: Sequence[DrawnForm], rule: WorklistRule) -> datetime:
    """When a row was let rest: some moment of the past, often one at which a reason began, or just before."""
    edges = [edge for edge in edges_of(forms, rule) if edge <= SNOOZED_BY]
    if edges and draw.random() < 0.7:
        return draw.choice(edges)
    return SNOOZED_BY - timedelta(hours=draw.randint(0, 16 * 24))


def draw_person(draw: Random, rule: WorklistRule) -> DrawnPerson:
    states = (
        ("failed", None),
        ("sent", None),
        ("dropped", "no_contact"),
        ("dropped", "window_moved"),
        ("queued", None),
    )
    drawn = [(*draw.choice(states), draw_moment(draw)) for _message in range(draw.randint(0, 3))]
    reasons = draw.sample(tuple(SOURCES), draw.randint(0, 6))
    forms = (*(draw_visit(draw) for _form in range(draw.randint(0, 4))), *draw_diary(draw))
    return DrawnPerson(
        enrolled_at=draw_moment(draw),
        consented=draw.random() < 0.7,
        activated=draw.random() < 0.5,
        locked=draw.random() < 0.3,
        exited=draw.random() < 0.1,
        calls=tuple((draw_moment(draw), is_open) for is_open in (False, True) if draw.random() < 0.4),
        alerts=tuple((draw_moment(draw), draw.random() < 0.5) for _alert in range(draw.randint(0, 3))),
        messages=tuple((state, why, None if state == "queued" else at) for state, why, at in drawn),
        address_at=draw_moment(draw) if draw.random() < 0.4 else None,
        snoozed=frozenset(reasons),
        snoozed_until=draw_moment(draw) + timedelta(days=5),
        snoozed_at=draw_snoozing(draw, forms, rule),
        forms=forms,
    )


def edges_of(forms: Sequence[DrawnForm], rule: WorklistRule) -> list[datetime]:
    """Moments at which something may begin or end, and just before."""
    days = {0, rule.closing_days, rule.opens_days, -rule.idle_days}
    ends = [
        moment - timedelta(days=number)
        for form in forms
        if form.window
        for moment in (form.window.opens_at, form.window.closes_at, form.window.grace_until, *form.answers)
        for number in days
    ]
    halves = [
        form.window.opens_at + (form.window.closes_at - form.window.opens_at) / 2
        for form in forms
        if form.window
    ]
    return [edge + step for edge in (*ends, *halves) for step in (timedelta(microseconds=-1), timedelta())]
