"""Figures that were computed a second time, beside those that were exported."""

from dataclasses import dataclass, field
from decimal import Decimal

from app.domain.datasets.study import DatasetStudy

SHOWN = 20
"""Differences that are named; all are counted."""


@dataclass(slots=True)
class RecheckedFigures:
    """How many figures of one kind were computed again, how many agree, and the first that do not."""

    kind: str
    total: int = 0
    equal: int = 0
    differences: list[str] = field(default_factory=list)

    def compare(self, name: str, exported: str, computed: str) -> None:
        """Count one figure."""
        self.total += 1
        self.equal += exported == computed
        if exported != computed and len(self.differences) < SHOWN:
            self.differences.append(f"{name}: {exported or '(none)'}, computed again {computed or '(none)'}")


def format_figure(value: Decimal) -> str:
    """A figure as files spell it: without zeros at its end."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def list_instruments(study: DatasetStudy) -> list[tuple[str, str]]:
    """Each instrument with its version, of every version of the plan, that of the newest last."""
    plans = (*reversed(study.earlier), study.plan)
    return list(dict.fromkeys((used.id, used.version) for plan in plans for used in plan.instruments))
