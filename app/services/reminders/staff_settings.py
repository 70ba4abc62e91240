"""What staff change of how a participant is reminded: where, and until when reminders rest."""

from dataclasses import dataclass
from datetime import date

from app.domain.people.names import parse_reason
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.accounts.contacts import (
    ContactChannel,
    ContactDetails,
    check_reachable,
    find_contact,
    find_contact_details,
    mask_contact,
    parse_contact_address,
    parse_telephone,
    read_contact,
    store_contact,
    store_telephone,
)
from app.services.core.acts import check_act
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.plans import get_plan_of
from app.services.core.throttling import send_alone
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import ContactCheck
from app.services.schedule.next_due import lock_participant, refresh_next_due
from app.services.schedule.reminder_preference import lasting_pause, wants_reminders
from app.storage.queries.participants import get_site
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork

LONGEST_STAFF_PAUSE_DAYS = 28
"""Reminders rest at most so many days ahead; whoever wants more looks at it again."""


@dataclass(frozen=True, slots=True)
class ParticipantReach:
    """How a participant is reached: the masked contact, the day of its address, their wish, a pause's end."""

    subject: str
    today: date
    contact: ContactDetails | None
    entered_on: date | None
    reminds: bool
    paused_until: date | None


def get_participant_reach(context: StaffContext, participant_id: int) -> ParticipantReach:
    """How this participant is reached now."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        contact = find_contact_details(session, participant_id)
        today = local_day(context.at, participant.zone)
        return ParticipantReach(
            subject=participant.subject,
            today=today,
            contact=mask_contact(context.installation, contact) if contact else None,
            entered_on=local_day(contact.recorded_at, participant.zone)
            if contact and contact.address_sealed
            else None,
            reminds=wants_reminders(participant),
            paused_until=lasting_pause(participant.reminders_paused_until, today),
        )


def change_contact(
    context: StaffContext, sender: MessageSender, participant_id: int, channel: str, address: str, reason: str
) -> None:
    """Replace a participant's contact by one to which a test message could be sent; the old one is forgotten.

    Messages that wait are sent to the new one, because each is addressed when it leaves. Somebody who had no
    address before is reminded from now on. Two presses at once send one test message: the later one finds
    the first under way, or done. Raises Refused: "unknown_channel", "address_needed", "bad_address",
    "reason_needed", "test_under_way", "same_contact", "address_not_reached", "consent_needed",
    "participation_ended".
    """
    check_new_contact(channel, address, reason)
    way, checked, why = ContactChannel(channel), parse_contact_address(address, channel), parse_reason(reason)
    check_act(context)
    with send_alone(context.installation, participant_id, context.at):
        # Once more: the same page may have been pressed while another message was under way.
        check_act(context)
        _send_test(context, sender, participant_id, way, checked)
        with context.unit_of_work() as work:
            participant = lock_participant(work, participant_id)
            check_reachable(participant)
            participant.reminders_wanted |= find_contact(work.session, participant_id) is None
            store_contact(context.installation, work, participant_id, way, checked)
            _wake(context, work, participant)
            work.record(AuditEvent.CONTACT_CHANGED, participant_chain(participant_id), reason=why)


def remove_contact(context: StaffContext, participant_id: int, reason: str) -> None:
    """Remove where a participant is reached, on their wish or because it is wrong: nothing goes there again.

    What waits is not sent, and nobody is reminded until there is another address. That there was one stands
    in the trail; the address itself is stored nowhere any more. Whoever has left the study may ask for it
    too. Raises Refused: "reason_needed", "no_contact".
    """
    why = parse_reason(reason)
    with context.unit_of_work() as work:
        participant = lock_participant(work, participant_id)
        contact = find_contact(work.session, participant_id)
        if contact is None:
            raise Refused("no_contact")
        contact.address_sealed, contact.recorded_at = "", work.at
        contact.entered_by = work.actor.kind.value
        participant.reminders_wanted = False
        _wake(context, work, participant)
        work.record(AuditEvent.CONTACT_REMOVED, participant_chain(participant_id), reason=why)


def change_telephone(context: StaffContext, participant_id: int, typed: str, reason: str) -> None:
    """Change the number at which staff call a participant; nothing typed removes it.

    Whoever has left the study may still be called about it. Raises Refused: "bad_phone", "reason_needed",
    "same_telephone", "no_telephone" where there is none to remove.
    """
    number, why = parse_telephone(typed), parse_reason(reason)
    with context.unit_of_work() as work:
        lock_participant(work, participant_id)
        contact = find_contact_details(work.session, participant_id)
        before = read_contact(context.installation, contact).telephone if contact else ""
        if number == before:
            raise Refused("same_telephone" if number else "no_telephone", field="telephone")
        store_telephone(context.installation, work, participant_id, number)
        # Also where the number is removed: the address, by which they are reminded, stays as it is.
        work.record(AuditEvent.CONTACT_CHANGED, participant_chain(participant_id), reason=why)


def pause_for_participant(
    context: StaffContext, participant_id: int, until: date | None, reason: str
) -> None:
    """Let somebody's reminders rest through this day of theirs; the pause ends by itself.

    Raises Refused: "pause_until", "reason_needed", "participation_ended".
    """
    with context.unit_of_work() as work:
        participant = lock_participant(work, participant_id)
        check_pause(until, reason, local_day(context.at, participant.zone))
        if participant.exit_kind is not None:
            raise Refused("participation_ended")
        participant.reminders_paused_until = until
        _wake(context, work, participant)
        chain = participant_chain(participant_id)
        work.record(AuditEvent.REMINDERS_PAUSED, chain, reason=parse_reason(reason))


def check_new_contact(channel: str, address: str, reason: str) -> None:
    """Raises Refused: "unknown_channel", "address_needed", "bad_address", or as `parse_reason`."""
    check_all(
        lambda: _check_channel(channel),
        lambda: parse_contact_address(address, channel),
        lambda: parse_reason(reason),
    )


def _check_channel(channel: str) -> None:
    if channel not in tuple(ContactChannel):
        raise Refused("unknown_channel", field="channel", allowed=tuple(ContactChannel))


def check_pause(until: date | None, reason: str, today: date) -> None:
    """Raises Refused: "pause_until", or as `parse_reason`."""
    check_all(lambda: _check_until(until, today), lambda: parse_reason(reason))


def _check_until(until: date | None, today: date) -> None:
    if until is None or not 0 <= (until - today).days <= LONGEST_STAFF_PAUSE_DAYS:
        raise Refused("pause_until", field="until", most=LONGEST_STAFF_PAUSE_DAYS)


def end_pause(context: StaffContext, participant_id: int) -> None:
    """End a pause that still lasts, whoever began it. Raises Refused("not_paused")."""
    with context.unit_of_work() as work:
        participant = lock_participant(work, participant_id)
        if lasting_pause(participant.reminders_paused_until, local_day(context.at, participant.zone)) is None:
            raise Refused("not_paused")
        participant.reminders_paused_until = None
        _wake(context, work, participant)
        work.record(AuditEvent.REMINDERS_RESUMED, participant_chain(participant_id))


def _send_test(
    context: StaffContext, sender: MessageSender, participant_id: int, way: ContactChannel, address: str
) -> None:
    """Send a test message to an address that is not stored yet; whoever is silent is not reached either."""
    box = context.installation.secret_box
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        check_reachable(participant)
        contact = find_contact(session, participant_id)
        if contact and (contact.channel, box.decrypt(contact.address_sealed)) == (way.value, address):
            raise Refused("same_contact", field="address")
        plan = get_plan_of(context.installation, session, participant)
        site, spoken = get_site(session, participant), participant.language
        note = ContactCheck(plan.neutral_name[spoken], site.phone, site.hours)
    subject, text = sender.words.contact_check(note, spoken)
    channel = sender.channels.get(way.value)
    try:
        if channel is None:
            raise SendFailed("no_channel")
        channel.send(MessageText(f"contact-{new_public_id()}", address, subject, text, spoken, context.at))
    except (SendFailed, Unconfirmed) as failed:
        raise Refused("address_not_reached", field="address") from failed


def _wake(context: StaffContext, work: UnitOfWork, participant: Participant) -> None:
    refresh_next_due(context.installation.library, work, participant)
