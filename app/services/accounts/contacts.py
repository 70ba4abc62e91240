"""A participant's contact: how it is checked and kept, masked on every page; revealing it is audited."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from app.domain.people.names import parse_optional_phone
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.plain_rows import ContactRecord
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Contact, Participant
from app.storage.unit_of_work import UnitOfWork


class ContactChannel(StrEnum):
    """How a participant can be reminded: the kinds of address that something is sent to."""

    email = "email"


_ADDRESSES: Mapping[str, tuple[re.Pattern[str], str]] = {
    ContactChannel.email: (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "name@example.org"),
}
"""How an address of each channel is written, with an example."""

LONGEST_ADDRESS = 200
"""Characters; the box of an address takes no more."""


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """How a participant is reached: the channel and the address, and their telephone, masked or whole.

    Each is "" where there is none. `entered_by` is the kind of actor who entered the address on
    `recorded_at`, "" where that is not known.
    """

    channel: str
    address: str
    recorded_at: datetime
    entered_by: str = ""
    telephone: str = ""


def parse_contact_address(address: str | None, channel: str) -> str:
    """The address as it is kept, in Latin letters; that of an unknown channel is taken for an e-mail address.

    Raises Refused: "address_needed", "bad_address".
    """
    narrowed = narrow_text(address or "").replace("。", ".")
    if not narrowed:
        raise Refused("address_needed", field="address")
    shape, example = _ADDRESSES.get(channel, _ADDRESSES[ContactChannel.email])
    if len(narrowed) > LONGEST_ADDRESS or shape.fullmatch(narrowed) is None:
        raise Refused("bad_address", field="address", allowed=example)
    return narrowed


def parse_telephone(typed: str) -> str:
    """A number as it is kept, "" for none. Raises Refused("bad_phone")."""
    return parse_optional_phone(typed, "telephone") or ""


def store_contact(
    installation: Installation, work: UnitOfWork, participant_id: int, channel: ContactChannel, address: str
) -> None:
    """Store where a participant is reminded, encrypted, in place of what was stored before."""
    contact = _get_contact_row(work, participant_id)
    contact.channel = channel.value
    contact.address_sealed = installation.secret_box.encrypt(parse_contact_address(address, channel))
    contact.recorded_at, contact.entered_by = work.at, work.actor.kind.value


def store_telephone(installation: Installation, work: UnitOfWork, participant_id: int, number: str) -> None:
    """Store the number at which staff call a participant, encrypted; "" for none."""
    contact = _get_contact_row(work, participant_id)
    contact.telephone_sealed = installation.secret_box.encrypt(number) if number else ""


def _get_contact_row(work: UnitOfWork, participant_id: int) -> Contact:
    """The row that is stored, that this transaction is about to store, or a new one."""
    added = (row for row in work.session.new if isinstance(row, Contact))
    row = next((row for row in added if row.participant_id == participant_id), None)
    row = row or work.session.get(Contact, participant_id)
    if row is None:
        row = Contact(participant_id=participant_id, channel="", address_sealed="", recorded_at=work.at)
        work.session.add(row)
    return row


def find_contact(session: Session, participant_id: int) -> Contact | None:
    """Where a participant is reminded; None for whom no address is stored, or it was removed."""
    contact = session.get(Contact, participant_id)
    return contact if contact is not None and contact.address_sealed else None


def find_contact_details(session: Session, participant_id: int) -> Contact | None:
    """Where a participant is reminded or called; None for whom neither is stored."""
    contact = session.get(Contact, participant_id)
    reached = contact is not None and (contact.address_sealed or contact.telephone_sealed)
    return contact if reached else None


def get_masked_contact(
    installation: Installation, session: Session, participant_id: int
) -> ContactDetails | None:
    """The contact with most of each part hidden; None where none is stored."""
    contact = find_contact_details(session, participant_id)
    return None if contact is None else mask_contact(installation, contact)


def mask_contact(installation: Installation, contact: Contact | ContactRecord) -> ContactDetails:
    """A stored contact with most of each part hidden."""
    whole = read_contact(installation, contact)
    return replace(whole, address=mask_address(whole.address), telephone=mask_address(whole.telephone))


def read_contact(installation: Installation, contact: Contact | ContactRecord) -> ContactDetails:
    """A stored contact in full."""
    address, telephone = (
        installation.secret_box.decrypt(sealed) if sealed else ""
        for sealed in (contact.address_sealed, contact.telephone_sealed)
    )
    channel, entered_by = (contact.channel, contact.entered_by or "") if address else ("", "")
    return ContactDetails(channel, address, contact.recorded_at, entered_by, telephone)


def check_reachable(participant: Participant) -> None:
    """Raises Refused for whom no message may be sent: "consent_needed", "participation_ended"."""
    if participant.consent_version is None:
        raise Refused("consent_needed", field="consent")
    if participant.exit_kind is not None:
        raise Refused("participation_ended")


def mask_address(address: str) -> str:
    """Enough of an address or telephone to recognise it: `138****1234`, `l***@example.org`; "" for none."""
    if not address:
        return ""
    name, at_sign, domain = address.partition("@")
    if at_sign:
        return f"{name[:1]}***@{domain}"
    return f"{address[:3]}****{address[-4:]}" if len(address) >= 9 else "****"


def reveal_contact(context: StaffContext, participant_id: int) -> ContactDetails:
    """Address and telephone in full, which pages show masked; the participant's trail says who looked.

    Raises Refused("no_contact").
    """
    with context.unit_of_work() as work:
        contact = find_contact_details(work.session, participant_id)
        if contact is None:
            raise Refused("no_contact")
        work.record(AuditEvent.CONTACT_REVEALED, participant_chain(participant_id))
        return read_contact(context.installation, contact)
