"""The log of tries to reach a participant: append-only, and a correction is an entry of its own."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.domain.plans.status import ExitKind
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused, check_all
from app.domain.today.contacts import SETTLING, ContactNote, parse_contact_note
from app.domain.typed_text import trim_words
from app.services.accounts.contacts import ContactDetails, get_masked_contact
from app.services.core.context import StaffContext
from app.storage.queries.participants import find_deceased
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import ContactEntry, Participant, TeamRequest
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """One entry of the log: who tried when, what came of it, and what a correction says of an earlier one.

    `corrected` is how the entry read before, the newest first; `reason` says why it was corrected.
    """

    entry_id: int
    outcome: str
    note: str
    next_try_on: date | None
    contacted_at: datetime
    recorded_at: datetime
    recorded_by: str
    reason: str = ""
    corrected: tuple["LoggedContact", ...] = ()


@dataclass(frozen=True, slots=True)
class ContactContext:
    """What stands beside the form of a new entry: the masked address, an open request, what was tried.

    `exit_kind` says how the participant left: nobody tries again then.
    """

    subject: str
    zone: str
    exit_kind: ExitKind | None
    address: ContactDetails | None
    called_at: datetime | None
    log: tuple[LoggedContact, ...]


def log_contact(
    context: StaffContext,
    participant_id: int,
    outcome: str,
    note: str,
    next_try: date | None,
    *,
    answers_call: bool = False,
) -> None:
    """Record a try to reach a participant; `answers_call` closes their open request for a call with it.

    Raises Refused: "contact_outcome", "contact_note", "next_try", "call_not_settled" for an outcome that
    answers no request, and "no_next_try" where the participant left meanwhile.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        today = local_day(context.at, participant.zone)
        checked = parse_contact_note(outcome, note, next_try, today, answers_call=answers_call)
        _check_next_try(participant, next_try)
        work.session.add(_entry(context, participant_id, checked, context.at))
        work.record(AuditEvent.CONTACT_LOGGED, chain, reason=checked.note or None)
        request = _open_call(work.session, participant_id) if answers_call else None
        if request is not None:
            request.closed_at, request.closed_by = context.at, context.actor.id
            request.outcome = checked.note or None
            work.record(AuditEvent.REQUEST_CLOSED, chain, reason=checked.note or None)


def correct_contact(
    context: StaffContext,
    participant_id: int,
    entry_id: int,
    outcome: str,
    note: str,
    next_try: date | None,
    reason: str,
) -> None:
    """Record how an entry should have read; what it said stays in the log.

    A request for a call that was closed by it is open again where nobody was spoken to after all. Raises
    Refused: "unknown_contact", "contact_corrected" for one that was corrected already, "correction_reason",
    or as `log_contact`.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        entry = work.session.get(ContactEntry, entry_id)
        if entry is None or entry.participant_id != participant_id:
            raise Refused("unknown_contact")
        if work.session.exec(select(ContactEntry).where(ContactEntry.corrects_id == entry_id)).first():
            raise Refused("contact_corrected")
        participant = work.session.get_one(Participant, participant_id)
        today = local_day(entry.contacted_at, participant.zone)
        checked = parse_contact_correction(outcome, note, next_try, today, reason)
        if next_try != entry.next_try_on:
            _check_next_try(participant, next_try)
        row = _entry(context, participant_id, checked, entry.contacted_at)
        row.corrects_id, row.reason = entry_id, trim_words(reason)
        work.session.add(row)
        work.record(AuditEvent.CONTACT_CORRECTED, chain, reason=row.reason)
        _reopen_call(work, participant, row)


def _check_next_try(participant: Participant, next_try: date | None) -> None:
    if participant.exit_kind is not None and next_try is not None:
        raise Refused("no_next_try", field="next_try")


def _reopen_call(work: UnitOfWork, participant: Participant, correction: ContactEntry) -> None:
    """Open the request for a call again that staff closed, and that no entry of the log answers any more.

    What the participant withdrew stays closed, and so does the request of somebody who died.
    """
    session, theirs = work.session, col(TeamRequest.participant_id) == participant.id
    closed = (
        select(TeamRequest)
        .where(
            theirs,
            TeamRequest.kind == TeamRequestKind.call,
            TeamRequest.asked_at <= correction.contacted_at,
            col(TeamRequest.closed_at) >= correction.contacted_at,
            TeamRequest.closed_by != participant.public_id,
        )
        .order_by(col(TeamRequest.id).desc())
    )
    session.flush()
    request = session.exec(closed).first()
    if request is None or _open_call(session, participant.id) or find_deceased(session, [participant.id]):
        return
    reached = read_last_reached(session, [participant.id]).get(participant.id)
    if reached is None or reached < request.asked_at:
        request.closed_at = request.closed_by = request.outcome = None
        work.record(AuditEvent.REQUEST_REOPENED, participant_chain(participant.id), reason=correction.reason)


def parse_contact_correction(
    outcome: str, note: str, next_try: date | None, today: date, reason: str
) -> ContactNote:
    """How the entry should have read; `today` is the day on which somebody tried.

    Raises Refused: "correction_reason", or as `parse_contact_note`.
    """
    check_all(
        lambda: parse_contact_note(outcome, note, next_try, today), lambda: _check_correction_reason(reason)
    )
    return parse_contact_note(outcome, note, next_try, today)


def _check_correction_reason(reason: str) -> None:
    if not trim_words(reason):
        raise Refused("correction_reason", field="reason")


def get_contact_context(context: StaffContext, participant_id: int) -> ContactContext:
    """What a member of staff needs to see while they call."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        request = _open_call(session, participant_id)
        return ContactContext(
            subject=participant.subject,
            zone=participant.zone,
            exit_kind=participant.exit_kind,
            address=get_masked_contact(context.installation, session, participant_id),
            called_at=request.asked_at if request else None,
            log=read_contact_log(session, participant_id),
        )


