"""The installation of this environment, and whoever may start programs on its server."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.clock import read_boot_id, read_clocks
from app.domain.records.access import Actor, ActorKind
from app.installation import open_installation
from app.services.audit.clock_confirmation import check_clock
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.key_canary import check_key, lay_canary
from app.services.setup.readiness import require_current_revision
from app.settings import Settings

OPERATOR = Actor(ActorKind.SYSTEM, "command-line", "operator")
"""Whoever may start programs on the server; the trail says that it was done there."""


@contextmanager
def configured_installation(settings: Settings | None = None) -> Iterator[Installation]:
    """The installation that the DAYBOOK_… variables describe; its connections end with the block.

    Raises BadDefinition, DatabaseUnavailable where there is none of this version, Refused("wrong_key").
    """
    installation = open_installation(settings or Settings.from_environment(), statement_seconds=0)
    try:
        require_current_revision(installation)
        check_key(installation)
        yield installation
    finally:
        installation.engine.dispose()


@contextmanager
def operator_context(settings: Settings | None = None) -> Iterator[StaffContext]:
    """The context of a command that changes something, now.

    Raises Refused, "clock_behind" or "clock_ahead", when the audit trail contradicts the clock.
    """
    settings = settings or Settings.from_environment()
    with configured_installation(settings) as installation:
        reading = read_clocks()
        check_clock(installation, reading, read_boot_id(), settings.clock_gap)
        lay_canary(installation, reading.wall)
        yield StaffContext(installation, OPERATOR, reading.wall)
