"""A seed becomes a list of acts; the acts are done one after the other, and each is followed by a look."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from playwright.sync_api import Browser, Error

from tests.faults.ledger import Ledger
from tests.faults.phones import Phone, Screen
from tests.faults.study import VISIT, enrolled
from tests.faults.world import World

WEIGHTS = {
    "answer": 40,
    "back": 4,
    "offline": 6,
    "online": 0,
    "kill": 5,
    "start": 0,
    "crash": 5,
    "close": 3,
    "restart": 3,
    "open": 6,
    "idle": 2,
    "wait": 3,
    "send": 6,
    "close window": 2,
    "end grace": 1,
    "end late arrival": 1,
}
_CURES = {"offline": "online", "kill": "start"}
_QUIET_SECONDS = 12.0
_PAUSES = (0, 0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens: to which phone, with which answer, and how long until the next."""

    kind: str
    phone: int
    value: int
    pause: float

    def __str__(self) -> str:
        return f"{self.kind} {'AB'[self.phone]} {self.value} ({self.pause * 1000:.0f} ms)"


def drawn(seed: int) -> list[Act]:
    """Ten to twenty-five acts; the same seed draws the same."""
    draw = random.Random(seed)
    second = draw.random() < 0.4
    return [
        Act(kind, int(second and draw.random() < 0.3), draw.randint(1, 4), draw.choice(_PAUSES))
        for kind in _kinds(draw, draw.randint(10, 25))
    ]


def _kinds(draw: random.Random, count: int) -> Iterator[str]:
    """Troubles pass before long: somebody without a connection mostly gets it back."""
    weights = dict(WEIGHTS)
    for _ in range(count):
        kind = draw.choices(list(weights), list(weights.values()))[0]
        yield kind
        for trouble, cure in _CURES.items():
            if kind in (trouble, cure):
                weights[cure] = 25 if kind == trouble else 0


def silent(_words: str) -> None:
    """Nobody listens."""


@dataclass
class Interleaving:
    """One participant, two phones, and what is wrong so far."""

    world: World
    phones: tuple[Phone, Phone]
    ledger: Ledger
    say: Callable[[str], object] = silent
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

    def act(self, act: Act) -> None:
        phone = self.phones[act.phone]
        self.note(str(act))
        try:
            _ACTS[act.kind](self, phone, act)
        except Error as failed:
            # The page may go while a finger is on its way to it: it was sent, or closed.
            self.note(f"   {failed.message.splitlines()[0]}")
            if phone.screen().kind == "form":
                self.fault(f"{phone.name}: {act.kind} is not possible: {failed.message}")
        time.sleep(act.pause)
        if act.kind not in ("answer", "send") or not act.pause:
            for each in self.phones:
                self.look(each)

    # What a participant does.

    def open(self, phone: Phone) -> Screen:
        """Come to the form, whatever stands in between; what it then shows must be what is kept."""
        before = self.ledger.draft()
        seen = phone.screen() if phone.screen().kind == "pin" else phone.visit(f"/f/{phone.slot}")
        for _ in range(3):
            if seen.kind == "pin":
                self.attempt(phone.confirm)
            elif seen.kind == "begin":
                self.attempt(phone.begin)
            seen = phone.screen()
        if seen.kind == "form":
            self.compare(phone, before)
        self.note(f"   {phone.name} sees {seen.kind} {seen.at or seen.heading.strip()[:40]}")
        return seen

    def compare(self, phone: Phone, before: dict[str, int | None]) -> None:
        """A form that was just opened shows the draft, or what this phone gave and could not send yet.

        What arrives while the page is on its way, from the page before it or from another phone, may
        be on it or not.
        """
        after, own = self.ledger.draft(), dict(phone.given)
        for item, value in phone.checked().items():
            allowed = {held.get(item, 0) for held in (before, after, own)}
            if value not in allowed:
                self.fault(f"{phone.name}: the form opened with {item} = {value}, kept is {allowed}")

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
        """The link of the form leads to where the PIN is given, and from there back to the form."""
        assert phone.page
        with phone.page.expect_navigation():
            phone.page.locator("#login a").tap()
        self.open(phone)

    def answer(self, phone: Phone, value: int) -> None:
        seen = self.ready(phone)
        if seen.kind != "form":
            return
        if seen.reviews and phone.page:
            phone.page.locator("#rows a").nth(value - 1).tap()
        self.note(f"   {phone.name} answers {phone.screen().code} {value}")
        phone.choose(value)
        phone.next()

    def finish(self, phone: Phone, value: int) -> Screen:
        """Answer what is still open, and come to the review."""
        seen = Screen()
        for number in range(40):
            seen = self.ready(phone)
            if seen.kind != "form" or seen.reviews:
                return seen
            if phone.checked().get(seen.code or "") == 0:
                phone.choose(1 + (value + number) % 4)
            phone.next()
        self.fault(f"{phone.name}: no way to the review")
        return seen

    def send(self, phone: Phone, value: int) -> None:
        if self.finish(phone, value).reviews:
            phone.send()

    # What must be true at every moment.

    def look(self, phone: Phone) -> None:
        seen = phone.screen()
        watch = phone.watch
        if not self._tells(phone, seen) and not self._soon(lambda now: self._tells(phone, now), phone):
            self.fault(f"{phone.name}: an attempt failed and nothing says so: {phone.screen()}")
        if self._boasts(phone, seen) and not self._soon(lambda now: not self._boasts(phone, now), phone):
            self.fault(f"{phone.name}: says that all is sent: {phone.screen()}")
        for lie in self.ledger.lies(seen):
            self.fault(f"{phone.name}: {lie}")
        if seen.receipt:
            self.claimed.add(seen.receipt)
        self.faults += [each for each in watch.faults if each not in self.faults]

    def _tells(self, phone: Phone, now: Screen) -> bool:
        """Whether a page from which an attempt failed says that something is not sent."""
        told = now.warned or now.login or now.kind not in ("form", "home")
        return told or not phone.watch.unsent

    def _boasts(self, phone: Phone, now: Screen) -> bool:
        return now.net == "All answers sent" and bool(phone.watch.unsent or now.outbox)

    def _soon(self, true: Callable[[Screen], bool], phone: Phone, seconds: float = 2.0) -> bool:
        until = time.monotonic() + seconds
        while not true(phone.screen()):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    # The end.

    def make_peace(self) -> None:
        """Everything works again, the participant looks at each phone once more and finishes the form."""
        self.world.start()
        due = [phone for phone in self.phones if self._owes_a_response(phone)]
        for phone in self.phones:
            phone.connect(online=True)
        for phone in self.phones:
            if phone.context is not None:
                self._come_back(phone)
        for phone in due:
            if not self.ledger.receipts():
                self.fault(f"{phone.name}: Send was pressed in time, and nothing is sent")
        owner = self.phones[0]
        if self.open(owner).kind == "form":
            self.send(owner, 1)
            if not self._soon(lambda seen: seen.kind == "done", owner, 6):
                self.fault(f"A: sent at the end, and no thanks: {owner.screen()}")
        for phone in self.phones:
            self.look(phone)

    def _owes_a_response(self, phone: Phone) -> bool:
        """Whether the phone kept that Send was pressed, on a form of this phone's alone, in time."""
        pressed = [box["w"] for box in phone.holds().values() if box["w"]]
        alone = not any(other.given for other in self.phones if other is not phone)
        return (
            bool(pressed) and alone and self.ledger.in_time(datetime.fromisoformat(pressed[0]), self.world.at)
        )

    def _come_back(self, phone: Phone) -> None:
        seen = phone.screen()
        if seen.kind == "form" and phone.page:
            phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            self._soon(lambda now: now.login or not self._waits(phone, now), phone)
            self.ready(phone)
        else:
            phone.visit("/home")
            if phone.screen().kind == "pin":
                phone.confirm()
        self.note(f"   {phone.name} comes back to {phone.screen().kind}")
        if not self._soon(lambda now: not self._waits(phone, now), phone, _QUIET_SECONDS):
            self.fault(f"{phone.name}: could not send what it holds: {phone.screen()}")
        self.look(phone)

    def _waits(self, phone: Phone, seen: Screen) -> bool:
        return bool(seen.outbox or seen.warned or phone.watch.waits)


