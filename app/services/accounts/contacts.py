"""A participant's contact: masked on every page; revealing it is audited."""

from dataclasses import dataclass

from sqlmodel import Session

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Contact


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """How a participant is reached: the channel and the address, masked or whole."""

    channel: str
    address: str


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
