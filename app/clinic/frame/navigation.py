"""The frame of the desk with its menu, of which everybody sees what their grants in the study allow."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlencode

from starlette.requests import Request

from app.clinic.frame.addresses import return_to
from app.clinic.frame.studies import STUDY, StaffStudy, address_within
from app.domain.records.access import Actor, Permission
from app.i18n.marking import N_
from app.services.accounts.staff_session import IDLE, IDLE_WARNING
from app.web.pages.page_frame import PageFrame
from app.web.permissions import ROUTES, permission_of
from app.web.urls import (
    ACCESS,
    ACCESS_REVIEW,
    ALERTS,
    CLIENTS,
    CORRECTIONS,
    DESK,
    ENROL,
    EXPORTS,
    LICENCES,
    MATRIX,
    PARTICIPANTS,
    REPORT,
    REQUESTS,
    SCORE_LIST,
    SETTLE,
    SITES,
    STAFF,
    STUDIES,
    STUDY_PLAN,
    TRAIL,
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the menu: its address, and its name before translation.

    It is shown to whom the table of permissions lets in. `permission` keeps it to those who work with it:
    whoever only reads finds participants by their codes, and by the matrix, the report and the trail. Of two
    entries with one address the first that is shown stands for both.
    """

    address: str
    label: str
    permission: Permission | None = None


NAVIGATION: tuple[MenuEntry, ...] = (
    MenuEntry(DESK, N_("Today"), Permission.CONTACT_LOG),
    MenuEntry(ALERTS, N_("Alerts"), Permission.ALERT_HANDLE),
    MenuEntry(CORRECTIONS, N_("To sign"), Permission.CORRECTION_DECIDE),
    MenuEntry(SCORE_LIST, N_("Scores"), Permission.CORRECTION_DECIDE),
    MenuEntry(SETTLE, N_("To settle")),
    MenuEntry(PARTICIPANTS, N_("Participants"), Permission.CONTACT_LOG),
    MenuEntry(ACCESS, N_("Sign-in problems"), Permission.CONTACT_LOG),
    MenuEntry(MATRIX, N_("Matrix")),
    MenuEntry(REPORT, N_("Report")),
    MenuEntry(EXPORTS, N_("Exports")),
    MenuEntry(TRAIL, N_("Trail")),
    MenuEntry(REQUESTS, N_("Requests")),
    MenuEntry(CORRECTIONS, N_("Corrections"), Permission.CORRECTION_PROPOSE),
    MenuEntry(SCORE_LIST, N_("Scores")),
    MenuEntry(ENROL, N_("Enrol")),
    MenuEntry(STAFF, N_("People")),
    MenuEntry(SITES, N_("Sites")),
    MenuEntry(STUDIES, N_("Studies"), Permission.SITE_MANAGE),
    MenuEntry(STUDY_PLAN, N_("Study plan")),
    MenuEntry(CLIENTS, N_("Clients")),
    MenuEntry(LICENCES, N_("Licences")),
    MenuEntry(ACCESS_REVIEW, N_("Access review")),
)
"""In the order of the menu. The first entry that somebody sees is where `/desk` leads them."""


def list_menu(actor: Actor) -> tuple[MenuEntry, ...]:
    """The entries that these grants show."""
    shown: dict[str, MenuEntry] = {}
    allowed = {None, *actor.permissions}
    for entry in NAVIGATION:
        if entry.permission in allowed and permission_of(entry.address) in allowed:
            shown.setdefault(entry.address, entry)
    return tuple(shown.values())


def find_current(entry: MenuEntry, path: str) -> str:
    """How an entry is marked on the page of this path: "page" on its own, "true" on one below it, or ""."""
    if path == entry.address:
        return "page"
    return "true" if entry.address != DESK and path.startswith(f"{entry.address}/") else ""


def find_page_address(request: Request) -> str:
    """The address of the page that a request shows, without study and news; the entrance where it has none.

    A form that was refused is shown under an address that may not be one to come back to.
    """
    if ("GET", request.scope["route"].path) not in ROUTES:
        return DESK
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] not in (STUDY, "done")]
    return f"{request.url.path}?{urlencode(pairs)}" if pairs else request.url.path


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An entry of the menu as it is drawn; `current` is "page" on its page, "true" on one below it.

    `count` is how much is open behind it; 0 also where nothing is counted.
    """

    url: str
    label: str
    current: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class DeskFrame(PageFrame):
    """The frame of a desk page: who is signed in, in which study, and what they may open there.

    `studies` are all of theirs; `here_url` leads to this page again; `searches`: they look codes up.
    `list_url` is the address of the list from which the request comes, as `read_list_position` has it.
    What is printed says who printed it and when, `as_of` in the `zone` of the study.
    """

    layout: ClassVar[str] = "clinic/desk.html"
    idle_seconds: ClassVar[int] = int((IDLE - IDLE_WARNING).total_seconds())
    staff: str = ""
    study: StaffStudy | None = None
    studies: tuple[StaffStudy, ...] = ()
    menu: tuple[MenuItem, ...] = ()
    here_url: str = ""
    searches: bool = False
    search: str = ""
    list_url: str = ""
    as_of: datetime | None = None
    zone: str = "UTC"

    @property
    def desk_js_href(self) -> str:
        return f"{self.static_root}/js/desk.js"

    @property
    def study_code(self) -> str:
        """The code that every address and form of this page carries; "" for somebody of one study alone."""
        return self.study.code if self.study and len(self.studies) > 1 else ""

    def within(self, url: str) -> str:
        """The address with the chosen study in it."""
        return address_within(url, self.study_code) if self.study_code else url

    def back_to(self, url: str) -> str:
        """The address of a list with all that was chosen there where an act began, and the study in it."""
        return self.within(return_to(self.list_url, url))
