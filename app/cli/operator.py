"""The installation of this environment, and whoever may start programs on its server."""

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


def open_configured_installation(settings: Settings | None = None) -> Installation:
    """Open the installation that the DAYBOOK_… variables describe.

    Raises BadDefinition, DatabaseUnavailable where there is none of this version, Refused("wrong_key").
    """
    installation = open_installation(settings or Settings.from_environment(), statement_seconds=0)
    require_current_revision(installation)
    check_key(installation)
    return installation


def operator_context(settings: Settings | None = None) -> StaffContext:
    """The context of a command that changes something, now.

    Raises Refused, "clock_behind" or "clock_ahead", when the audit trail contradicts the clock.
    """
    settings = settings or Settings.from_environment()
    installation = open_configured_installation(settings)
    reading = read_clocks()
    check_clock(installation, reading, read_boot_id(), settings.clock_gap)
    lay_canary(installation, reading.wall)
    return StaffContext(installation, OPERATOR, reading.wall)
