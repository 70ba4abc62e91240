"""A participant's own e-mail address for reminders: it holds once a code that was mailed to it is entered."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.accounts.contacts import (
    ContactChannel,
    check_reachable,
    find_contact,
    mask_address,
    parse_contact_address,
    read_contact,
    store_contact,
)
from app.services.core.context import ParticipantContext
from app.services.core.identifiers import new_public_id
from app.services.core.plans import get_plan_of
from app.services.core.throttling import address_limits, check_guess, count_code_message
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import AddressCode
from app.services.schedule.next_due import lock_participant, refresh_next_due
from app.storage.queries.participants import get_site
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import AddressClaim, Participant
from app.storage.unit_of_work import UnitOfWork

CODE_LIFE = timedelta(hours=1)
CODE_DIGITS = 6
_CHANNEL = ContactChannel.email


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """Whether a participant may enter an address themselves, and the masked one that waits for its code.

    `expires_at` is until when that code works; `waiting` is "" where none does.
    """

    may_enter: bool
    waiting: str = ""
    expires_at: datetime | None = None


def get_own_address(context: ParticipantContext, sender: MessageSender) -> OwnAddress:
    """The state of one's own address: with consent one may be entered, if the server sends mail."""
    participant_id = context.participant.participant_id
    with context.read() as session:
        consented = session.get_one(Participant, participant_id).consent_version is not None
        claim = session.get(AddressClaim, participant_id)
    may_enter = consented and _CHANNEL.value in sender.channels
    if not may_enter or claim is None or claim.closed_at is not None or claim.expires_at <= context.at:
        return OwnAddress(may_enter)
    address = context.installation.secret_box.decrypt(claim.address_sealed)
    return OwnAddress(may_enter, mask_address(address), claim.expires_at)


def mail_address_code(context: ParticipantContext, sender: MessageSender, address: str) -> None:
    """Mail a code to an address that may become one's own; until it is entered the old one stays in force.

    An earlier code stops working. The code is stored before it is mailed, so that one press twice mails one.
    Raises Refused: "address_needed", "bad_address", "same_contact", "consent_needed", "unknown_channel",
    "throttled", "address_not_reached".
    """
    checked = parse_contact_address(narrow_text(address), _CHANNEL)
    participant_id = context.participant.participant_id
    with context.read() as session:
        _check_new(context, session, checked)
    if _CHANNEL.value not in sender.channels:
        raise Refused("unknown_channel", field="address", allowed=tuple(sender.channels))
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    with context.unit_of_work() as work:
        count_code_message(work, participant_id, checked)
        message = _write(context, sender, work.session, checked, code)
        check_reachable(lock_participant(work, participant_id))
        _keep_claim(context, work, checked, code)
        work.record(AuditEvent.ADDRESS_CODE_ISSUED, participant_chain(participant_id))
    try:
        sender.channels[_CHANNEL.value].send(message)
    except SendFailed as failed:
        with context.installation.open_work(context.actor, context.at) as work:
            lock_participant(work, participant_id)
            claim = work.session.get_one(AddressClaim, participant_id)
            if claim.code_hash == _digest(context, code):  # another may have been mailed meanwhile
                _close(work, claim)
            work.record(AuditEvent.ADDRESS_CODE_UNSENT, participant_chain(participant_id))
        raise Refused("address_not_reached", field="address") from failed
    except Unconfirmed:
        return  # it may arrive; whoever waits in vain has another one mailed


