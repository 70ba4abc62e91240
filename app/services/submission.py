"""Sending a form: exactly once, scored and told to the EDC in the same transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from app.domain.capture import Arrival, arrival, content, finished
from app.domain.outbox import captured_at
from app.domain.refusal import Refused
from app.domain.status import Status, status
from app.services.accepting import Judged, Sending, accepted
from app.services.capture import Definition, defined, own_slot
from app.services.entry import Visitor, visitor_of
from app.services.identifiers import hashed
from app.services.installation import Installation
from app.services.quarantine import set_apart
from app.storage.answering import hold
from app.storage.capture import Response
from app.storage.changes import chain_of_participant
from app.storage.engine import saving, writing
from app.storage.meeting import Met, met_by_device, met_by_token
from app.storage.schedule import Slot
from app.storage.slots import facts_of, window_of_slot
from app.storage.submitting import write_submission

__all__ = ["Arriving", "Met", "Receipt", "Sending", "arriving", "submit_form"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that answers are stored: its number, when they were received, and how they are marked."""

    number: str
    received_at: datetime
    out_of_window: bool
    in_grace: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Arriving:
    """A form that somebody is sending: who, and everything it meets, as it was read for this request."""

    visitor: Visitor
    met: Met


def arriving(installation: Installation, cookie: str, slot_id: str, at: datetime) -> Arriving | None:
    """Who sends their own form with this cookie, read at once; None where cookie or slot is not known."""
    with saving(installation.engine).connect() as connection:
        met = met_by_token(connection, hashed(cookie), slot_id)
        connection.commit()
    if met is None:
        return None
    visitor = visitor_of(installation, met.device, met.participant, met.site, met.study, at)
    return Arriving(visitor, met)


def submit_form(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    sending: Sending,
    at: datetime,
    met: Met | None = None,
) -> Receipt:
    """Make the answers the slot's one response, scored, audited and in the feed, or return the receipt
    of the same content sent before. What was `met` in this request already is not read again.

    Raises Refused: "unknown_slot", "not_begun", "unanswered", "not_reviewed", "unknown_item",
    "out_of_range", "wrong_kind"; "already_submitted" with the first receipt for other content,
    and "arrived_too_late" - in both cases the answers are kept in quarantine.
    """
    receipt = _try_to_submit(installation, visitor, slot_id, sending, at, met, waits=False)
    while receipt is None:
        # Whoever is overtaken once waits in line the second time, and is then overtaken no more.
        receipt = _try_to_submit(installation, visitor, slot_id, sending, at, None, waits=True)
    return receipt


def _try_to_submit(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    sending: Sending,
    at: datetime,
    met: Met | None,
    *,
    waits: bool,
) -> Receipt | None:
    """None when something else happened to this participant since it was read; not when it `waits`."""
    pool = writing if waits else saving
    with pool(installation.engine).connect() as connection:
        if waits:
            hold(connection, chain_of_participant(visitor.participant_id))
        met = met or met_by_device(connection, visitor.device_id, slot_id)
        if met is None:
            raise Refused("unknown_slot")
        asked = defined(installation, visitor, met.slot)
        judged = None if met.slot.submitted_at is not None else _judged(asked, sending, at)
        if judged is not None and judged.stands is not Arrival.quarantined:
            made = accepted(met, asked, sending, judged, installation.app_version, at)
            written = write_submission(connection, made)
            connection.commit()
            return _receipt(made.response, repeated=False) if written else None
    return _set_apart(installation, visitor, asked, sending, judged, at)


def _judged(asked: Definition, sending: Sending, at: datetime) -> Judged:
    window, facts = window_of_slot(asked.slot), facts_of(asked.slot)
    if window is None or status(window, facts, at) in (Status.planned, Status.excused):
        raise Refused("not_yet_open")
    if asked.slot.begun_at is None:
        raise Refused("window_closed" if at >= window.closes_at else "not_begun", day=window.closes_on)
    document = finished(asked.instrument, sending.answers, asked.leave_out, sending.reviewed)
    return Judged(document, arrival(window, facts, captured_at(sending.device_at, sending.skew), at))


def _set_apart(
    installation: Installation,
    visitor: Visitor,
    asked: Definition,
    sending: Sending,
    judged: Judged | None,
    at: datetime,
) -> Receipt:
    """What cannot become the response is kept in quarantine, and said to the sender after the commit."""
    with installation.work(visitor.actor, at) as work:
        work.lock(chain_of_participant(visitor.participant_id))
        slot = own_slot(work.session, visitor, asked.slot.public_id)
        if slot.submitted_at is None and judged is not None:
            refusal = Refused("arrived_too_late", day=slot.closes_on)
            set_apart(work, slot, judged.document, refusal.code, sending.device_at)
        else:
            first = first_response(work.session, slot)
            document = finished(asked.instrument, sending.answers, asked.leave_out, reviewed=True)
            if content(document) == first.content_sha256:
                return _receipt(first, repeated=True)
            refusal = Refused("already_submitted", receipt=first.public_id, received=first.submitted_at)
            set_apart(work, slot, document, refusal.code, sending.device_at)
    raise refusal


def first_response(session: Session, slot: Slot) -> Response:
    """What was sent to a slot, before any correction."""
    return session.exec(select(Response).where(Response.slot_id == slot.id, Response.version == 1)).one()


def _receipt(response: Response, repeated: bool) -> Receipt:
    return Receipt(
        number=response.public_id,
        received_at=response.submitted_at,
        out_of_window=response.out_of_window,
        in_grace=response.in_grace,
        repeated=repeated,
    )
