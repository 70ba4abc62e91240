"""How long a form is said to take."""

_SECONDS_A_QUESTION = 20
"""How long one question is said to take: a QLQ-C30 then takes the ten minutes that letters announce."""


def estimate_minutes(questions: int) -> int:
    """How many minutes this many questions take, at least one."""
    return max(1, round(questions * _SECONDS_A_QUESTION / 60))
