"""What a use case refuses: the refusal that an act must raise, or its code alone."""

from collections.abc import Callable

import pytest

from app.domain.refusal import Refused


def refusal_of(act: Callable[[], object]) -> Refused:
    """The refusal that this act raises; one that does it instead fails the test."""
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value


def refused(act: Callable[[], object]) -> str:
    """The code of that refusal."""
    return refusal_of(act).code


def expect_refusal(code: str) -> pytest.RaisesExc[Refused]:
    """A context in which exactly this refusal is raised."""
    return pytest.raises(Refused, check=lambda refusal: refusal.code == code)
