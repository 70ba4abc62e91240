"""Dispositions: the dated changes of a participant's part in a study."""

from enum import StrEnum


class DispositionKind(StrEnum):
    """A dated change of a participant's part in the study."""

    withdrew_treatment = "withdrew_treatment"
    withdrew_questionnaires = "withdrew_questionnaires"
    withdrew_study = "withdrew_study"
    screen_failure = "screen_failure"
    death = "death"
    lost = "lost"
    completed = "completed"


NEEDS_REASON = frozenset(
    {
        DispositionKind.withdrew_treatment,
        DispositionKind.withdrew_questionnaires,
        DispositionKind.withdrew_study,
        DispositionKind.death,
    }
)
"""What site staff record with a reason only."""
