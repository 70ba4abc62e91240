"""When an account was disabled and enabled again, by whom and why: the trail alone knows it (IAM-05)."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.domain.records.audit import AuditEvent
from app.services.core.context import StaffContext
from app.services.people.managed_people import get_managed_person
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class AccountAct:
    """That an account was disabled, or enabled again."""

    at: datetime
    disabled: bool
    by: str
    reason: str


def list_account_acts(context: StaffContext, staff_id: int) -> Sequence[AccountAct]:
    """The acts of one account that the caller manages, oldest first. Raises Refused("unknown_staff")."""
    get_managed_person(context, staff_id)
    with context.read() as session:
        return read_account_acts(session).get(f"staff:{staff_id}", ())


def read_account_acts(session: Session) -> Mapping[str, Sequence[AccountAct]]:
    """The acts of all accounts, oldest first, by what the trail calls the account."""
    statement = select(AuditEntry).where(
        AuditEntry.chain == INSTALLATION_CHAIN,
        col(AuditEntry.event).in_((AuditEvent.STAFF_DISABLED, AuditEvent.STAFF_ENABLED)),
    )
    entries = session.exec(statement.order_by(col(AuditEntry.seq))).all()
    names = find_staff_names(session, {entry.actor_id for entry in entries})
    acts: dict[str, list[AccountAct]] = defaultdict(list)
    for entry in entries:
        by = names.get(entry.actor_id, entry.actor_id)
        act = AccountAct(entry.at, entry.event == AuditEvent.STAFF_DISABLED, by, entry.reason or "")
        accounts = (
            change["record"] for change in json.loads(entry.changes) if change["field"] == "disabled_at"
        )
        for account in accounts:
            acts[account].append(act)
    return acts
