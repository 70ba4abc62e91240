"""Admission of a request of staff: authentication, and the participant that its permission reaches."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from app.domain.records.access import Actor, Permission
from app.services.accounts.staff_session import (
    SignedInStaff,
    authenticate_staff,
    keep_staff_session_alive,
    pending_second_factor,
)
from app.services.core.installation import Installation
from app.storage.queries.participants import find_readable_with_head


@dataclass(frozen=True, slots=True)
class PermittedParticipant:
    """A participant whom the permission of the request reaches; `newest_entry` is that of their chain."""

    participant_id: int
    public_id: str
    study_id: int
    site_id: int
    subject: str
    newest_entry: int


@dataclass(frozen=True, slots=True)
class StaffAdmission:
    """Who is signed in, and whom the request is about; None where its permission reaches nobody of the name.

    Somebody else's participant and one that does not exist are alike (IAM-03). `only_seen`: one of their own,
    about whom they lack the permission of this request.
    """

    staff: SignedInStaff
    participant: PermittedParticipant | None
    only_seen: PermittedParticipant | None = None


def admit_staff(
    installation: Installation,
    cookie: str | None,
    at: datetime,
    permission: Permission | None = None,
    public_id: str | None = None,
    *,
    list_name: str = "",
) -> StaffAdmission:
    """Authenticate a member of staff and find the participant, if one is named, in one read.

    Of the list of this name it is read too how they filtered it last in each study.

    Raises Refused("not_signed_in"); keeps the session of everybody else alive.
    """
    with installation.read_plainly() as connection:
        staff = authenticate_staff(installation, connection, cookie, at, list_name)
        participant = _find_participant(connection, staff.actor, permission, public_id)
        seen = None
        if participant is None and permission is not None:
            seen = _find_participant(connection, staff.actor, Permission.PARTICIPANT_SEE, public_id)
    keep_staff_session_alive(installation, staff, cookie, at)
    return StaffAdmission(staff, participant, seen)


def require_pending_sign_in(installation: Installation, cookie: str | None, at: datetime) -> int:
    """Whose session awaits its second factor; Refused("not_signed_in") if it does not."""
    with installation.read() as session:
        return pending_second_factor(session, cookie, at).staff_id


def _find_participant(
    connection: Connection, actor: Actor, permission: Permission | None, public_id: str | None
) -> PermittedParticipant | None:
    if permission is None or public_id is None:
        return None
    row = find_readable_with_head(connection, actor, permission, public_id)
    return PermittedParticipant(*row) if row else None
