"""The three errors of the core: a refusal, a bad definition, and an unavailable database."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from reprlib import Repr
from typing import TypeVar

_Returned = TypeVar("_Returned")
_LONGEST_ALLOWED = 600
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 200, 200


class Refused(Exception):
    """A request that the rules do not allow.

    `code` names the rule; `details` name the field and what is allowed. Faces turn
    both into words and a status; neither ever holds an answer's text. `also` is what else is wrong with the
    same request, so that one press names every field.
    """

    also: tuple["Refused", ...] = ()

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details: Mapping[str, object] = details

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.code} ({named})" if named else self.code


def raise_all(refusals: Iterable[Refused]) -> None:
    """Raise the first of these, which carries the others; return where there is none."""
    every = [fault for refused in refusals for fault in (refused, *refused.also)]
    if every:
        first, *others = every
        first.also = tuple(others)
        raise first


def check_all(*checks: Callable[[], object]) -> None:
    """Run every check, also after one that refuses. Raises as `raise_all` what they refused together."""
    refusals = []
    for check in checks:
        try:
            check()
        except Refused as refused:
            refusals.append(refused)
    raise_all(refusals)


def capture_refusal(check: Callable[[], _Returned]) -> "_Returned | Refused":
    """Run a check once and return its result, or its refusal as a value, for `check_all`."""
    try:
        return check()
    except Refused as refused:
        return refused


def require_result(result: "_Returned | Refused") -> _Returned:
    """The result of a captured check; raises its refusal."""
    if isinstance(result, Refused):
        raise result
    return result


class BadDefinition(Exception):
    """A definition file that cannot be used: where, what stands there, and what may stand there.

    Its message is one short line, however long the value and what is allowed, whatever signs names hold.
    """

    def __init__(self, file: str, key: str, value: object, allowed: str) -> None:
        super().__init__(make_printable(f"{file}: {key} = {_SHORT.repr(value)}: {_shortened(allowed)}"))
        self.file, self.key, self.value, self.allowed = file, key, value, allowed


class UnreadableDefinition(BadDefinition):
    """A definition file that could not be looked at: it is not there, not readable, or no plain file."""


class DatabaseFault(StrEnum):
    """What keeps the database from doing its work: it is away, busy or locked, or cannot write."""

    AWAY = "database_away"
    BUSY = "database_busy"
    CANNOT_WRITE = "database_cannot_write"


_RETRY_SECONDS = {DatabaseFault.AWAY: 5, DatabaseFault.BUSY: 2, DatabaseFault.CANNOT_WRITE: 30}


class DatabaseUnavailable(Exception):
    """The database could not do what was asked, through no fault of the request; it may be asked again.

    Never a Refused: nothing was judged, so nobody may record it as an answer's outcome. `reason` is the
    database's own word on it, for the operator's terminal alone; logs and pages have only the fault.
    """

    def __init__(self, fault: DatabaseFault, reason: str = "") -> None:
        super().__init__(fault.value)
        self.fault, self.reason = fault, " ".join(reason.split())

    @property
    def retry_seconds(self) -> int:
        """The number of seconds after which to retry."""
        return _RETRY_SECONDS[self.fault]


def _shortened(allowed: str) -> str:
    return allowed if len(allowed) <= _LONGEST_ALLOWED else f"{allowed[:_LONGEST_ALLOWED]}..."


def make_printable(text: str) -> str:
    """The text with invisible characters, and those that control a terminal, escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
