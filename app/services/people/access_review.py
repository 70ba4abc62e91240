"""Who has access to a study, and the record that somebody looked it through (IAM-05, IAM-07)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.people.names import parse_notes
from app.domain.plans.windows import start_of_day
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, canonical_json, format_instant, sha256_hex
from app.domain.refusal import Refused
from app.domain.spreadsheets import SheetCell, write_csv
from app.services.core.context import StaffContext
from app.services.people.account_acts import AccountAct, read_account_acts
from app.services.people.managed_people import (
    StaffGrant,
    StaffPerson,
    get_permitted_study,
    list_study_people,
)
from app.services.setup.staff_duties import require_manager
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.staff import AccessReview

SHOWN = 20
"""Reviews shown at a time, the newest first."""
_HEADS = (
    "study name email role site granted_at granted_by grant_reason ends_on revoked_at revoked_by"
    " revoke_reason in_force account_disabled_at last_sign_in second_factor passkeys stopped_passkeys"
    " account_changes"
).split()
"""Columns of the report, which are data and are not translated."""


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """That somebody looked through who has access, when, how much there was, and what they noted."""

    review_id: int
    reviewed_at: datetime
    reviewed_by: str
    people: int
    grants: int
    notes: str


def list_reviews(context: StaffContext, study: str) -> tuple[ReviewRecord, ...]:
    """The newest reviews of a study. Raises Refused("unknown_study")."""
    with context.read() as session:
        row = get_permitted_study(session, context.actor, study, Permission.ACCESS_SEE)
        statement = select(AccessReview).where(AccessReview.study_id == row.id)
        rows = session.exec(statement.order_by(col(AccessReview.id).desc()).limit(SHOWN)).all()
        names = find_staff_names(session, [row.reviewed_by for row in rows])
        return tuple(
            ReviewRecord(
                row.id,
                row.reviewed_at,
                names.get(row.reviewed_by, row.reviewed_by),
                row.people,
                row.grants,
                row.notes,
            )
            for row in rows
        )


def digest_access(people: Sequence[StaffPerson]) -> str:
    """A digest of who has what where: equal lists, equal digests."""
    return sha256_hex(
        canonical_json(
            [
                [person.staff_id, person.disabled_at is not None]
                + [[grant.role.value, grant.site, str(grant.ends_on)] for grant in person.in_force]
                for person in people
            ]
        )
    )


def record_review(context: StaffContext, study: str, listed: str, notes: str, seen: int = 0) -> None:
    """Record that the list was looked through. `listed` is the digest of what the person saw, and `seen` the
    newest review that stood beside it; 0 for none.

    A review is of the whole study, and only who administers all of it saw everybody. Raises Refused:
    "unknown_study", "beyond_your_sites", "access_changed" when the list is another one by now,
    "review_recorded" when somebody recorded one meanwhile, or as `parse_notes`.
    """
    notes = parse_notes(notes, "notes")
    with context.unit_of_work() as work:
        row = get_permitted_study(work.session, context.actor, study, Permission.STAFF_MANAGE)
        require_manager(context, row.id, None)
        work.lock(INSTALLATION_CHAIN)
        people = list_study_people(context.join_work(work), study)
        if digest_access(people) != listed:
            raise Refused("access_changed")
        newest = select(sa.func.max(col(AccessReview.id))).where(AccessReview.study_id == row.id)
        if (work.session.exec(newest).one() or 0) != seen:
            raise Refused("review_recorded")
        counted = [person for person in people if person.in_force]
        work.session.add(
            AccessReview(
                study_id=row.id,
                reviewed_at=context.at,
                reviewed_by=context.actor.id,
                people=len(counted),
                grants=sum(len(person.in_force) for person in counted),
                listed_sha256=listed,
                notes=notes,
            )
        )
        work.record(AuditEvent.ACCESS_REVIEWED, study_chain(row.id), row.id, reason=notes)


def write_access_report(context: StaffContext, study: str, on: date | None = None, zone: str = "UTC") -> str:
    """Everybody with every role they have or had in a study, who gave and took it and why, as CSV.

    With a day only what was in force at some moment of it, where the clock is that of `zone`, and "in_force"
    says so. Raises Refused("unknown_study").
    """
    people = list_study_people(context, study, Permission.ACCESS_SEE)
    with context.read() as session:
        acts, accounts = _read_grant_acts(session), read_account_acts(session)
        names = find_staff_names(session, {act.actor for act in acts.values()})
    changes = {person.staff_id: accounts.get(f"staff:{person.staff_id}", ()) for person in people}
    return write_csv(
        _HEADS,
        (
            (*_report_row(person, grant, acts, names, on), _describe_account(changes[person.staff_id]))
            for person in people
            for grant in person.grants
            if on is None or _was_in_force(grant, changes[person.staff_id], on, zone)
        ),
    )


def _was_in_force(grant: StaffGrant, account: Sequence[AccountAct], on: date, zone: str) -> bool:
    """Whether the role counted at some moment of this day, and its account was not disabled all day."""
    first, after = start_of_day(on, zone), start_of_day(on + timedelta(days=1), zone)
    in_force = grant.granted_at < after and (grant.revoked_at is None or grant.revoked_at > first)
    before = [act for act in account if act.at <= first]
    enabled_since = any(first < act.at < after and not act.disabled for act in account)
    disabled = bool(before) and before[-1].disabled and not enabled_since
    return in_force and (grant.ends_on is None or grant.ends_on >= on) and not disabled


@dataclass(frozen=True, slots=True)
class _GrantAct:
    """Who gave or took a role, and why; the trail alone knows it."""

    actor: str = ""
    reason: str = ""


_GRANTED, _REVOKED = "staff_id", "revoked_at"
"""The field of a grant that is set when it is given, and the one when it is taken back."""


def _read_grant_acts(session: Session) -> Mapping[tuple[str, str], _GrantAct]:
    """Who gave and who took each role and why, by the record's name in the trail and the field it set."""
    statement = (
        select(AuditEntry)
        .where(
            AuditEntry.chain == INSTALLATION_CHAIN,
            col(AuditEntry.event).in_((AuditEvent.ROLE_GRANTED, AuditEvent.ROLE_REVOKED)),
        )
        .order_by(col(AuditEntry.seq))
    )
    return {
        (change["record"], change["field"]): _GrantAct(entry.actor_id, entry.reason or "")
        for entry in session.exec(statement)
        for change in json.loads(entry.changes)
        if change["field"] in (_GRANTED, _REVOKED)
    }


