"""What a phone still held when its form was not on the screen any more: judged, never dropped (domain.md).

It comes as the phone kept it: events under signs, and when Send was pressed, if it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from app.domain.answers import Value
from app.domain.audit import Event
from app.domain.capture import Arrival, Given, arrival, check_given
from app.domain.outbox import captured_at, item_of, unaltered
from app.domain.refusal import Refused
from app.domain.status import Facts
from app.domain.window import Window
from app.services.capture import Definition, defined, own_slot, signs_of
from app.services.entry import Visitor
from app.services.installation import Installation
from app.services.quarantine import set_apart
from app.services.saving import save_answers
from app.services.submission import Receipt, Sending, first_response, submit_form
from app.storage.answering import current_answers
from app.storage.capture import AnswerEvent, Response
from app.storage.changes import chain_of_participant
from app.storage.slots import facts_of, window_of_slot


class Fate(StrEnum):
    """What became of it: in the draft, the slot's response, or kept beside the form."""

    saved = "saved"
    submitted = "submitted"
    kept = "kept"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One box of a phone: its client, its events (`item` holds the sign), and when Send was pressed."""

    client: str
    given: Sequence[Given]
    reviewed_at: datetime | None
    skew: int | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the phone is told, so that it may forget: the fate, whether late, and the receipt."""

    fate: Fate
    late: bool = False
    receipt: str = ""


def deliver(
    installation: Installation, visitor: Visitor, cookie: str, slot_id: str, left: Leftover, at: datetime
) -> Delivered:
    """Judge every event by the slot's rules; send the form when that was asked for and may still be.

    Told again, it is not stored again. Raises Refused: "unknown_slot", "not_begun", "unknown_item",
    "out_of_range", "wrong_kind".
    """
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
        known = _known(session, slot.id or 0, left.client)
        first = first_response(session, slot) if slot.submitted_at is not None else None
        session.expunge_all()
    asked = defined(installation, visitor, slot)
    given, altered = _read(installation, asked, left)
    fresh = [answer for answer in given if answer.seq not in known]
    if altered:
        _keep_apart(installation, visitor, slot_id, altered, "altered", at)
    if first is not None:
        return _after(installation, visitor, slot_id, first, fresh, at)
    window = window_of_slot(slot)
    if slot.begun_at is None or window is None:
        raise Refused("not_begun")
    good = [answer for answer in fresh if _in_time(window, facts_of(slot), answer, at)]
    apart = [answer for answer in fresh if answer not in good]
    if good:
        save_answers(installation, cookie, slot_id, left.client, good, at, late=True)
    if apart:
        _keep_apart(installation, visitor, slot_id, apart, "arrived_too_late", at)
    fate = Fate.kept if apart or altered else Fate.saved
    if left.reviewed_at is None or altered:
        return Delivered(fate)
    return _sent(installation, visitor, slot_id, left, fate, at)


def _known(session: Session, slot_id: int, client: str) -> frozenset[int]:
    mine = select(AnswerEvent.seq).where(AnswerEvent.slot_id == slot_id, col(AnswerEvent.client) == client)
    return frozenset(session.exec(mine))


def _read(installation: Installation, asked: Definition, left: Leftover) -> tuple[list[Given], list[Given]]:
    """The events with their items' codes, as the phone wrote them and (second) altered since."""
    codes = [item.code for item in asked.items]
    of_form = signs_of(installation, asked.plan, asked.slot.public_id, len(codes))
    whole: list[Given] = []
    altered: list[Given] = []
    for told in left.given:
        answer = replace(told, item=item_of(told.item, of_form, codes))
        (whole if unaltered(of_form, left.client, told.item, answer) else altered).append(answer)
    check_given(asked.instrument, [*whole, *altered], asked.leave_out)
    return whole, altered


def _after(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    first: Response,
    fresh: Sequence[Given],
    at: datetime,
) -> Delivered:
    """The form was sent before: what says something else than the response is kept beside it."""
    other = [answer for answer in fresh if first.answers.get(answer.item, answer) != answer.value]
    if not other:
        return Delivered(Fate.submitted, first.out_of_window, first.public_id)
    _keep_apart(installation, visitor, slot_id, other, "already_submitted", at)
    return Delivered(Fate.kept)


def _in_time(window: Window, facts: Facts, answer: Given, at: datetime) -> bool:
    captured = captured_at(answer.device_at, answer.skew)
    return arrival(window, facts, captured, at) is not Arrival.quarantined


def _keep_apart(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    given: Sequence[Given],
    reason: str,
    at: datetime,
) -> None:
    event = Event.ANSWERS_ALTERED if reason == "altered" else Event.ANSWERS_QUARANTINED
    with installation.work(visitor.actor, at) as work:
        work.lock(chain_of_participant(visitor.participant_id))
        slot = own_slot(work.session, visitor, slot_id)
        for answers in _layers(given):
            set_apart(work, slot, answers, reason, given[-1].device_at, event)


def _layers(given: Sequence[Given]) -> list[dict[str, Value]]:
    """As few documents as hold every answer: an item that was answered twice stands in two of them."""
    layers: list[dict[str, Value]] = []
    for answer in given:
        free = next((layer for layer in layers if answer.item not in layer), None)
        if free is None:
            layers.append(free := {})
        free[answer.item] = answer.value
    return layers


def _sent(
    installation: Installation, visitor: Visitor, slot_id: str, left: Leftover, unsent: Fate, at: datetime
) -> Delivered:
    """The draft as the response, because Send was pressed on it; what is missing leaves it `unsent`."""
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
        draft = current_answers(session.connection(), slot.id or 0)
    sending = Sending(
        answers={item: answer.told for item, answer in draft.items()},
        submission=left.client,
        reviewed=True,
        device_at=left.reviewed_at,
        presentation={"layout": "single"},
        skew=left.skew,
        offline=True,
    )
    try:
        receipt: Receipt = submit_form(installation, visitor, slot_id, sending, at)
    except Refused as refused:
        fates = {"unanswered": unsent, "arrived_too_late": Fate.kept, "already_submitted": Fate.kept}
        return Delivered(fates[refused.code])
    return Delivered(Fate.submitted, receipt.out_of_window, receipt.number)
