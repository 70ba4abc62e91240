"""The end of an interleaving: everything works again, and nobody may be left with anything."""

from datetime import datetime

from tests.faults.interleaving import RETRIED, Interleaving
from tests.faults.phones import Phone
from tests.faults.screen_checks import check_phone
from tests.faults.screens import Screen


def restore_all(interleaving: Interleaving) -> None:
    """Everything works again, the participant looks at each phone once more and finishes the form."""
    interleaving.world.start()
    due = [phone for phone in interleaving.phones if _owes_a_response(interleaving, phone)]
    for phone in interleaving.phones:
        phone.connect(online=True)
    for phone in interleaving.phones:
        if phone.context is not None:
            _come_back(interleaving, phone)
    for phone in due:
        if not interleaving.ledger.receipts():
            interleaving.fault(f"{phone.name}: Send was pressed in time, and nothing is sent")
    owner = interleaving.phones[0]
    if interleaving.open(owner).kind == "form":
        interleaving.send(owner, 1)
        if not interleaving.soon(lambda seen: seen.kind == "done", owner, RETRIED):
            interleaving.fault(f"A: sent at the end, and no thanks: {owner.screen()}")
    for phone in interleaving.phones:
        check_phone(interleaving, phone)


def _owes_a_response(interleaving: Interleaving, phone: Phone) -> bool:
    """Whether the phone kept that Send was pressed, on a form of this phone's alone, in time."""
    pressed = [datetime.fromisoformat(box["w"]) for box in phone.holds().values() if box["w"]]
    alone = not any(other.own_answers for other in interleaving.phones if other is not phone)
    return (
        bool(pressed)
        and alone
        and interleaving.ledger.in_time(phone.by_the_world(pressed[0]), interleaving.world.at)
    )


def _come_back(interleaving: Interleaving, phone: Phone) -> None:
    seen = phone.screen()
    if seen.kind == "form" and phone.page:
        phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        interleaving.soon(lambda now: now.login or not _waits(phone, now), phone)
        interleaving.ready(phone)
    else:
        phone.visit("/home")
        if phone.screen().kind == "pin":
            phone.confirm()
    interleaving.note(f"   {phone.name} comes back to {phone.screen().kind}")
    if not interleaving.soon(lambda now: not _waits(phone, now), phone, RETRIED):
        outstanding = phone.watch.outstanding or list(phone.watch.flying)
        interleaving.fault(f"{phone.name}: could not send what it holds: {phone.screen()} {outstanding}")
    check_phone(interleaving, phone)


def _waits(phone: Phone, seen: Screen) -> bool:
    """A phone that may keep nothing always warns of that."""
    return bool(seen.outbox or phone.watch.waits or phone.watch.unsent or (seen.warned and phone.keeps))
