"""How one refusal is shown: its status, its sentence and its problem type."""

from typing import NamedTuple


class RefusalMessage(NamedTuple):
    """How a refusal is shown: HTTP status, a sentence for people, and the slug of its problem type."""

    status: int
    sentence: str
    kind: str


def make_conflict(sentence: str, kind: str = "not-acceptable") -> RefusalMessage:
    """What stands against the state of the records."""
    return RefusalMessage(409, sentence, kind)


def make_invalid(sentence: str, kind: str = "validation") -> RefusalMessage:
    """What was typed or chosen and cannot be."""
    return RefusalMessage(422, sentence, kind)


def make_absent(kind: str) -> RefusalMessage:
    """What is not there, or is somebody else's; it has no sentence of its own."""
    return RefusalMessage(404, "", kind)


def make_gone(sentence: str) -> RefusalMessage:
    """What was there and works no more."""
    return RefusalMessage(410, sentence, "gone")
