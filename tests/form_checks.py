"""How often some work makes the definition of a form and checks an answer: counted by the interpreter."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from app.domain.instruments.responses import read_digit, validate_answer
from app.services.capture.forms import define_form


@dataclass(frozen=True, slots=True)
class FormChecks:
    """`definitions` by the public id of the slot, `answers` by item and value."""

    definitions: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, object]] = field(default_factory=Counter)

    def note(self, frame: FrameType, event: str, detail: object) -> None:
        if event == "call" and frame.f_code is define_form.__code__:
            self.definitions[frame.f_locals["slot"].public_id] += 1
        elif event == "call" and frame.f_code is validate_answer.__code__:
            self.answers[frame.f_locals["item"].code, frame.f_locals["value"]] += 1
        elif event == "return" and frame.f_code is read_digit.__code__ and detail is not None:
            self.answers[frame.f_locals["item"].code, detail] += 1


@contextmanager
def counted_checks() -> Iterator[FormChecks]:
    """Count in this thread, and in every one that begins meanwhile."""
    checks = FormChecks()
    threading.setprofile(checks.note)
    sys.setprofile(checks.note)
    try:
        yield checks
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
