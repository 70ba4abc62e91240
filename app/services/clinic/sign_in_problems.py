"""Who of a colleague's participants cannot get in: locked out by wrong tries, or never activated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.access import Actor
from app.services.core.throttling import SPAN, TRIES
from app.storage.queries.participants import select_readable
from app.storage.tables.participants import Device, Participant
from app.storage.tables.staff import Throttle

UNUSED = timedelta(days=3)
"""After enrolment; by then somebody should have helped with the sheet."""

MOST = 100
"""Rows of each kind; more than these are no list to call through."""


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Somebody whose tries are used up, and until when."""

    participant: Participant
    until: datetime


@dataclass(frozen=True, slots=True)
class SignInProblems:
    """Who needs help with getting in."""

    locked_out: tuple[LockedOut, ...]
    not_activated: tuple[Participant, ...]

    @property
    def count(self) -> int:
        return len(self.locked_out) + len(self.not_activated)


def list_sign_in_problems(session: Session, actor: Actor, at: datetime) -> SignInProblems:
    """Those of this actor's sites, the longest wait first; participants who left are not among them."""
    taking_part = select_readable(actor).where(col(Participant.exit_kind).is_(None))
    until = _throttled(session, at)
    locked = taking_part.where(col(Participant.id).in_(until)).order_by(col(Participant.subject)).limit(MOST)
    rows = session.exec(locked).all() if until else []
    unused = taking_part.where(
        ~sa.exists().where(col(Device.participant_id) == col(Participant.id)),
        col(Participant.consent_version).is_not(None),
        col(Participant.enrolled_at) <= at - UNUSED,
    )
    longest_first = unused.order_by(col(Participant.enrolled_at), col(Participant.id))
    waiting = session.exec(longest_first.limit(MOST)).all()
    return SignInProblems(tuple(LockedOut(row, until[row.id or 0]) for row in rows), tuple(waiting))


def _throttled(session: Session, at: datetime) -> Mapping[int, datetime]:
    """Until when whose second check is refused, on the way in or on a bound browser."""
    counted = select(Throttle).where(col(Throttle.failures) >= TRIES, col(Throttle.since_at) > at - SPAN)
    until: dict[int, datetime] = {}
    for row in session.exec(counted):
        kind, _, rest = row.subject.partition(":")
        if kind in ("check", "pin"):
            who = int(rest.partition(":")[0])
            until[who] = max(row.since_at + SPAN, until.get(who, at))
    return until
