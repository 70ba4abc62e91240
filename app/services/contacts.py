"""A participant's contact: masked on every page, and each look at the whole of it is recorded."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.installation import Installation
from app.services.participants import seen_by
from app.storage.changes import chain_of_participant
from app.storage.people import Contact


@dataclass(frozen=True, slots=True)
class Reached:
    """How a participant is reached: the channel and the address, masked or whole."""

    channel: str
    address: str


def masked_contact(installation: Installation, session: Session, participant_id: int) -> Reached | None:
    """The contact with most of its address hidden; None where none is kept."""
    contact = session.get(Contact, participant_id)
    if contact is None:
        return None
    return Reached(contact.channel, masked(installation.sealer.unseal(contact.address_sealed)))


def masked(address: str) -> str:
    """Enough of an address to recognise it: `138****1234`, `l***@example.org`."""
    name, at_sign, domain = address.partition("@")
    if at_sign:
        return f"{name[:1]}***@{domain}"
    return f"{address[:3]}****{address[-4:]}" if len(address) >= 9 else "****"


def reveal_contact(installation: Installation, actor: Actor, public_id: str, at: datetime) -> Reached:
    """The whole address, with an entry in the participant's trail of who looked (N0.6).

    Raises Refused: "unknown_participant", "no_contact".
    """
    with installation.work(actor, at) as work:
        participant = seen_by(work.session, actor, public_id, Permission.CONTACT_SEE)
        contact = work.session.get(Contact, participant.id)
        if contact is None:
            raise Refused("no_contact")
        work.record(Event.CONTACT_REVEALED, chain_of_participant(contact.participant_id))
        return Reached(contact.channel, installation.sealer.unseal(contact.address_sealed))