def run(world: World, browser: Browser, seed: int, say: Callable[[str], object] = silent) -> Interleaving:
    """One interleaving from its seed; what is wrong stands in `faults`. `say` hears the log as it grows."""
    world.start()
    world.people += 1
    person, cookies = enrolled(world.installation, world.site, world.people, world.at)
    slot = person.slot(VISIT)
    phones = [
        Phone(name, browser, world, slot.public_id, cookie)
        for name, cookie in zip("AB", cookies, strict=True)
    ]
    made = Interleaving(world, (phones[0], phones[1]), Ledger(world.installation, slot.id or 0), say)
    try:
        made.open(phones[0])
        for act in drawn(seed):
            made.act(act)
        made.make_peace()
        made.faults += made.ledger.faults(made.phones, made.claimed)
    except Error as failed:
        made.fault(f"the browser could not go on: {failed.message}")
    finally:
        for phone in phones:
            phone.switch_off()
    return made


def _kill(made: Interleaving, phone: Phone, act: Act) -> None:
    """Often in the middle of taking an answer."""
    if act.value > 2:
        made.answer(phone, act.value)
        time.sleep(act.pause)
    made.world.kill()


def _restart_phone(_made: Interleaving, phone: Phone, _act: Act) -> None:
    if phone.context is not None:
        phone.watch.forget_page()
        phone.switch_on(phone.switch_off())


def _back(_made: Interleaving, phone: Phone, _act: Act) -> None:
    seen = phone.screen()
    if seen.kind == "form" and phone.page:
        phone.page.locator("#back").tap()


def _pass(made: Interleaving, **spans: float) -> None:
    made.world.forward(**spans)
    for phone in made.phones:
        phone.set_clock()


def _pass_until(made: Interleaving, hours: float) -> None:
    """To so many hours after the closing of the form's window; never back."""
    closes_at = made.ledger.slot().closes_at
    assert closes_at
    left = closes_at - made.world.at
    _pass(made, seconds=max(0.0, left.total_seconds()) + hours * 3600)


def _wait(made: Interleaving, phone: Phone, _act: Act) -> None:
    if phone.page:
        phone.page.wait_for_timeout(600)
    made.note(f"   {phone.name}: {phone.screen().net}")


_ACTS: dict[str, Callable[[Interleaving, Phone, Act], object]] = {
    "answer": lambda made, phone, act: made.answer(phone, act.value),
    "back": _back,
    "offline": lambda _made, phone, _act: phone.connect(online=False),
    "online": lambda _made, phone, _act: phone.connect(online=True),
    "kill": _kill,
    "start": lambda made, _phone, _act: made.world.start(),
    "crash": lambda _made, phone, _act: phone.crash(),
    "close": lambda _made, phone, _act: phone.close_tab(),
    "restart": _restart_phone,
    "open": lambda made, phone, _act: made.open(phone),
    "idle": lambda made, _phone, _act: _pass(made, minutes=20),
    "wait": _wait,
    "send": lambda made, phone, act: made.send(phone, act.value),
    "close window": lambda made, _phone, _act: _pass_until(made, 1),
    "end grace": lambda made, _phone, _act: _pass_until(made, 49),
    "end late arrival": lambda made, _phone, _act: _pass_until(made, 73),
}
