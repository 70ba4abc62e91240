"""Participants of a member of staff who cannot sign in: throttled, or never activated."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col

from app.domain.desk.list_cursor import ListCursor
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.services.core.throttling import find_throttled_participants
from app.storage.queries.key_lists import lies_after
from app.storage.queries.participants import find_enrolment_days, select_readable
from app.storage.tables.participants import Participant

MOST = 100
"""Rows of each kind on a page."""


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
    """Participants who cannot sign in; `after_days` from enrolment somebody should have activated a phone.

    `more_locked` is the code and `more_unused` the place from which each list goes on, empty at its end.
    """

    after_days: int
    locked_out: tuple[LockedOut, ...]
    not_activated: tuple[NeverActivated, ...]
    sites: tuple[StaffSite, ...] = ()
    more_locked: str = ""
    more_unused: ListCursor | None = None


@dataclass(frozen=True, slots=True)
class ProblemFilter:
    """At which site ("" for all), and from where each list goes on."""

    site: str = ""
    locked_after: str = ""
    unused_after: ListCursor | None = None


EVERYBODY = ProblemFilter()


def list_sign_in_problems(context: StaffContext, chosen: ProblemFilter = EVERYBODY) -> SignInProblems:
    """Sign-in problems at this actor's sites, the longest wait first, without participants who left."""
    with context.read() as session:
        reached = list_staff_sites(session.connection(), context.actor)
        sites = {site.site_id: site.name for site in reached}
        plans = [context.installation.library.get_plan(site.study, site.plan_version) for site in reached]
        after_days = min((plan.worklist.unused_days for plan in plans), default=0)
        before = context.at - timedelta(days=after_days)
        keys = [site.site_id for site in reached if chosen.site in ("", site.code)]
        all_locked, all_unused, until = _find(session, context, before, keys, chosen)
        locked, unused = all_locked[:MOST], all_unused[:MOST]
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
            reached,
            locked[-1].subject if len(all_locked) > MOST else "",
            ListCursor(unused[-1].enrolled_at, unused[-1].id) if len(all_unused) > MOST else None,
        )


def _find(
    session: Session, context: StaffContext, before: datetime, sites: Collection[int], chosen: ProblemFilter
) -> tuple[Sequence[Participant], Sequence[Participant], Mapping[int, datetime]]:
    """Who is locked out, who was enrolled before a moment and never bound a browser, and until when.

    One more than `MOST` of each if there are.
    """
    here = select_readable(context.actor).where(col(Participant.site_id).in_(sites))
    taking_part = here.where(col(Participant.exit_kind).is_(None))
    until = find_throttled_participants(session.connection(), context.at)
    subject = col(Participant.subject)
    locked = taking_part.where(col(Participant.id).in_(until), subject > chosen.locked_after)
    unused = taking_part.where(
        col(Participant.activated_at).is_(None),
        col(Participant.consent_version).is_not(None),
        col(Participant.enrolled_at) <= before,
    )
    enrolled, key = col(Participant.enrolled_at), col(Participant.id)
    if (after := chosen.unused_after) is not None:
        unused = unused.where(lies_after((enrolled, after.at, False), (key, after.key, False)))
    longest_first = session.exec(unused.order_by(enrolled, key).limit(MOST + 1)).all()
    locked_out = session.exec(locked.order_by(subject).limit(MOST + 1)).all() if until else []
    return locked_out, longest_first, until
