"""The acts of a case are done one after the other, and each is followed by a look."""

import time
from collections.abc import Callable

from playwright.sync_api import Browser, Error

from tests.faults.cases import Act, Case, Keeping
from tests.faults.final_state import restore_all
from tests.faults.forms import FORMS
from tests.faults.interleaving import Interleaving, ignore_line
from tests.faults.ledger import Ledger
from tests.faults.phones import Phone
from tests.faults.screen_checks import check_phone
from tests.faults.study import VISIT, enrol_with_browsers
from tests.faults.world import World


def run_case(
    world: World, browser: Browser, case: Case, say: Callable[[str], object] = ignore_line
) -> Interleaving:
    """One interleaving; what is wrong stands in `faults`. `say` hears the log as it grows."""
    world.start()
    world.people += 1
    person, cookies = enrol_with_browsers(world.installation, world.sites[case.study], world.people, world.at)
    slot, keeps = person.slot(VISIT), case.keeping is not Keeping.nothing
    phones = [
        Phone(name, browser, world, slot.public_id, cookie, FORMS[case.form], keeps, wrong_by)
        for name, cookie, wrong_by in zip("AB", cookies, case.clocks, strict=True)
    ]
    interleaving = Interleaving(case, world, (phones[0], phones[1]), Ledger(world.installation, slot.id), say)
    interleaving.note(str(case))
    try:
        interleaving.open(phones[0])
        for act in case.acts:
            do_act(interleaving, act)
        restore_all(interleaving)
        interleaving.faults += interleaving.ledger.faults(interleaving.phones, interleaving.claimed)
    except Error as failed:
        interleaving.fault(f"the browser could not go on: {failed.message}")
    finally:
        for phone in phones:
            phone.switch_off()
    return interleaving


def do_act(interleaving: Interleaving, act: Act) -> None:
    """One act, and a look at both phones, unless the next act is to come at once."""
    phone = interleaving.phones[act.phone]
    interleaving.note(str(act))
    try:
        _ACTS[act.kind](interleaving, phone, act)
    except Error as failed:
        # The page may go while a finger is on its way to it: it was sent, or closed.
        interleaving.note(f"   {failed.message.splitlines()[0]}")
        if phone.screen().kind == "form":
            interleaving.fault(f"{phone.name}: {act.kind} is not possible: {failed.message}")
    time.sleep(act.pause)
    if act.kind not in ("answer", "send") or not act.pause:
        for each in interleaving.phones:
            check_phone(interleaving, each)


def _kill(interleaving: Interleaving, phone: Phone, act: Act) -> None:
    """Often in the middle of taking an answer."""
    if act.value > 2:
        interleaving.answer(phone, act.value)
        time.sleep(act.pause)
    interleaving.world.kill()


def _restart_phone(_interleaving: Interleaving, phone: Phone, _act: Act) -> None:
    if phone.context is not None:
        phone.watch.forget_page()
        phone.switch_on(phone.switch_off())


def _back(_interleaving: Interleaving, phone: Phone, _act: Act) -> None:
    seen = phone.screen()
    if seen.kind == "form" and phone.page:
        phone.tap(phone.page.locator("#back"), seen)
        phone.take_back()


def _pass(interleaving: Interleaving, **spans: float) -> None:
    """What is under way arrives first: a request takes no hours, and would be taken for a wrong clock."""
    for phone in interleaving.phones:
        _hush(interleaving, phone)
    interleaving.world.forward(**spans)
    for phone in interleaving.phones:
        phone.set_clock()


def _hush(interleaving: Interleaving, phone: Phone) -> None:
    interleaving.soon(lambda _seen: not phone.watch.waits, phone)


def _pass_until(interleaving: Interleaving, hours: float) -> None:
    """To so many hours after the closing of the form's window; never back."""
    closes_at = interleaving.ledger.slot().closes_at
    assert closes_at
    remaining = closes_at - interleaving.world.at
    _pass(interleaving, seconds=max(0.0, remaining.total_seconds()) + hours * 3600)


def _wait(interleaving: Interleaving, phone: Phone, _act: Act) -> None:
    if phone.page:
        for _ in range(12):
            phone.turn()
    interleaving.note(f"   {phone.name}: {phone.screen().net}")


_ACTS: dict[str, Callable[[Interleaving, Phone, Act], object]] = {
    "answer": lambda interleaving, phone, act: interleaving.answer(phone, act.value),
    "back": _back,
    "offline": lambda _interleaving, phone, _act: phone.connect(online=False),
    "online": lambda _interleaving, phone, _act: phone.connect(online=True),
    "kill": _kill,
    "start": lambda interleaving, _phone, _act: interleaving.world.start(),
    "crash": lambda _interleaving, phone, _act: phone.crash(),
    "close": lambda _interleaving, phone, _act: phone.close_tab(),
    "restart": _restart_phone,
    "open": lambda interleaving, phone, _act: interleaving.open(phone),
    "idle": lambda interleaving, _phone, _act: _pass(interleaving, minutes=20),
    "wait": _wait,
    "send": lambda interleaving, phone, act: interleaving.send(phone, act.value),
    "close window": lambda interleaving, _phone, _act: _pass_until(interleaving, 1),
    "end grace": lambda interleaving, _phone, _act: _pass_until(interleaving, 49),
    "end late arrival": lambda interleaving, _phone, _act: _pass_until(interleaving, 73),
}
