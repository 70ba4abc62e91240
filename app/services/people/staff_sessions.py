"""The browsers in which a member of staff is signed in: listed, and ended one by one."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.domain.clock_trust import is_over
from app.domain.people.names import check_reason
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.staff_session import ABSOLUTE, IDLE
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
            for row in _open_rows(session, staff_id, context.at)
        )


def end_session(context: StaffContext, staff_id: int, name: str, reason: str = _OWN) -> None:
    """End one session at once; an administrator says why.

    Raises Refused: "unknown_session", or as `require_whole_account` and `check_reason`.
    """
    if not is_self(context, staff_id):
        require_whole_account(context, staff_id)
        reason = check_reason(reason)
    box = context.installation.secret_box
    with context.unit_of_work() as work:
        rows = _open_rows(work.session, staff_id, context.at)
        ending = next((row for row in rows if _name(box, row) == name), None)
        if ending is None:
            raise Refused("unknown_session")
        ending.closed_at = context.at
        work.record(AuditEvent.STAFF_SESSION_ENDED, INSTALLATION_CHAIN, reason=reason)


def _open_rows(session: Session, staff_id: int, at: datetime) -> list[StaffSession]:
    statement = select(StaffSession).where(
        StaffSession.staff_id == staff_id,
        col(StaffSession.closed_at).is_(None),
        col(StaffSession.second_factor_at).is_not(None),
        col(StaffSession.opened_at) > at - ABSOLUTE,
    )
    rows = session.exec(statement.order_by(col(StaffSession.opened_at).desc()))
    return [row for row in rows if not is_over(row.seen_at, at, IDLE)]


def _name(box: SecretBox, row: StaffSession) -> str:
    return box.keyed_fingerprint(row.token_hash, "session")[:16]
