"""What a participant does with two phones, whatever stands in between, and what was found wrong."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from playwright.sync_api import Error

from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue
from tests.faults.cases import Case, Keeping
from tests.faults.forms import is_excluded
from tests.faults.ledger import Ledger, answer_of
from tests.faults.phones import GUARD_SECONDS, Phone
from tests.faults.screens import Screen
from tests.faults.world import World

_NOTHING = "no answer"
SOON, RETRIED = 40, 160
"""Turns of a page, each some 50 ms of its own: enough for its next step; and for what it tries again."""


def ignore_line(_words: str) -> None:
    """Nobody listens."""


@dataclass
class Interleaving:
    """One participant, two phones, and what is wrong so far."""

    case: Case
    world: World
    phones: tuple[Phone, Phone]
    ledger: Ledger
    say: Callable[[str], object] = ignore_line
    log: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    """Receipts that a screen showed."""

    def note(self, words: str) -> None:
        self.log.append(words)
        self.say(words)

    def fault(self, words: str) -> None:
        if words not in self.faults:
            self.faults.append(words)
            self.note(f"!! {words}")

    def open(self, phone: Phone) -> Screen:
        """Come to the form, whatever stands in between; what it then shows must be what is kept."""
        if self.case.keeping is Keeping.forms and phone.online and not phone.settled:
            self.attempt(phone.settle)
        before, answers = len(self.ledger.events()), self.ledger.draft()
        seen = phone.screen()
        if seen.kind != "pin":
            seen = phone.visit(f"/f/{phone.slot}")
        for _ in range(3):
            if seen.kind not in ("pin", "begin"):
                break
            self.attempt(phone.confirm if seen.kind == "pin" else phone.begin)
            seen = phone.screen()
        if seen.kind == "form":
            self.compare(phone, seen, answers, before)
        how = " without a connection" if seen.blank else ""
        self.note(f"   {phone.name} sees {seen.kind}{how} {seen.at or seen.heading.strip()[:40]}")
        return seen

    def compare(self, phone: Phone, seen: Screen, answers: Mapping[str, AnswerValue], before: int) -> None:
        """A form that was just opened shows the draft, or what this phone gave and could not send yet.

        What arrives while the page is on its way, from the page before it or from another phone, may
        be on it or not. Without a connection a form shows only what still waits on this phone.
        """
        shown, own = phone.checked(), dict(phone.promised)
        if not shown and phone.screen().kind != "form":
            return  # what was kept had gone out in between, and the page has gone on with it
        arrived = [(event.item, answer_of(event)) for event in self.ledger.events()[before:]]
        drafts = (answers, {**answers, **dict(arrived)}, {**answers, **own})
        for item, item_of_form in phone.form.items():
            value = shown.get(item, _NOTHING)
            allowed = {_NOTHING if seen.blank else answers.get(item, _NOTHING)}
            allowed |= {other for code, other in (*arrived, *own.items()) if code == item}
            if NOT_TICKED in allowed or (OPEN in allowed and not item_of_form.listed):
                allowed.add(_NOTHING)  # a box without its tick, or a question that is open again
            if any(is_excluded(phone.form, item_of_form, draft) for draft in drafts):
                allowed.add(_NOTHING)
            if value not in allowed:
                self.fault(f"{phone.name}: the form opened with {item} = {value}, kept is {allowed}")
        if seen.blank and len(shown) < len(seen.signs()):
            self.fault(f"{phone.name}: holds {seen.outbox}, and shows {shown}")

    def attempt(self, step: Callable[[], None]) -> None:
        """Something that needs a server, which may be away."""
        try:
            step()
        except Error as failed:
            self.note(f"   {failed.message.splitlines()[0]}")

    def ready(self, phone: Phone) -> Screen:
        """A form to answer, when there is a way to it."""
        seen = phone.screen()
        if seen.kind == "form" and seen.login:
            self.attempt(lambda: self.unlock(phone))
            seen = phone.screen()
        return seen if seen.kind in ("form", "done") else self.open(phone)

    def unlock(self, phone: Phone) -> None:
        """The link of the form leads to where the PIN is given, in a tab of its own or in this one."""
        assert phone.page
        link = phone.page.locator("#login a")
        if link.get_attribute("target") == "_blank":
            phone.unlock_beside()
            self.soon(lambda now: not now.login, phone)
            return
        with phone.leaving(), phone.page.expect_navigation():
            phone.tap(link)
        self.open(phone)

    def answer(self, phone: Phone, value: int) -> None:
        seen = self.ready(phone)
        if seen.kind != "form":
            return
        if seen.reviews and phone.page:
            rows = phone.page.locator("#rows a")
            phone.tap(rows.nth((value - 1) % max(rows.count(), 1)), seen)
            seen = phone.take_back()
        self.note(f"   {phone.name} answers {seen.heading} {value}")
        phone.choose(seen, value)
        phone.next(seen)

    def finish(self, phone: Phone, value: int) -> Screen:
        """Answer what is still open, and come to the review."""
        seen = Screen()
        for number in range(40):
            seen = self.ready(phone)
            if seen.kind != "form" or seen.reviews:
                return seen
            item = phone.find_item(seen.heading)
            if item and not phone.answered(item):
                phone.choose(seen, 1 + (value + number) % 4)
            phone.next(seen)
        self.fault(f"{phone.name}: no way to the review")
        return seen

    def send(self, phone: Phone, value: int) -> None:
        seen = self.finish(phone, value)
        if seen.reviews:
            phone.send(seen)

    def soon(self, is_true: Callable[[Screen], bool], phone: Phone, turns: int = SOON) -> bool:
        """Whether the screen comes to this within so many turns of the page in which nothing is under way.

        A page cannot know what the network has not told it yet, and a slow machine makes its turns slow:
        no time is measured here.
        """
        until = time.monotonic() + GUARD_SECONDS
        while not is_true(phone.screen()):
            if turns == 0 or time.monotonic() > until:
                return False
            turns -= not phone.watch.waits
            phone.turn() if phone.page else time.sleep(0.02)
        return True
