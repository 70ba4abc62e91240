"""The end of an interleaving: everything works again, and nobody may be left with anything."""

from datetime import datetime

from tests.faults.interleaving import RETRIED, Interleaving
from tests.faults.phones import Phone
from tests.faults.screen_checks import look
from tests.faults.screens import Screen


def make_peace(made: Interleaving) -> None:
    """Everything works again, the participant looks at each phone once more and finishes the form."""
    made.world.start()
    due = [phone for phone in made.phones if _owes_a_response(made, phone)]
    for phone in made.phones:
        phone.connect(online=True)
    for phone in made.phones:
        if phone.context is not None:
            _come_back(made, phone)
    for phone in due:
        if not made.ledger.receipts():
            made.fault(f"{phone.name}: Send was pressed in time, and nothing is sent")
    owner = made.phones[0]
    if made.open(owner).kind == "form":
        made.send(owner, 1)
        if not made.soon(lambda seen: seen.kind == "done", owner, RETRIED):
            made.fault(f"A: sent at the end, and no thanks: {owner.screen()}")
    for phone in made.phones:
        look(made, phone)


def _owes_a_response(made: Interleaving, phone: Phone) -> bool:
    """Whether the phone kept that Send was pressed, on a form of this phone's alone, in time."""
    pressed = [datetime.fromisoformat(box["w"]) for box in phone.holds().values() if box["w"]]
    alone = not any(other.given for other in made.phones if other is not phone)
    return bool(pressed) and alone and made.ledger.in_time(phone.by_the_world(pressed[0]), made.world.at)


def _come_back(made: Interleaving, phone: Phone) -> None:
    seen = phone.screen()
    if seen.kind == "form" and phone.page:
        phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        made.soon(lambda now: now.login or not _waits(phone, now), phone)
        made.ready(phone)
    else:
        phone.visit("/home")
        if phone.screen().kind == "pin":
            phone.confirm()
    made.note(f"   {phone.name} comes back to {phone.screen().kind}")
    if not made.soon(lambda now: not _waits(phone, now), phone, RETRIED):
        left = phone.watch.left or list(phone.watch.flying)
        made.fault(f"{phone.name}: could not send what it holds: {phone.screen()} {left}")
    look(made, phone)


def _waits(phone: Phone, seen: Screen) -> bool:
    """A phone that may keep nothing always warns of that."""
    return bool(seen.outbox or phone.watch.waits or phone.watch.unsent or (seen.warned and phone.keeps))
