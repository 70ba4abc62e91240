"""What surrounds every page of the desk: who is signed in, in which study, and the menu."""

from dataclasses import dataclass
from typing import ClassVar

from app.clinic.frame.addresses import return_to
from app.clinic.frame.studies import StaffStudy, address_within
from app.web.pages.page_frame import PageFrame


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
    `place` is the list from which the request comes, as `read_place` has it.
    """

    layout: ClassVar[str] = "clinic/desk.html"
    staff: str = ""
    study: StaffStudy | None = None
    studies: tuple[StaffStudy, ...] = ()
    menu: tuple[MenuItem, ...] = ()
    here_url: str = ""
    searches: bool = False
    search: str = ""
    place: str = ""

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
        return self.within(return_to(self.place, url))
