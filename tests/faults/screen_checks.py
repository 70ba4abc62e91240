"""What must be true at every moment, of each screen and of what each phone keeps."""

from tests.faults.forms import MARK
from tests.faults.interleaving import Interleaving
from tests.faults.phones import Phone
from tests.faults.screens import STAY, Screen


def check_phone(interleaving: Interleaving, phone: Phone) -> None:
    """Note everything about this phone that is not as it should be."""
    seen = phone.screen()
    if not _names_failure(phone, seen) and not interleaving.soon(
        lambda now: _names_failure(phone, now), phone
    ):
        interleaving.fault(f"{phone.name}: an attempt failed and nothing says so: {phone.screen()}")
    if _claims_all_sent(phone, seen) and not interleaving.soon(
        lambda now: not _claims_all_sent(phone, now), phone
    ):
        interleaving.fault(f"{phone.name}: says that all is sent: {phone.screen()}")
    if _claims_all_stored(phone, seen) and not interleaving.soon(
        lambda now: not _claims_all_stored(phone, now), phone
    ):
        interleaving.fault(f"{phone.name}: says that answers are kept, and they are not: {phone.screen()}")
    for lie in interleaving.ledger.lies(seen):
        interleaving.fault(f"{phone.name}: {lie}")
    if seen.receipt:
        interleaving.claimed.add(seen.receipt)
    check_memory(interleaving, phone, seen)
    interleaving.faults += [each for each in phone.watch.faults if each not in interleaving.faults]


def check_memory(interleaving: Interleaving, phone: Phone, seen: Screen) -> None:
    """The phone's memory: words stand nowhere in it, and where the plan says so, nothing does."""
    if MARK in str(seen.outbox):
        interleaving.fault(f"{phone.name}: words are kept on the phone: {seen.outbox}")
    if seen.outbox and not phone.keeps:
        interleaving.fault(f"{phone.name}: may keep nothing, and keeps {seen.outbox}")
    blank = f"/f/{phone.slot}/blank"
    for path, words, answers, revision in phone.cached():
        if path not in ("/offline", blank) or answers or revision != "0" or MARK in words:
            interleaving.fault(
                f"{phone.name}: the worker keeps {answers} answers of revision {revision} in {path}"
            )


def _names_failure(phone: Phone, now: Screen) -> bool:
    """Whether a page from which an attempt failed says that something is not sent."""
    said = now.warned or now.login or now.kind not in ("form", "home")
    return said or not phone.watch.unsent


def _claims_all_sent(phone: Phone, now: Screen) -> bool:
    return now.net == "All answers sent" and bool(phone.watch.unsent or now.outbox)


def _claims_all_stored(phone: Phone, now: Screen) -> bool:
    """Whether it calls kept what stands in no outbox, or leaves it behind while somebody logs in."""
    bare = phone.watch.outstanding - set(now.list_answers())
    if now.kind != "form" or not bare:
        return False
    return not now.login_beside if now.login else not now.net.startswith(STAY)