def verify_address(context: ParticipantContext, typed: str) -> None:
    """Make the address the participant's own by the code that was mailed to it.

    The same code once more, while it lasts, is the same act and changes nothing. Somebody who had no address
    before is reminded from now on. Raises Refused: "throttled", "code_expired" (none is waited for),
    "wrong_code", "consent_needed".
    """
    participant_id, chain = (
        context.participant.participant_id,
        participant_chain(context.participant.participant_id),
    )
    digest = _digest(context, "".join(sign for sign in narrow_text(typed) if sign.isdecimal()))
    with context.unit_of_work() as work:
        participant = lock_participant(work, participant_id)
        claim = work.session.get(AddressClaim, participant_id)
        if claim is None or claim.expires_at <= context.at:
            raise Refused("code_expired", field="code")
        right = hmac.compare_digest(claim.code_hash, digest)
        check_guess(context.installation, address_limits(participant_id), context.at, lambda: right, work)
        if not right:
            work.record(AuditEvent.ADDRESS_CODE_REFUSED, chain)
        elif claim.closed_at is not None:
            _check_in_force(work.session, claim)
        else:
            _take_over(context, work, participant, claim)
            work.record(AuditEvent.ADDRESS_VERIFIED, chain)
    if not right:
        raise Refused("wrong_code", field="code")


def _take_over(
    context: ParticipantContext, work: UnitOfWork, participant: Participant, claim: AddressClaim
) -> None:
    """Write to the claimed address from now on, and to no other."""
    check_reachable(participant)
    participant_id = context.participant.participant_id
    participant.reminders_wanted |= find_contact(work.session, participant_id) is None
    store_contact(
        context.installation,
        work,
        participant_id,
        _CHANNEL,
        context.installation.secret_box.decrypt(claim.address_sealed),
    )
    _close(work, claim)
    refresh_next_due(context.installation.library, work, participant)


def _check_new(context: ParticipantContext, session: Session, address: str) -> None:
    participant = session.get_one(Participant, context.participant.participant_id)
    check_reachable(participant)
    contact = find_contact(session, context.participant.participant_id)
    if contact is not None:
        present = read_contact(context.installation, contact)
        if (present.channel, present.address) == (_CHANNEL.value, address):
            raise Refused("same_contact", field="address")


def _write(
    context: ParticipantContext, sender: MessageSender, session: Session, address: str, code: str
) -> MessageText:
    participant = session.get_one(Participant, context.participant.participant_id)
    plan, site = get_plan_of(context.installation, session, participant), get_site(session, participant)
    spoken = participant.language
    half = CODE_DIGITS // 2
    minutes = CODE_LIFE // timedelta(minutes=1)
    spaced = f"{code[:half]} {code[half:]}"
    note = AddressCode(plan.neutral_name[spoken], spaced, minutes, site.phone, site.hours)
    subject, text = sender.words.address_code(note, spoken)
    return MessageText(f"address-{new_public_id()}", address, subject, text, spoken, context.at)


def _keep_claim(context: ParticipantContext, work: UnitOfWork, address: str, code: str) -> None:
    """Store what is waited for, in place of what was waited for before."""
    participant_id = context.participant.participant_id
    claim = work.session.get(AddressClaim, participant_id)
    sealed = context.installation.secret_box.encrypt(address)
    if claim is None:
        claim = AddressClaim(
            participant_id=participant_id,
            channel=_CHANNEL.value,
            address_sealed=sealed,
            code_hash="",
            issued_at=work.at,
            expires_at=work.at,
        )
        work.session.add(claim)
    claim.channel, claim.address_sealed, claim.code_hash = _CHANNEL.value, sealed, _digest(context, code)
    claim.issued_at, claim.expires_at, claim.closed_at = work.at, work.at + CODE_LIFE, None


def _check_in_force(session: Session, claim: AddressClaim) -> None:
    """A used code is right once more only while the address that it verified is the participant's."""
    contact = find_contact(session, claim.participant_id)
    if contact is None or contact.recorded_at != claim.closed_at:
        raise Refused("code_expired", field="code")


def _close(work: UnitOfWork, claim: AddressClaim) -> None:
    """End a claim; the address is kept in the contact alone, or nowhere."""
    claim.closed_at, claim.address_sealed = work.at, ""


def _digest(context: ParticipantContext, code: str) -> str:
    purpose = f"address:{context.participant.participant_id}"
    return context.installation.secret_box.keyed_fingerprint(code, purpose)
