"""A phone in the hand of somebody who answers: a browser that can lose everything but its storage."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, StorageState
from playwright.sync_api import TimeoutError as TookTooLong

from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue
from tests.faults.forms import Form, FormItem, Kind, read_review, stroke
from tests.faults.network_watch import Watch
from tests.faults.screens import ACTIVE, AHEAD, CACHED, CHECKED, REVIEWED, SCREEN, TURN, Screen, phone_script
from tests.faults.world import World
from tests.scenarios.people import PIN

GUARD_SECONDS = 60.0
"""Only against hanging: what a phone did is read from the phone."""
_TRY_MS = 5000
"""One attempt; whether it was a tap is then read from the page."""


@dataclass
class Phone:
    """One browser, bound to the participant; `page` is None while no tab is open."""

    name: str
    browser: Browser
    world: World
    slot: str
    cookie: str
    form: Form
    keeps: bool
    """Whether the study lets it keep answers that wait."""
    wrong_by: int
    """The seconds by which its clock is ahead of the world's."""
    watch: Watch = field(default_factory=Watch)
    own_answers: list[tuple[str, AnswerValue]] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    """The words that were typed on the page that is open now; only the page itself holds them."""
    reviewed: dict[str, AnswerValue] | None = None
    """What stood on the review when Send was tapped last."""
    online: bool = True
    context: BrowserContext | None = None
    page: Page | None = None
    settled: bool = False
    """Whether the worker was given the time to come."""
    begins_ahead: str = ""
    """By how much the clock of a new page is ahead, as its browser was told last."""

    @property
    def promised(self) -> list[tuple[str, AnswerValue]]:
        """What it gave and may not lose, whatever happens: choices and numbers where the phone keeps them."""
        return [
            (code, value) for code, value in self.own_answers if self.keeps and not isinstance(value, str)
        ]

    def find_item(self, heading: str) -> FormItem | None:
        """The item that is asked in these words, or has this name in a list."""
        return next((item for item in self.form.values() if heading in (item.words, item.name)), None)

    def switch_on(self, stored: StorageState | None = None) -> BrowserContext:
        """A browser with what the phone had kept."""
        context = self.browser.new_context(
            viewport={"width": 360, "height": 740},
            has_touch=True,
            locale="en-GB",
            timezone_id="Asia/Shanghai",
            storage_state=stored,
        )
        context.set_default_timeout(GUARD_SECONDS * 1000)
        context.add_init_script(phone_script(keeps=self.keeps))
        context.add_cookies([{"name": "device", "value": self.cookie, "url": self.world.url}])
        self.watch.attach(context)
        self.context, self.begins_ahead = context, ""
        self.set_clock()
        context.set_offline(not self.online)
        return context

    def holds(self) -> dict[str, Any]:
        """The outbox as it is stored, whether a page is open or not."""
        origins = self.context.storage_state()["origins"] if self.context else []
        entries = [entry for origin in origins for entry in origin["localStorage"]]
        return {each["name"]: json.loads(each["value"]) for each in entries if each["name"].startswith("ob:")}

    def switch_off(self) -> StorageState | None:
        """The battery is empty: only what was stored remains."""
        stored = self.context.storage_state() if self.context else None
        if self.context:
            self.context.close()
        self.context = self.page = None
        self.typed, self.settled = [], False
        return stored

    def set_clock(self) -> None:
        """Show the world's time, and be as wrong as ever, on this page and on those that come."""
        self._begin_ahead()
        for page in self.context.pages if self.context else ():
            self._move_clock(page)

    def _begin_ahead(self) -> None:
        if self.context and self.begins_ahead != self._ahead:
            self.begins_ahead = self._ahead
            self.context.add_init_script(self._ahead)

    def _move_clock(self, page: Page) -> None:
        with suppress(Error):  # a page that is being left; the next one reads it for itself
            page.evaluate(self._ahead)

    @property
    def _ahead(self) -> str:
        return AHEAD.format(ms=int((self.world.ahead + self.wrong_by) * 1000))

    def by_the_world(self, shown: datetime) -> datetime:
        """When it really was that this phone's clock showed this."""
        return shown - timedelta(seconds=self.wrong_by)

    def connect(self, online: bool) -> None:
        self.online = online
        if self.context:
            self.context.set_offline(not online)

    def visit(self, path: str) -> Screen:
        """Open a page in a tab, this one or a new one."""
        context = self.context or self.switch_on()
        self.page = self.page or context.new_page()
        self.watch.forget_page()
        self._begin_ahead()
        with self.leaving():
            try:
                self.page.goto(f"{self.world.url}{path}")
            except Error as failed:
                if "ERR_" not in failed.message and "interrupted" not in failed.message:
                    raise
        return self.screen()

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Whoever leaves a page on which words still wait is asked whether they mean it, and does."""
        waits, prompts = self.words_waiting(), self.watch.prompts_to_stay
        yield
        lost = waits & self.words_waiting()
        if lost and self.watch.prompts_to_stay == prompts:
            self.watch.faults.append(f"{self.name}: {lost} was left behind without a warning")
        self.typed = []
        self.watch.forget_page()  # the page that went may have made a last attempt

    def words_waiting(self) -> set[str]:
        """The words of this page that nobody has acknowledged yet."""
        taken = [*self.watch.acknowledged.values(), *self.watch.judged.values()]
        return set(self.typed).difference(word for word in taken if isinstance(word, str))

    def unlock_beside(self) -> None:
        """Confirm in a second tab who it is, while this page keeps what only a page can hold."""
        assert self.page
        with self.page.context.expect_page() as opened:
            self.tap(self.page.locator("#login a"))
        page, self.page = self.page, opened.value
        before = set(self.watch.flying)
        try:
            self.page.wait_for_load_state()
            if self.screen().kind == "pin":
                self.confirm()
        finally:
            self.page.close()
            self.page = page
            for request in self.watch.flying.keys() - before:
                del self.watch.flying[request]  # the tab's own, of which nobody hears any more
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def settle(self) -> None:
        """Where the study wants it, the worker comes at home."""
        if self.visit("/home").kind == "pin":
            self.confirm()
        if self.page and self.screen().kind == "home":
            self.settled = True
            until = time.monotonic() + GUARD_SECONDS
            while not self.page.evaluate(ACTIVE):
                if time.monotonic() > until:
                    self.watch.faults.append(f"{self.name}: no worker came")
                    return
                self.turn()

    def cached(self) -> list[tuple[str, str, int, str]]:
        """The pages that a worker keeps: address, words, number of answers, and revision."""
        if not self.settled or self.page is None or self.screen().kind == "none":
            return []
        with suppress(Error):  # a page that is being left
            return [(path, words, count, at) for path, words, count, at in self.page.evaluate(CACHED)]
        return []

    def crash(self) -> None:
        """The system kills the browser's process: no handler of the page runs any more."""
        if self.page is None or self.context is None:
            return
        # The browser's own page of an error has nothing to lose; a worker may live in the same process,
        # and the test's line to the browser does not outlive that one.
        if self.screen().kind != "none" and not self.settled:
            with suppress(Error), self.page.expect_event("crash"):
                self.page.goto("chrome://crash")
        self.close_tab()

    def close_tab(self) -> None:
        if self.page is not None:
            self.page.close()
        self.page, self.typed = None, []
        self.watch.forget_page()

    def screen(self) -> Screen:
        while self.page:
            try:
                return Screen(**self.page.evaluate(SCREEN))
            except Error as failed:
                if "context was destroyed" not in failed.message:  # another page is on its way
                    raise
                self.page.wait_for_load_state()
        return Screen()

    def checked(self) -> dict[str, AnswerValue]:
        """The answers that stand on the form."""
        assert self.page
        rows = [
            (self.find_item(words), is_checked, value)
            for words, is_checked, value in self.page.evaluate(CHECKED)
        ]
        return {item.code: item.read(value) for item, is_checked, value in rows if item and is_checked}

    def answered(self, item: FormItem) -> bool:
        """Whether an answer to it stands on the form; that it is ticked in a list is none yet.

        A list is answered where a box of it is ticked, or "none of these". Without a connection a form does
        not show the ticks that had arrived, and whoever sees none gives them again.
        """
        shown = self.checked()
        if item.kind is Kind.list and shown.get(item.code) == 1:
            listed = [code for code, each in self.form.items() if each.listed]
            return any(shown.get(code, NOT_TICKED) != NOT_TICKED for code in listed)
        return shown.get(item.code, OPEN) != OPEN

    def choose(self, seen: Screen, drawn: int) -> None:
        """Answer the question on the screen that was just looked at: tap an option of it, or type."""
        assert self.page
        item = self.find_item(seen.heading)
        if item is None:
            return  # the thanks came while the finger was on its way
        before = self.checked()
        if item.kind is Kind.list:
            self._tick(before, drawn)
            return
        answer = stroke(item, drawn, f"{self.name}{len(self.own_answers)}")
        if answer.typed:
            field_of_item = self.page.locator("section.on input:not([type])")
            target, touch = field_of_item, lambda: field_of_item.fill(answer.typed, timeout=_TRY_MS)
        else:
            option = self.page.locator("section.on label.o:not(.no-js)").nth(answer.option)
            target, touch = option, lambda: option.tap(timeout=_TRY_MS)
        if not self._touch(target, touch, lambda _now: self._shows(item, answer.value)):
            return
        if item.code not in before or before[item.code] != answer.value:
            self.own_answers.append((item.code, answer.value))
        if isinstance(answer.value, str):
            self.typed.append(answer.value)

    def _tick(self, before: dict[str, AnswerValue], drawn: int) -> None:
        """Tap one box of the list: each of them has its turn, and "none of these" takes the others away."""
        assert self.page
        boxes = self.page.locator("section.on label.o:not(.no-js)")
        box = boxes.nth((drawn + len(self.own_answers)) % max(boxes.count(), 1))
        self._touch(
            box, lambda: box.tap(timeout=_TRY_MS), lambda now: now.kind == "form" and self.checked() != before
        )
        after = self.checked() if self.screen().kind == "form" else before
        for code, item in self.form.items():
            gone = NOT_TICKED if item.listed else OPEN
            if before.get(code, gone) != after.get(code, gone):
                self.own_answers.append((code, after.get(code, gone)))

    def _shows(self, item: FormItem, value: AnswerValue) -> bool:
        return self.screen().kind == "form" and self.checked().get(item.code) == value

    def tap(self, target: Locator, seen: Screen | None = None) -> bool:
        """Tap it; False when the page has gone on and there is nothing to tap any more.

        `seen` is the screen, where it was just looked at.
        """
        before = seen or self.screen()

        def is_done(now: Screen) -> bool:
            return now.clicks > before.clicks or now.born != before.born

        return self._touch(target, lambda: target.tap(timeout=_TRY_MS), is_done)

    def _touch(self, target: Locator, touch: Callable[[], None], is_done: Callable[[Screen], bool]) -> bool:
        """Touch it until the page says that it was touched, or that it is not there any more."""
        until = time.monotonic() + GUARD_SECONDS
        while target.is_visible():
            try:
                touch()
            except TookTooLong:
                if is_done(self.screen()):
                    return True
                if time.monotonic() > until:
                    raise
            else:
                return True
        return False

    def turn(self) -> None:
        """Let the page do what it has to do; a slow machine makes that longer, not less."""
        if self.page is None:
            return
        try:
            self.page.evaluate(TURN)
        except Error as failed:
            if "context was destroyed" not in failed.message:  # another page is on its way
                raise
            self.page.wait_for_load_state()

    def next(self, seen: Screen) -> None:
        """Tap Next on this screen, a little later than the last time: the phone's clock tells."""
        assert self.page
        item = self.find_item(seen.heading)
        asks_list = item is not None and item.kind is Kind.list and not self.answered(item)
        self.world.forward(seconds=1)
        self._move_clock(self.page)
        self.tap(self.page.locator("#next"))
        if item and asks_list and self.screen().kind == "form" and self.checked().get(item.code) == 1:
            self.own_answers.append((item.code, 1))  # Next says of a list that it was gone through

    def send(self, seen: Screen) -> None:
        """Tap Send on this review, and remember what it showed.

        A second tap may find the review gone, because the first one has sent it: then it shows nothing new.
        """
        assert self.page
        rows = [(self.find_item(words), label) for words, label in self.page.evaluate(REVIEWED)]
        if rows:
            self.reviewed = read_review(self.form, [(item, label) for item, label in rows if item])
        self.next(seen)

    def take_back(self) -> Screen:
        """Whoever goes from the review to a question does not want to have sent any more."""
        seen = self.screen()
        if not seen.reviews:
            self.watch.sending_failed = False
        return seen

    def confirm(self) -> None:
        """Give the PIN that the page asks for."""
        assert self.page
        self.page.fill("main [name=pin]", PIN)
        with self.page.expect_navigation():
            self.tap(self.page.locator("footer button"))

    def begin(self) -> None:
        """Say who is answering, and begin."""
        assert self.page
        self.page.check("[name=who][value=self]")
        with self.page.expect_navigation():
            self.tap(self.page.locator("footer button"))
