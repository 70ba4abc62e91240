"""Whether this installation can serve: database reachable, its revision current, its clock sane."""

from datetime import UTC, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.services.setup.feed_heads import find_rewound_studies
from app.services.setup.packs import list_all_pack_statuses, packs_needing_attention
from app.storage.revisions import current_revision, head_revision
from app.storage.tables.feed import FeedHead

CLOCK_TOLERANCE = timedelta(minutes=1)
"""Beyond this the database's clock and ours disagree, and windows would open and close wrongly."""

ALARM_STANDS = timedelta(hours=24)
"""How long it is shown that a client named a number beyond its feed, after it last did."""


def find_readiness_faults(installation: Installation, at: datetime) -> list[str]:
    """What keeps it from serving; empty when it is ready.

    "database", "revision", "clock", "head_file" (unreadable), or "feed_rewound": the database is older than
    what clients have read, until the restore is marked.
    """
    try:
        current = current_revision(installation.engine) == _needed()
        apart = abs(_database_clock(installation) - at)
        rewound = current and bool(find_rewound_studies(installation))
    except SQLAlchemyError:
        return ["database"]
    except (Refused, OSError):
        return ["head_file"]
    faults = {"revision": not current, "clock": apart > CLOCK_TOLERANCE, "feed_rewound": rewound}
    return [name for name, wrong in faults.items() if wrong]


def find_readiness_warnings(installation: Installation, at: datetime) -> list[str]:
    """What keeps it from nothing now, but must be seen to: `pack_missing`, `pack_expired`, `pack_ends_soon`
    or `pack_altered`, and `feed_ahead`: a client named a number that its feed never reached. Codes only,
    because everybody may ask; `daybook check-packs` and the log tell which.
    """
    packs = packs_needing_attention(list_all_pack_statuses(installation, at))
    ahead = {"feed_ahead"} if _was_asked_ahead(installation, at) else set()
    return sorted({f"pack_{each.standing.value}" for each in packs} | ahead)


def _was_asked_ahead(installation: Installation, at: datetime) -> bool:
    asked = sa.select(col(FeedHead.study_id)).where(
        col(FeedHead.asked_at) > at - ALARM_STANDS, col(FeedHead.asked_seq) > col(FeedHead.seq)
    )
    with installation.read() as session:
        return session.connection().execute(asked).first() is not None


@cache
def _needed() -> str:
    return head_revision()


def _database_clock(installation: Installation) -> datetime:
    with installation.read() as session:
        reading: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return reading if reading.tzinfo else reading.replace(tzinfo=UTC)
