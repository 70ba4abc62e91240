"""Whether this installation can serve: database reachable, its revision current, its clock sane."""

from datetime import UTC, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from app.services.core.installation import Installation
from app.services.setup.packs import list_all_pack_statuses, packs_needing_attention
from app.storage.revisions import current_revision, head_revision

CLOCK_TOLERANCE = timedelta(minutes=1)
"""Beyond this the database's clock and ours disagree, and windows would open and close wrongly."""


def find_readiness_faults(installation: Installation, at: datetime) -> list[str]:
    """What keeps it from serving: "database", "revision" or "clock"; empty when it is ready."""
    try:
        current = current_revision(installation.engine) == _needed()
        apart = abs(_database_clock(installation) - at)
    except SQLAlchemyError:
        return ["database"]
    # While our own clock is not trusted it goes on by itself, and the database's says nothing of it.
    wrong_clock = apart > CLOCK_TOLERANCE and not installation.clock_watch.untrusted
    return [name for name, wrong in (("revision", not current), ("clock", wrong_clock)) if wrong]


def find_readiness_warnings(installation: Installation, at: datetime) -> list[str]:
    """What does not keep it from taking answers, but must be seen to: `clock_untrusted`, `pack_missing`,
    `pack_expired`, `pack_ends_soon` or `pack_altered`. Codes only, because everybody may ask;
    `daybook check-packs` tells which.
    """
    packs = packs_needing_attention(list_all_pack_statuses(installation, at))
    clock = {"clock_untrusted"} if installation.clock_watch.untrusted else set()
    return sorted(clock | {f"pack_{each.standing.value}" for each in packs})


@cache
def _needed() -> str:
    return head_revision()


def _database_clock(installation: Installation) -> datetime:
    with installation.read() as session:
        reading: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return reading if reading.tzinfo else reading.replace(tzinfo=UTC)
