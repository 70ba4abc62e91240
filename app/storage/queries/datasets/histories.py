"""What the feed says of one participant after another, so that a whole study takes the memory of one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from app.storage.tables.feed import FeedEvent
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot, VisitRecord

_REFS = 400
"""References named in one statement."""


class PersonKey(NamedTuple):
    """A participant as the feed refers to them."""

    id: int
    public_id: str
    subject: str
    site_id: int


def read_people(session: Session, study_id: int) -> Sequence[PersonKey]:
    """The participants of a study by code, in the order of Unicode on either database."""
    statement = sa.select(
        col(Participant.id), col(Participant.public_id), col(Participant.subject), col(Participant.site_id)
    ).where(col(Participant.study_id) == study_id)
    rows = (PersonKey(*row) for row in session.execute(statement))
    return sorted(rows, key=lambda person: person.subject)


def read_refs(session: Session, person: PersonKey) -> list[str]:
    """Every reference under which events of this participant can stand."""
    kinds = sa.select(col(Anchor.kind)).where(col(Anchor.participant_id) == person.id).distinct()
    visits = sa.select(col(VisitRecord.visit)).where(col(VisitRecord.participant_id) == person.id)
    slots = sa.select(col(Slot.public_id)).where(col(Slot.participant_id) == person.id)
    return [
        person.public_id,
        f"{person.public_id}/status",
        *(f"{person.public_id}/{kind}" for kind in session.execute(kinds).scalars()),
        *(f"{person.public_id}/visits/{visit}" for visit in session.execute(visits).scalars()),
        *session.execute(slots).scalars(),
    ]


_LATER = aliased(FeedEvent)
_EVENTS = sa.select(col(FeedEvent.seq), col(FeedEvent.ref), col(FeedEvent.line)).where(
    col(FeedEvent.study_id) == sa.bindparam("study_id"),
    col(FeedEvent.ref).in_(sa.bindparam("refs", expanding=True)),
    col(FeedEvent.seq) > sa.bindparam("after"),
    col(FeedEvent.seq) <= sa.bindparam("through"),
)
_LATEST = _EVENTS.where(
    ~sa.exists().where(
        col(_LATER.study_id) == col(FeedEvent.study_id),
        col(_LATER.ref) == col(FeedEvent.ref),
        col(_LATER.seq) > col(FeedEvent.seq),
        col(_LATER.seq) <= sa.bindparam("through"),
    )
)


class StoredEvent(NamedTuple):
    """An event's number, what it refers to, and its line."""

    seq: int
    ref: str
    line: str


def read_events(
    session: Session, study_id: int, refs: Sequence[str], after: int, through: int
) -> list[StoredEvent]:
    """All events of these references after one number through another, in order."""
    return _read(session, _EVENTS, study_id, refs, after, through)


def read_newest_events(
    session: Session, study_id: int, refs: Sequence[str], through: int
) -> list[StoredEvent]:
    """The newest event of each of these references as of a number, in order."""
    return _read(session, _LATEST, study_id, refs, 0, through)


def _read(
    session: Session,
    statement: sa.Select[int, str, str],
    study_id: int,
    refs: Sequence[str],
    after: int,
    through: int,
) -> list[StoredEvent]:
    bounds = {"study_id": study_id, "after": after, "through": through}

    def rows() -> Iterator[StoredEvent]:
        for start in range(0, len(refs), _REFS):
            some = list(refs[start : start + _REFS])
            for row in session.execute(statement, bounds | {"refs": some}):
                yield StoredEvent(*row)

    return sorted(rows(), key=lambda event: event.seq)
