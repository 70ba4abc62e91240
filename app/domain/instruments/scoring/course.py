"""How a scale's score goes from visit to visit: its baseline, its latest value, and the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction

from app.domain.instruments.definition import Direction, Scale
from app.domain.instruments.scoring.score import Score, change_from_baseline


@dataclass(frozen=True, slots=True)
class NotableChange:
    """So many points of change as its source describes for groups; of one person it proves nothing."""

    points: int
    source: str


NOTABLE_CHANGES: Mapping[str, NotableChange] = {
    "eortc-linear 1.0": NotableChange(10, "Osoba 1998, J Clin Oncol 16: 139–144"),
}
"""By the algorithm whose scores it is about."""


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """One visit: its target day, the day on which a form was completed, and its score, if any.

    `completed_at`: the instant of that day, None where paper tells the day alone. `may_be_baseline`: it was
    completed in the baseline's series and before the anchor that ends it.
    """

    visit: str
    target_on: date
    completed_on: date | None
    score: Score | None
    missed: bool = False
    may_be_baseline: bool = False
    completed_at: datetime | None = None

    @property
    def value(self) -> Fraction | None:
        """The exact score; None where nothing was sent, or too little to score."""
        return self.score.value if self.score else None


@dataclass(frozen=True, slots=True)
class ScaleCourse:
    """One scale's points in the order of their visits, in the range `low` to `high` of its algorithm."""

    scale: Scale
    low: int
    high: int
    points: tuple[CoursePoint, ...]

    @property
    def baseline(self) -> CoursePoint | None:
        """The last valid form before the anchor that ends the baseline."""
        valid = (point for point in self.points if point.may_be_baseline and point.value is not None)
        return max(valid, key=_completion_order, default=None)

    @property
    def latest(self) -> CoursePoint | None:
        """The newest score of another form than the baseline's."""
        later = (point for point in self.points if point.value is not None and not point.may_be_baseline)
        return max(later, key=_completion_order, default=None)

    @property
    def change(self) -> Fraction | None:
        """Latest minus baseline, exactly; None unless there are both."""
        baseline, latest = self.baseline, self.latest
        if baseline is None or latest is None or baseline.score is None or latest.score is None:
            return None
        return change_from_baseline(latest.score, baseline.score)

    @property
    def trend(self) -> str:
        """Whether the latest score is "better" or "worse" than the baseline; "" where it reads alike."""
        if self.change is None or not round_score(self.change):
            return ""
        return "better" if (self.change > 0) is (self.scale.better is Direction.HIGHER) else "worse"

    def reaches_change(self, notable: NotableChange | None) -> bool:
        """Whether the exact change is of so many points, either way."""
        return notable is not None and self.change is not None and abs(self.change) >= notable.points


_BEFORE_ANY_HOUR = datetime.min.replace(tzinfo=UTC)


def _completion_order(point: CoursePoint) -> tuple[date, datetime]:
    """By day and, of one day, by instant, as in datasets: a day without an hour comes before its hours."""
    return point.completed_on or point.target_on, point.completed_at or _BEFORE_ANY_HOUR


def round_score(value: Fraction) -> int:
    """A score or change as a whole number; halves go away from zero, in both directions alike."""
    whole = int(abs(value) + Fraction(1, 2))
    return -whole if value < 0 else whole


@dataclass(frozen=True, slots=True)
class WeekMean:
    """The exact mean of a study week, None where nothing was entered; the first week is 0."""

    week: int
    value: Fraction | None


def mean_of_weeks(start: date, values: Sequence[tuple[date, Fraction | None]]) -> tuple[WeekMean, ...]:
    """The mean of each study week from `start` on, from the week of the first day to that of the last."""
    weeks: dict[int, list[Fraction]] = {}
    for day, value in values:
        entered = weeks.setdefault((day - start).days // 7, [])
        if value is not None:
            entered.append(value)
    span = range(min(weeks), max(weeks) + 1) if weeks else ()
    return tuple(WeekMean(week, _mean(weeks.get(week, []))) for week in span)


def _mean(values: Sequence[Fraction]) -> Fraction | None:
    return sum(values, Fraction(0)) / len(values) if values else None