def read_contact_log(session: Session, participant_id: int) -> tuple[LoggedContact, ...]:
    """The log of a participant, the newest try first, each as corrected last: two queries."""
    statement = select(ContactEntry).where(ContactEntry.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(ContactEntry.id))).all()
    names = find_staff_names(session, {row.recorded_by for row in rows})
    return fold_contacts(
        (
            LoggedContact(
                entry_id=row.id,
                outcome=row.outcome.value,
                note=row.note or "",
                next_try_on=row.next_try_on,
                contacted_at=row.contacted_at,
                recorded_at=row.recorded_at,
                recorded_by=names.get(row.recorded_by, row.recorded_by),
                reason=row.reason or "",
            ),
            row.corrects_id,
        )
        for row in rows
    )


def read_last_reached(session: Session, participants: Collection[int]) -> Mapping[int, datetime]:
    """When somebody last spoke to each of these participants, as the entries stand corrected."""
    newer = aliased(ContactEntry)
    standing = ~sa.exists().where(col(newer.corrects_id) == col(ContactEntry.id))
    statement = (
        select(ContactEntry.participant_id, sa.func.max(col(ContactEntry.contacted_at)))
        .where(
            col(ContactEntry.participant_id).in_(participants),
            col(ContactEntry.outcome).in_(SETTLING),
            standing,
        )
        .group_by(col(ContactEntry.participant_id))
    )
    return dict(session.exec(statement).all())


def fold_contacts(entries: Iterable[tuple[LoggedContact, int | None]]) -> tuple[LoggedContact, ...]:
    """The log of entries in the order of their recording, each with the entry that it corrects, if any."""
    standing: dict[int, LoggedContact] = {}
    for entry, corrects in entries:
        before = standing.pop(corrects, None) if corrects else None
        standing[entry.entry_id] = replace(entry, corrected=(before, *before.corrected)) if before else entry
    return tuple(
        sorted(standing.values(), key=lambda contact: (contact.contacted_at, contact.entry_id), reverse=True)
    )


def _entry(context: StaffContext, participant_id: int, checked: ContactNote, at: datetime) -> ContactEntry:
    return ContactEntry(
        participant_id=participant_id,
        outcome=checked.outcome,
        note=checked.note or None,
        next_try_on=checked.next_try_on,
        contacted_at=at,
        recorded_at=context.at,
        recorded_by=context.actor.id,
    )


def _open_call(session: Session, participant_id: int) -> TeamRequest | None:
    statement = select(TeamRequest).where(
        TeamRequest.participant_id == participant_id,
        TeamRequest.kind == TeamRequestKind.call,
        col(TeamRequest.closed_at).is_(None),
    )
    return session.exec(statement).first()
