"""The browsers in which a member of staff is signed in: listed, and ended one by one."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.people.names import parse_reason
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.staff_session import list_open_sessions
from app.services.core.context import StaffContext
from app.services.core.identifiers import token_digest
from app.services.core.secrets import SecretBox
from app.services.people.managed_people import get_managed_person, require_whole_account
from app.services.setup.staff_duties import is_self
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import StaffSession

_OWN = "own"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser; `name` tells nothing of its cookie. `current`: the one that asks."""

    name: str
    opened_at: datetime
    seen_at: datetime
    current: bool


def list_sessions(context: StaffContext, staff_id: int, cookie: str | None = None) -> tuple[OpenSession, ...]:
    """The browsers in which somebody is signed in now, the newest first; no more than the caller may see.

    Raises Refused("unknown_staff").
    """
    if not is_self(context, staff_id):
        get_managed_person(context, staff_id)
    box, own = context.installation.secret_box, token_digest(cookie or "")
    with context.read() as session:
        return tuple(
            OpenSession(_name(box, row), row.opened_at, row.seen_at, row.token_hash == own)
            for row in list_open_sessions(session, staff_id, context.at)
        )


def end_session(context: StaffContext, staff_id: int, name: str, reason: str = _OWN) -> None:
    """End one session at once; an administrator says why.

    Raises Refused: "unknown_session", or as `require_whole_account` and `parse_reason`.
    """
    own = is_self(context, staff_id)
    reason = reason if own else parse_reason(reason)
    box = context.installation.secret_box
    with context.unit_of_work() as work:
        if not own:
            require_whole_account(context, work, staff_id)
        rows = list_open_sessions(work.session, staff_id, context.at)
        ending = next((row for row in rows if _name(box, row) == name), None)
        if ending is None:
            raise Refused("unknown_session")
        ending.closed_at = context.at
        work.record(AuditEvent.STAFF_SESSION_ENDED, INSTALLATION_CHAIN, reason=reason)


def _name(box: SecretBox, row: StaffSession) -> str:
    return box.keyed_fingerprint(row.token_hash, "session")[:16]
