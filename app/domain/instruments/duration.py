"""How many questions a form has, and how long it is said to take."""

from collections.abc import Collection

from app.domain.instruments.definition import Instrument

_SECONDS_A_QUESTION = 20
"""How long one question is said to take: a QLQ-C30 then takes the ten minutes that letters announce."""


def count_questions(instrument: Instrument, leave_out: Collection[str] = frozenset()) -> int:
    """How many questions a form has; of one with a list, those that everybody is asked."""
    return sum(item.code not in leave_out and not item.box for item in instrument.items)


def count_certain(instrument: Instrument, leave_out: Collection[str] = frozenset()) -> int:
    """How many questions a form asks whatever is answered; 0 where that depends on the answers."""
    items = [item for item in instrument.items if item.code not in leave_out]
    return 0 if any(item.condition for item in items) else len(items)


def estimate_minutes(questions: int) -> int:
    """How many minutes this many questions take, at least one."""
    return max(1, round(questions * _SECONDS_A_QUESTION / 60))
