"""The installation of this environment, and whoever may start programs on its server."""

from app.clock import now
from app.domain.records.access import Actor, ActorKind
from app.installation import open_installation
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.settings import Settings

OPERATOR = Actor(ActorKind.SYSTEM, "command-line", "operator")
"""Whoever may start programs on the server; the trail says that it was done there."""


def open_configured_installation() -> Installation:
    """Open the installation that the DAYBOOK_… variables describe. Raises BadDefinition."""
    return open_installation(Settings.from_environment())


def operator_context() -> StaffContext:
    """The context of a command that changes something, now."""
    return StaffContext(open_configured_installation(), OPERATOR, now())