def _report_row(
    person: StaffPerson,
    grant: StaffGrant,
    acts: Mapping[tuple[str, str], _GrantAct],
    names: Mapping[str, str],
    on: date | None,
) -> Sequence[SheetCell]:
    record = f"role_grant:{grant.grant_id}"
    granted, revoked = (acts.get((record, field), _GrantAct()) for field in (_GRANTED, _REVOKED))
    return (
        grant.study,
        person.name,
        person.email,
        grant.role.value,
        grant.site or "*",
        grant.granted_at,
        names.get(granted.actor, granted.actor),
        granted.reason,
        grant.ends_on,
        grant.revoked_at,
        names.get(revoked.actor, revoked.actor),
        revoked.reason,
        "yes" if on or (grant.in_force and person.disabled_at is None) else "no",
        person.disabled_at,
        person.last_sign_in,
        "yes" if person.has_second_factor else "no",
        person.passkeys,
        person.stopped_passkeys,
    )


def _describe_account(acts: Sequence[AccountAct]) -> str:
    """When the account was disabled and enabled again: the days on which its roles did not count."""
    sentences = (
        f"{format_instant(act.at)} {'disabled' if act.disabled else 'enabled'} by {act.by}: {act.reason}"
        for act in acts
    )
    return "; ".join(sentences)
