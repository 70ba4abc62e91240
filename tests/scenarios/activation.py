"""How somebody comes in for the first time: invited, by a link, with a PIN of their own."""

from datetime import datetime

from app.services.accounts.activation import activate_device
from app.services.core.context import StaffContext
from app.services.schedule.enrolment import Invitation, issue_invitation
from tests.scenarios.people import PIN, START, Person

HERE = "192.0.2.1"
"""Where everybody comes from."""


def invite_person(person: Person, at: datetime = START) -> Invitation:
    """Invite somebody, as a nurse of their site."""
    return issue_invitation(
        StaffContext(person.installation, person.nurse, at), person.site.study_id, person.subject
    )


def link_of(invitation: Invitation) -> str:
    """The secret in the address of an invitation."""
    return invitation.url.rsplit("/", 1)[1]


def activate_phone(
    person: Person, secret: str, at: datetime = START, pin: str = PIN, again: str = PIN
) -> str:
    """Use a link or a code; the cookie of the browser that is bound."""
    return activate_device(person.installation, secret, pin, again, "Android", HERE, at)
