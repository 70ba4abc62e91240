"""Who has access to a study, and the record that somebody looked it through (IAM-05, IAM-07)."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.domain.people.names import check_reason
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, canonical_json, sha256_hex
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.people.managed_people import (
    StaffPerson,
    get_permitted_study,
    list_study_people,
)
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import study_chain
from app.storage.tables.columns import key_of
from app.storage.tables.staff import AccessReview

SHOWN = 20
"""Reviews shown at a time, the newest first."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """That somebody looked through who has access, when, how much there was, and what they noted."""

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
        names = find_staff_names(session, [each.reviewed_by for each in rows])
        return tuple(
            ReviewRecord(
                each.reviewed_at,
                names.get(each.reviewed_by, each.reviewed_by),
                each.people,
                each.grants,
                each.notes,
            )
            for each in rows
        )


def digest_access(people: Sequence[StaffPerson]) -> str:
    """A digest of who has what where: equal lists, equal digests."""
    return sha256_hex(
        canonical_json(
            [
                [each.staff_id, each.disabled_at is not None]
                + [[grant.role.value, grant.site, str(grant.ends_on)] for grant in each.in_force]
                for each in people
            ]
        )
    )


def record_review(context: StaffContext, study: str, listed: str, notes: str) -> None:
    """Record that the list was looked through. `listed` is the digest of what the person saw.

    Raises Refused: "unknown_study", "access_changed" when the list is another one by now, or as
    `check_reason`.
    """
    notes = check_reason(notes, "notes")
    people = list_study_people(context, study)
    if digest_access(people) != listed:
        raise Refused("access_changed")
    with context.unit_of_work() as work:
        row = get_permitted_study(work.session, context.actor, study, Permission.STAFF_MANAGE)
        counted = [each for each in people if each.in_force]
        work.session.add(
            AccessReview(
                study_id=key_of(row),
                reviewed_at=context.at,
                reviewed_by=context.actor.id,
                people=len(counted),
                grants=sum(len(each.in_force) for each in counted),
                listed_sha256=listed,
                notes=notes,
            )
        )
        work.record(AuditEvent.ACCESS_REVIEWED, study_chain(key_of(row)), row.id, reason=notes)


def write_access_report(context: StaffContext, study: str) -> str:
    """Everybody with every role they have or had in a study, as CSV that no spreadsheet takes for formulas.

    Raises Refused("unknown_study").
    """
    people = list_study_people(context, study, Permission.ACCESS_SEE)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(
        "study name email role site granted_at granted_by ends_on revoked_at in_force"
        " account_disabled_at last_sign_in".split()
    )
    for each in people:
        for grant in each.grants:
            table.writerow(
                safe_cell(value)
                for value in (
                    grant.study,
                    each.name,
                    each.email,
                    grant.role.value,
                    grant.site or "*",
                    _moment(grant.granted_at),
                    grant.granted_by,
                    str(grant.ends_on or ""),
                    _moment(grant.revoked_at),
                    "yes" if grant.in_force and each.disabled_at is None else "no",
                    _moment(each.disabled_at),
                    _moment(each.last_sign_in),
                )
            )
    return written.getvalue()


def safe_cell(value: str) -> str:
    """A value that a spreadsheet shows as it is: what could begin a formula has an apostrophe before it."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
