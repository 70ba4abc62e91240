"""Whether this installation can serve: database reachable, its revision current, its clock sane."""

from datetime import UTC, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlmodel import col

from app.domain.refusal import BadDefinition, DatabaseFault, DatabaseUnavailable, Refused
from app.services.core.installation import Installation
from app.services.setup.feed_heads import find_rewound_studies
from app.services.setup.packs import list_all_pack_statuses, packs_needing_attention
from app.storage.database.limits import CONNECTIONS_OF_A_PROCESS, count_available_connections
from app.storage.revisions import current_revision, head_revision
from app.storage.tables.feed import FeedHead
from app.storage.tables.studies import PlanAmendment, Study

CLOCK_TOLERANCE = timedelta(minutes=1)
"""Beyond this the database's clock and ours disagree, and windows would open and close wrongly."""

ALARM_STANDS = timedelta(hours=24)
"""How long it is shown that a client named a number beyond its feed, after it last did."""


def find_readiness_faults(installation: Installation, at: datetime) -> list[str]:
    """What keeps it from serving; empty when it is ready.

    "database", "revision", "clock", "head_file" (unreadable), "feed_rewound": the database is older than what
    clients have read, until the restore is marked; or "plan": a study follows a version, or has followed one,
    that the definitions of this process do not have.
    """
    try:
        current = current_revision(installation.engine) == _needed()
        apart = abs(_database_clock(installation) - at)
        rewound = current and bool(find_rewound_studies(installation))
        lacking = current and _lacks_plans(installation)
    except DatabaseUnavailable:
        return ["database"]
    except (Refused, OSError):
        return ["head_file"]
    # While our own clock is not trusted it goes on by itself, and the database's says nothing of it.
    wrong_clock = apart > CLOCK_TOLERANCE and not installation.clock_watch.untrusted
    faults = {"revision": not current, "clock": wrong_clock, "feed_rewound": rewound, "plan": lacking}
    return [name for name, wrong in faults.items() if wrong]


def _lacks_plans(installation: Installation) -> bool:
    """Whether forms are of a version that is not here: after an amendment before all processes read it."""
    earlier = sa.select(col(Study.code), col(PlanAmendment.from_version)).join(
        PlanAmendment, col(PlanAmendment.study_id) == col(Study.id)
    )
    followed = sa.select(col(Study.code), col(Study.plan_version)).union(earlier)
    with installation.read() as session:
        rows = session.connection().execute(followed).all()
    return any((code, version) not in installation.library.plans for code, version in rows)


def require_current_revision(installation: Installation) -> None:
    """Raise DatabaseUnavailable unless the database has the shape that this version of the program needs."""
    current = current_revision(installation.engine)
    if current != _needed():
        reason = (
            f"it is at revision {current or '(none)'}, this version needs {_needed()}: run `daybook migrate`"
        )
        raise DatabaseUnavailable(DatabaseFault.AWAY, reason)


def require_connections(installation: Installation, workers: int) -> None:
    """Refuse more server processes than the database has connections for; raises BadDefinition.

    Without it they would start, and take each other's connections when it matters.
    """
    available = count_available_connections(installation.engine)
    if available is not None and workers * CONNECTIONS_OF_A_PROCESS > available:
        raise BadDefinition(
            "environment",
            "DAYBOOK_WORKERS",
            workers,
            f"at most {available // CONNECTIONS_OF_A_PROCESS}: PostgreSQL allows {available} connections, "
            f"and each process takes up to {CONNECTIONS_OF_A_PROCESS}",
        )


def find_readiness_warnings(installation: Installation, at: datetime) -> list[str]:
    """What does not keep it from taking answers, but must be seen to: `clock_untrusted`, `pack_missing`,
    `pack_expired`, `pack_ends_soon` or `pack_altered`, and `feed_ahead`: a client named a number that its
    feed never reached. Codes only, because everybody may ask; `daybook check-packs` and the log tell which.
    """
    packs = packs_needing_attention(list_all_pack_statuses(installation, at))
    warnings = {f"pack_{pack.standing.value}" for pack in packs}
    if installation.clock_watch.untrusted:
        warnings.add("clock_untrusted")
    if _was_feed_ahead(installation, at):
        warnings.add("feed_ahead")
    return sorted(warnings)


def _was_feed_ahead(installation: Installation, at: datetime) -> bool:
    statement = sa.select(col(FeedHead.study_id)).where(
        col(FeedHead.asked_at) > at - ALARM_STANDS, col(FeedHead.asked_seq) > col(FeedHead.seq)
    )
    with installation.read() as session:
        return session.connection().execute(statement).first() is not None


@cache
def _needed() -> str:
    return head_revision()


def _database_clock(installation: Installation) -> datetime:
    with installation.read() as session:
        reading: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return reading if reading.tzinfo else reading.replace(tzinfo=UTC)
