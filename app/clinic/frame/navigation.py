"""The menu of the desk: one table, of which everybody sees what their grants in the chosen study allow."""

from dataclasses import dataclass

from app.domain.records.access import Actor, Permission
from app.i18n.marking import N_
from app.web.permissions import ROUTES
from app.web.urls import (
    ACCESS,
    ACCESS_REVIEW,
    CORRECTIONS,
    DESK,
    ENROL,
    MATRIX,
    PARTICIPANTS,
    REPORT,
    REQUESTS,
    SITES,
    STAFF,
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the menu: its address, and its name before translation.

    It is shown to whom the table of permissions lets in, and who has `permission`, if one is named.
    """

    permission: Permission | None
    address: str
    label: str


NAVIGATION: tuple[MenuEntry, ...] = (
    MenuEntry(Permission.PARTICIPANT_SEE, DESK, N_("Today")),
    MenuEntry(Permission.PARTICIPANT_SEE, PARTICIPANTS, N_("Participants")),
    MenuEntry(Permission.PARTICIPANT_SEE, ACCESS, N_("Getting in")),
    MenuEntry(Permission.TRAIL_SEE, MATRIX, N_("Matrix")),
    MenuEntry(None, REPORT, N_("Report")),
    MenuEntry(None, REQUESTS, N_("Requests")),
    MenuEntry(Permission.CORRECTION_DECIDE, CORRECTIONS, N_("To sign")),
    MenuEntry(None, ENROL, N_("Enrol")),
    MenuEntry(None, STAFF, N_("People")),
    MenuEntry(None, SITES, N_("Sites")),
    MenuEntry(None, ACCESS_REVIEW, N_("Access review")),
)
"""In the order of the menu. The first entry that somebody sees is where `/desk` leads them."""


def list_menu(actor: Actor) -> tuple[MenuEntry, ...]:
    """The entries that these grants show."""
    return tuple(
        entry
        for entry in NAVIGATION
        if all(
            permission is None or actor.reach(permission)
            for permission in (entry.permission, ROUTES["GET", entry.address].permission)
        )
    )
