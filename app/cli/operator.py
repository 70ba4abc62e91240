"""The installation of this environment, and whoever may start programs on its server."""

from app.clock import read_boot_id, read_clocks
from app.domain.records.access import Actor, ActorKind
from app.installation import open_installation
from app.services.audit.clock_confirmation import check_clock
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.settings import Settings

OPERATOR = Actor(ActorKind.SYSTEM, "command-line", "operator")
"""Whoever may start programs on the server; the trail says that it was done there."""


def open_configured_installation() -> Installation:
    """Open the installation that the DAYBOOK_… variables describe. Raises BadDefinition."""
    return open_installation(Settings.from_environment())


def operator_context() -> StaffContext:
    """The context of a command that changes something, now.

    Raises Refused, "clock_behind" or "clock_ahead", when the audit trail contradicts the clock.
    """
    settings = Settings.from_environment()
    installation = open_installation(settings)
    reading = read_clocks()
    check_clock(installation, reading, read_boot_id(), settings.clock_gap)
    return StaffContext(installation, OPERATOR, reading.wall)
