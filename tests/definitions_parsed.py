"""A definition file is parsed once per test process, not by each command that a test runs.

A program reads its library once. The tests run some hundred commands, and libraries with one file changed;
reading, the lock and every check across files stay each one's own.
"""

from collections.abc import Callable
from typing import TypeVar

from app.definitions import library
from app.domain.instruments.definition import Instrument

Parsed = TypeVar("Parsed")

_PARSERS = ("parse_instrument", "parse_text", "parse_plan", "parse_terms")


def share_parsed() -> None:
    """Let the library hand out what was parsed of the same words under the same name."""
    for name in _PARSERS:
        setattr(library, name, _remembering(getattr(library, name)))


def _remembering(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
    known: dict[tuple[str, ...], Parsed] = {}

    def parsed(toml: str, file: str, *instrument: Instrument) -> Parsed:
        key = (toml, file, *(each.sha256 for each in instrument))
        if key not in known:
            known[key] = parse(toml, file, *instrument)
        return known[key]

    return parsed
