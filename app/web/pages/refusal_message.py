"""How one refusal is shown: its status, its sentence and its problem type."""

from typing import NamedTuple


class RefusalMessage(NamedTuple):
    """How a refusal is shown: HTTP status, a sentence for people, and the slug of its problem type."""

    status: int
    sentence: str
    kind: str


def make_conflict(sentence: str, kind: str = "not-acceptable") -> RefusalMessage:
    """A 409 message: the request conflicts with the state of the records."""
    return RefusalMessage(409, sentence, kind)


def make_invalid(sentence: str, kind: str = "validation") -> RefusalMessage:
    """A 422 message: what was typed or chosen is invalid."""
    return RefusalMessage(422, sentence, kind)


def make_absent(kind: str) -> RefusalMessage:
    """A 404 message, without a sentence of its own: the thing is not there, or somebody else's."""
    return RefusalMessage(404, "", kind)


def make_gone(sentence: str) -> RefusalMessage:
    """A 410 message: the thing was there once and works no more."""
    return RefusalMessage(410, sentence, "gone")
