"""Participants of a member of staff who cannot sign in: throttled, or never activated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col

from app.domain.records.access import Actor
from app.services.clinic.staff_sites import list_staff_sites
from app.services.core.context import StaffContext
from app.services.core.throttling import find_throttled_participants
from app.storage.queries.participants import find_enrolment_days, select_readable
from app.storage.tables.participants import Participant

MOST = 100
"""Rows of each kind; more than these are no list to call through."""


@dataclass(frozen=True, slots=True)
class LockedOut:
    """A participant whose second check is throttled, and until when."""

    public_id: str
    subject: str
    site: str
    zone: str
    until: datetime


@dataclass(frozen=True, slots=True)
class NeverActivated:
    """A participant who has bound no phone since enrolment."""

    public_id: str
    subject: str
    site: str
    zone: str
    enrolled_on: date


@dataclass(frozen=True, slots=True)
class SignInProblems:
    """Who needs help with getting in; `after_days` from enrolment somebody should have used their sheet."""

    after_days: int
    locked_out: tuple[LockedOut, ...]
    not_activated: tuple[NeverActivated, ...]


def list_sign_in_problems(context: StaffContext) -> SignInProblems:
    """Sign-in problems at this actor's sites, the longest wait first, without participants who left."""
    with context.read() as session:
        reached = list_staff_sites(session.connection(), context.actor)
        sites = {site.site_id: site.name for site in reached}
        plans = [context.installation.library.plan(site.study, site.plan_version) for site in reached]
        after_days = min((plan.worklist.unused_days for plan in plans), default=0)
        before = context.at - timedelta(days=after_days)
        locked, unused, until = _find(session, context.actor, context.at, before)
        enrolled = find_enrolment_days(session, unused)
        return SignInProblems(
            after_days,
            tuple(
                LockedOut(row.public_id, row.subject, sites[row.site_id], row.zone, until[row.id])
                for row in locked
            ),
            tuple(
                NeverActivated(row.public_id, row.subject, sites[row.site_id], row.zone, enrolled[row.id])
                for row in unused
            ),
        )


def _find(
    session: Session, actor: Actor, at: datetime, before: datetime
) -> tuple[Sequence[Participant], Sequence[Participant], Mapping[int, datetime]]:
    """Who is locked out, who was enrolled before a moment and never bound a browser, and until when."""
    taking_part = select_readable(actor).where(col(Participant.exit_kind).is_(None))
    until = find_throttled_participants(session.connection(), at)
    locked = taking_part.where(col(Participant.id).in_(until)).order_by(col(Participant.subject)).limit(MOST)
    unused = taking_part.where(
        col(Participant.activated_at).is_(None),
        col(Participant.consent_version).is_not(None),
        col(Participant.enrolled_at) <= before,
    )
    longest_first = unused.order_by(col(Participant.enrolled_at), col(Participant.id)).limit(MOST)
    return session.exec(locked).all() if until else [], session.exec(longest_first).all(), until
