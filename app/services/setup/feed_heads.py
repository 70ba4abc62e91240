"""Whether the database still continues the feeds that clients have read: compared with the head file."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.records.audit import GENESIS
from app.services.core.installation import Installation
from app.storage.head_file import KnownHead, KnownHeads, read_head_file, write_head_file
from app.storage.tables.audit import AuditChain
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.studies import Study


def read_heads(session: Session) -> dict[str, KnownHead]:
    """Where the feed and the own audit chain of each study end now."""
    statement: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            col(Study.code),
            col(Study.feed),
            col(FeedHead.seq),
            col(FeedHead.hash),
            col(AuditChain.seq).label("trail_seq"),
            col(AuditChain.hash).label("trail_hash"),
        )
        .join(FeedHead, col(FeedHead.study_id) == col(Study.id))
        .join(AuditChain, (col(AuditChain.study_id) == col(Study.id)) & col(AuditChain.chain).like("study:%"))
        .order_by(col(Study.code))
    )
    rows = session.connection().execute(statement)
    return {row.code: KnownHead(row.feed, row.seq, row.hash, row.trail_seq, row.trail_hash) for row in rows}


def find_rewound_studies(installation: Installation) -> list[str]:
    """The studies whose feed in the database does not continue the one of the head file.

    Names all of them while a restore was begun and not marked. Raises Refused("bad_head_file"), OSError.
    """
    if installation.head_file is None:
        return []
    known = read_head_file(installation.head_file)
    with installation.read() as session:
        return [
            code
            for code, head in known.studies.items()
            if known.restoring or not _continues(session, code, head)
        ]


def _continues(session: Session, code: str, head: KnownHead) -> bool:
    """Whether the study's feed is the same and still holds the known last event."""
    statement = (
        sa.select(col(Study.feed), col(FeedEvent.hash))
        .outerjoin(
            FeedEvent,
            (col(FeedEvent.study_id) == col(Study.id)) & (col(FeedEvent.seq) == sa.bindparam("seq")),
        )
        .where(col(Study.code) == sa.bindparam("code"))
    )
    row = session.connection().execute(statement, {"code": code, "seq": head.seq}).one_or_none()
    return row is not None and (row.feed, row.hash or GENESIS) == (head.feed, head.hash)


def save_heads(installation: Installation) -> bool:
    """Write where the feeds end to the head file, if there is one; False if the database was rewound.

    Raises Refused("bad_head_file"), OSError.
    """
    if installation.head_file is None:
        return True
    if find_rewound_studies(installation):
        return False
    with installation.read() as session:
        known = KnownHeads(read_heads(session))
    if known != read_head_file(installation.head_file):
        write_head_file(installation.head_file, known)
    return True
