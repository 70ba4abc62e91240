"""All participants of a member of staff, and one by code or the receipt of a form."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.desk.list_cursor import ListOrder
from app.domain.records.dispositions import DispositionKind
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.storage.queries.participants import (
    code_pattern,
    find_deceased,
    find_enrolment_days,
    holds_code,
    select_readable,
    with_code,
)
from app.storage.tables.capture import Response
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ParticipantSummary:
    """One participant in the list of all; `activated`: a browser was bound at some time."""

    public_id: str
    subject: str
    site: str
    language: str
    zone: str
    enrolled_on: date
    activated: bool
    exit: str


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Whose code holds `search`, at the site of this code ("" for all), and in which order.

    By code, or with `ListOrder.newest` who was enrolled last here comes first. `after` is the code from which
    the list goes on.
    """

    search: str = ""
    site: str = ""
    order: ListOrder | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class ParticipantList:
    """The sites by which a colleague may narrow the list, and one more row than `PAGE_SIZE` if there are."""

    sites: tuple[StaffSite, ...]
    rows: tuple[ParticipantSummary, ...]


def list_participants(context: StaffContext, chosen: PeopleFilter) -> ParticipantList:
    """Participants of this actor's sites."""
    with context.read() as session:
        reached = list_staff_sites(session.connection(), context.actor)
        sites = {site.site_id: site.name for site in reached}
        rows = _list_rows(session, context, chosen, reached)
        keys = [row.id for row in rows]
        bound, dead = _list_activated(session, keys), find_deceased(session, keys)
        enrolled = find_enrolment_days(session, rows)
        return ParticipantList(
            reached,
            tuple(
                ParticipantSummary(
                    public_id=row.public_id,
                    subject=row.subject,
                    site=sites[row.site_id],
                    language=row.language,
                    zone=row.zone,
                    enrolled_on=enrolled[row.id],
                    activated=row.id in bound,
                    exit=_exit(row, row.id in dead),
                )
                for row in rows
            ),
        )


def _exit(row: Participant, died: bool) -> str:
    """What ended participation; a death outranks every other disposition."""
    if died:
        return DispositionKind.death.value
    return row.exit_kind.value if row.exit_kind else ""


def find_participant(context: StaffContext, subject: str) -> str | None:
    """The public id of the participant of this code, for those who may see them."""
    with context.read() as session:
        row = session.exec(with_code(select_readable(context.actor), subject)).first()
        return row.public_id if row else None


@dataclass(frozen=True, slots=True)
class CodeHit:
    """A participant of a code, in one of the actor's studies."""

    study_id: int
    public_id: str


def find_by_code(context: StaffContext, subject: str) -> tuple[CodeHit, ...]:
    """Whom the actor may see of this code, as `with_code` compares it: one in each study."""
    with context.read() as session:
        hits: dict[int, CodeHit] = {}
        for row in session.exec(with_code(select_readable(context.actor), subject)):
            hits.setdefault(row.study_id, CodeHit(row.study_id, row.public_id))
        return tuple(hits.values())


@dataclass(frozen=True, slots=True)
class ReceiptHit:
    """A form that was sent, by the public ids of participant and slot."""

    participant: str
    slot: str


def find_by_receipt(context: StaffContext, receipt: str) -> ReceiptHit | None:
    """The form of exactly this receipt, for those who may see its participant."""
    statement = (
        select_readable(context.actor)
        .join(Slot, col(Slot.participant_id) == col(Participant.id))
        .join(Response, col(Response.slot_id) == col(Slot.id))
        .where(col(Response.public_id) == receipt)
        .with_only_columns(col(Participant.public_id), col(Slot.public_id))
    )
    with context.read() as session:
        row = session.connection().execute(statement).first()
    return ReceiptHit(*row) if row else None


def _list_rows(
    session: Session, context: StaffContext, chosen: PeopleFilter, sites: Iterable[StaffSite]
) -> tuple[Participant, ...]:
    statement, key, subject = select_readable(context.actor), col(Participant.id), col(Participant.subject)
    if chosen.site:
        keys = [site.site_id for site in sites if site.code == chosen.site]
        statement = statement.where(col(Participant.site_id).in_(keys))
    if chosen.search.strip():
        statement = statement.where(holds_code(sa.literal(code_pattern(chosen.search))))
    if chosen.order is not ListOrder.newest:
        listed = statement.where(subject > chosen.after).order_by(subject)
    elif chosen.after:  # a row's key grows with each enrolment, so that no other index is needed
        last = with_code(select_readable(context.actor), chosen.after).with_only_columns(key).limit(1)
        listed = statement.where(key < last.scalar_subquery()).order_by(key.desc())
    else:
        listed = statement.order_by(key.desc())
    return tuple(session.exec(listed.limit(PAGE_SIZE + 1)))


def _list_activated(session: Session, keys: list[int]) -> frozenset[int]:
    """Who of them ever had a browser bound; a PIN does not tell it in every study."""
    return frozenset(session.exec(select(Device.participant_id).where(col(Device.participant_id).in_(keys))))
