"""A phone in the hand of somebody who answers: a browser that can lose everything but its storage."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, StorageState

from tests.faults.study import CONDITIONAL, ITEMS, question
from tests.faults.watch import Watch
from tests.faults.world import World
from tests.services.people import PIN

LABELS = {"Not at all": 1, "A little": 2, "Quite a bit": 3, "Very much": 4, "Left blank": None}
CODES = {question(code): code for code in (*ITEMS, CONDITIONAL)}
_PATIENCE_MS, _TAP_MS = 5000, 3000
# The phone's clock goes with the world's, and its long waits are short: a test has no 20 seconds.
_PHONE = """(() => {
  const Real = Date, every = window.setInterval;
  const shown = () => Real.now() + (window.ahead || 0);
  window.Date = class extends Real {
    constructor(...told) { if (told.length) { super(...told); } else { super(shown()); } }
    static now() { return shown(); }
  };
  window.setInterval = (act, ms, ...more) => every(act, ms >= 10000 ? 500 : ms, ...more);
})()"""
# The server's moment may only go forward, so the greatest of all that was set is the last.
_AHEAD = "window.ahead = Math.max(window.ahead || 0, {ms})"
_SCREEN = """() => {
  const one = (found) => document.querySelector(found);
  const seen = (what) => !!what && what.getClientRects().length > 0 && !what.classList.contains('vh');
  const on = one('section.on'), main = on || document, net = one('#net'), outbox = {};
  const place = location.pathname, has = (found) => !!one(found), left = one('#unsent');
  try { Object.keys(localStorage).filter((key) => /^ob:/.test(key)).forEach((key) => {
    outbox[key] = JSON.parse(localStorage[key]); }); } catch (refused) { /* a page of the browser's own */ }
  return {
    kind: /done$/.test(place) ? 'done' : has('#f') ? 'form' : has('[name=who]') ? 'begin'
      : has('main [name=pin]') ? 'pin' : /^.home/.test(place) ? 'home' : has('#main') ? 'other' : 'none',
    at: on ? on.id : '', heading: (main.querySelector('h1') || {}).textContent || '',
    net: ((net || left || {}).textContent || '').trim(),
    warned: seen(net) && !!net.textContent.trim() || seen(left) && /^Answers not sent/.test(left.textContent),
    login: seen(one('#login')),
    receipt: (/Receipt (\\w+)/.exec((document.body || {}).innerText) || ['', ''])[1],
    outbox: outbox,
  };
}"""
_CHECKED = """() => [].slice.call(document.querySelectorAll('#f section[id^=s-]')).map((section) => {
  const on = section.querySelector('[type=radio]:checked'), blank = section.querySelector('[type=checkbox]');
  return [section.querySelector('h1').textContent, on ? +on.value : blank && blank.checked ? null : 0];
})"""
_REVIEWED = """() => [].slice.call(document.querySelectorAll('#rows > div')).map((row) =>
  [row.querySelector('dt').textContent.replace(/^\\d+\\. /, ''), row.querySelector('dd').textContent])"""


@dataclass(frozen=True, slots=True)
class Screen:
    """What the participant sees, and what their phone holds."""

    kind: str = "none"
    at: str = ""
    heading: str = ""
    net: str = ""
    warned: bool = False
    login: bool = False
    receipt: str = ""
    outbox: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str | None:
        """The item that is asked, known by its words."""
        return CODES.get(self.heading)

    @property
    def reviews(self) -> bool:
        return self.at == "review"


@dataclass
class Phone:
    """One browser, bound to the participant; `page` is None while no tab is open."""

    name: str
    browser: Browser
    world: World
    slot: str
    cookie: str
    watch: Watch = field(default_factory=Watch)
    given: list[tuple[str, int]] = field(default_factory=list)
    reviewed: dict[str, int | None] | None = None
    """What stood on the review when Send was tapped last."""
    online: bool = True
    context: BrowserContext | None = None
    page: Page | None = None

    def switch_on(self, stored: StorageState | None = None) -> BrowserContext:
        """A browser with what the phone had kept."""
        context = self.browser.new_context(
            viewport={"width": 360, "height": 740},
            has_touch=True,
            locale="en-GB",
            timezone_id="Asia/Shanghai",
            storage_state=stored,
        )
        context.set_default_timeout(_PATIENCE_MS)
        context.add_init_script(_PHONE)
        context.add_cookies([{"name": "device", "value": self.cookie, "url": self.world.url}])
        self.watch.attach(context)
        self.context = context
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
        return stored

    def set_clock(self) -> None:
        """Show the world's time."""
        if self.context is None:
            return
        ahead = _AHEAD.format(ms=int(self.world.ahead * 1000))
        self.context.add_init_script(ahead)
        for page in self.context.pages:
            with suppress(Error):  # a page that is being left; the next one reads it for itself
                page.evaluate(ahead)

    def connect(self, online: bool) -> None:
        self.online = online
        if self.context:
            self.context.set_offline(not online)

    def visit(self, path: str) -> Screen:
        """Open a page in a tab, this one or a new one."""
        context = self.context or self.switch_on()
        self.page = self.page or context.new_page()
        self.watch.forget_page()
        try:
            self.page.goto(f"{self.world.url}{path}")
        except Error as failed:
            if "ERR_" not in failed.message and "interrupted" not in failed.message:
                raise
        self.watch.forget_page()  # the page that went may have made a last attempt
        return self.screen()

    def crash(self) -> None:
        """The system kills the browser's process: no handler of the page runs any more."""
        if self.page is None or self.context is None:
            return
        if self.screen().kind != "none":  # the browser's own page of an error has nothing to lose
            with suppress(Error), self.page.expect_event("crash"):
                self.page.goto("chrome://crash", timeout=_TAP_MS)
        self.close_tab()

    def close_tab(self) -> None:
        if self.page is not None:
            self.page.close()
        self.page = None
        self.watch.forget_page()

    def screen(self) -> Screen:
        while self.page:
            try:
                return Screen(**self.page.evaluate(_SCREEN))
            except Error as failed:
                if "context was destroyed" not in failed.message:  # another page is on its way
                    raise
                self.page.wait_for_load_state()
        return Screen()

    def checked(self) -> dict[str, int | None]:
        """The answers that stand on the form; 0 is none."""
        assert self.page
        return {CODES[words]: value for words, value in self.page.evaluate(_CHECKED)}

    def choose(self, value: int) -> None:
        """Tap one of the four options of the question on the screen."""
        assert self.page
        code = self.screen().code
        if code is None:
            return  # the thanks came while the finger was on its way
        before = self.checked().get(code)
        self.page.locator("section.on label.o:not(.no-js)").nth(value - 1).tap(timeout=_TAP_MS)
        if before != value:
            self.given.append((code, value))

    def next(self) -> None:
        """Tap Next, a little later than the last time: the phone's clock tells."""
        assert self.page
        self.world.forward(seconds=1)
        self.set_clock()
        self.page.locator("#next").tap(timeout=_TAP_MS)

    def send(self) -> None:
        """Tap Send on the review, and remember what it showed."""
        assert self.page
        rows = self.page.evaluate(_REVIEWED)
        self.reviewed = {CODES[words]: LABELS[label] for words, label in rows}
        self.next()

    def confirm(self) -> None:
        """Give the PIN that the page asks for."""
        assert self.page
        self.page.fill("main [name=pin]", PIN)
        with self.page.expect_navigation():
            self.page.locator("main form:has([name=pin]) button").tap()

    def begin(self) -> None:
        """Say who is answering, and begin."""
        assert self.page
        self.page.check("[name=who][value=self]")
        with self.page.expect_navigation():
            self.page.locator("footer button").tap()
