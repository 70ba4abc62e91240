"""A participant's contact: how it is checked and kept, masked on every page; revealing it is audited."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Contact
from app.storage.unit_of_work import UnitOfWork

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ContactChannel(StrEnum):
    """How a participant can be reminded; stored contacts of other kinds are shown and not written to."""

    email = "email"


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """How a participant is reached: the channel and the address, masked or whole."""

    channel: str
    address: str


def check_contact_address(address: str | None) -> str:
    """The address as it is kept, in Latin letters. Raises Refused: "address_needed", "bad_address"."""
    kept = narrow_text(address or "")
    if not kept:
        raise Refused("address_needed", field="address")
    if _EMAIL.fullmatch(kept) is None:
        raise Refused("bad_address", field="address", allowed="name@example.org")
    return kept


def keep_contact(
    installation: Installation, work: UnitOfWork, participant_id: int, channel: ContactChannel, address: str
) -> None:
    """Store where a participant is reached, encrypted, in place of what was stored before."""
    sealed = installation.secret_box.encrypt(check_contact_address(address))
    contact = work.session.get(Contact, participant_id)
    if contact is None:
        work.session.add(
            Contact(
                participant_id=participant_id,
                channel=channel.value,
                address_sealed=sealed,
                recorded_at=work.at,
            )
        )
        return
    contact.channel, contact.address_sealed, contact.recorded_at = channel.value, sealed, work.at


def get_masked_contact(
    installation: Installation, session: Session, participant_id: int
) -> ContactDetails | None:
    """The contact with most of its address hidden; None where none is stored."""
    contact = session.get(Contact, participant_id)
    return None if contact is None else mask_contact(installation, contact)


def mask_contact(installation: Installation, contact: Contact) -> ContactDetails:
    """A stored contact with most of its address hidden."""
    address = installation.secret_box.decrypt(contact.address_sealed)
    return ContactDetails(contact.channel, mask_address(address))


def mask_address(address: str) -> str:
    """Enough of an address to recognise it: `138****1234`, `l***@example.org`."""
    name, at_sign, domain = address.partition("@")
    if at_sign:
        return f"{name[:1]}***@{domain}"
    return f"{address[:3]}****{address[-4:]}" if len(address) >= 9 else "****"


def reveal_contact(context: StaffContext, participant_id: int) -> ContactDetails:
    """The whole address, which pages show masked; an entry in the participant's trail says who looked.

    Raises Refused("no_contact").
    """
    with context.unit_of_work() as work:
        contact = work.session.get(Contact, participant_id)
        if contact is None:
            raise Refused("no_contact")
        work.record(AuditEvent.CONTACT_REVEALED, participant_chain(participant_id))
        return ContactDetails(
            contact.channel, context.installation.secret_box.decrypt(contact.address_sealed)
        )
