"""Somebody who holds a link to a served application, and their way from the link to the first question."""

from dataclasses import dataclass

from playwright.sync_api import Page
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.schedule import Slot
from tests.applications import Clock
from tests.axe import find_violations
from tests.faces.participant_browsers import Phone
from tests.scenarios.people import PIN


@dataclass
class World:
    """A served application, its clock, and somebody of the test's own who holds a link."""

    url: str
    clock: Clock
    phone: Phone

    @property
    def link(self) -> str:
        return f"{self.url}/a/{self.phone.link}"

    def response(self) -> Response:
        with self.phone.person.installation.read() as session:
            return session.exec(select(Response).where(col(Response.slot_id).in_(self._slots()))).one()

    def events(self) -> list[tuple[str, int | None]]:
        with self.phone.person.installation.read() as session:
            own = select(AnswerEvent).where(col(AnswerEvent.slot_id).in_(self._slots()))
            return [(row.item, row.value) for row in session.exec(own)]

    def _slots(self) -> SelectOfScalar[int]:
        return select(col(Slot.id)).where(Slot.participant_id == self.phone.person.row().id)


def check_accessible(tab: Page) -> None:
    """No finding of axe, and nothing wider than a small phone."""
    assert find_violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def activate_in(tab: Page, world: World) -> None:
    """From the link to home."""
    tab.goto(world.link)
    tab.locator("footer button").click()
    for name in ("pin", "pin_again"):
        tab.fill(f"[name={name}]", PIN)
    tab.locator("footer button").click()
    for step in ("welcome", "practice"):
        tab.wait_for_url(f"**/{step}")
        tab.locator("footer a").click()
    tab.wait_for_url("**/home/ready")


def open_first_question(tab: Page) -> None:
    """From home to the first question."""
    tab.locator("main a.btn").first.click()
    tab.check("[name=who][value=self]")
    tab.locator("footer button").click()
    tab.wait_for_selector("#f")
