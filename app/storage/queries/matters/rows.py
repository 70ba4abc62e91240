"""Open matters: how many there are of each kind, a page of them, the oldest first, and one by its name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.desk.matters import MatterCursor, MatterKind
from app.storage.queries.matters.branches import MatterShape, list_branches
from app.storage.queries.participants import code_pattern
from app.storage.tables.capture import Settlement
from app.storage.tables.packs import LicenceDecision
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site

_REF = sa.bindparam("ref", type_=sa.String)


@dataclass(frozen=True, slots=True)
class MatterSearch:
    """Which matters: of one study at these sites, at a moment; at the sites `seeing` the arm may be seen."""

    shape: MatterShape
    study_id: int
    sites: tuple[int, ...]
    seeing: tuple[int, ...]
    at: datetime
    subject: str = ""
    participant_id: int = 0

    def bind_values(self) -> dict[str, Any]:
        """The parameters of this search."""
        return {
            "study": self.study_id,
            "sites": list(self.sites),
            "seeing": list(self.seeing),
            "now": self.at,
            **({"subject": code_pattern(self.subject)} if self.shape.filtered else {}),
            **({"participant": self.participant_id} if self.shape.single else {}),
        }


@dataclass(frozen=True, slots=True)
class MatterRow:
    """One open matter, with whom and which form it is about; all of the form is None where it is about none.

    `one` and `two` are kinds of date, with the day and by whom it was said; of answers that lie apart `one`
    is the code of why; of a correction `one` is its public id and `two` who proposed it; of a fact of the EDC
    that was refused `one` is the code of why and `two` what it is about. `number` counts questions or
    messages, `note` is what the EDC sent in two ways, as the trail has it, or what it stated.
    """

    kind: str
    ref: str
    at: datetime
    one: str | None
    one_on: date | None
    one_source: str | None
    two: str | None
    two_on: date | None
    two_source: str | None
    number: int | None
    note: str | None
    participant_id: int
    participant: str
    subject: str
    zone: str
    site_id: int
    site: str
    slot: str | None
    visit: str | None
    for_day: date | None
    instrument: str | None
    instrument_version: str | None
    plan_version: str | None
    closes_on: date | None


def count_matters(session: Session, search: MatterSearch) -> Mapping[MatterKind, int]:
    """How many open matters there are of each kind; a kind without any is not named."""
    rows = session.connection().execute(_counts(search.shape), search.bind_values())
    return {MatterKind(row.kind): row.open for row in rows}


def list_matters(
    session: Session, search: MatterSearch, after: MatterCursor | None, limit: int
) -> Sequence[MatterRow]:
    """A page of them by keyset, the oldest first."""
    statement = _page(search.shape, after is not None)
    values = search.bind_values() | {"most": limit}
    if after is not None:
        values |= {
            "after_at": after.at,
            "after_kind": after.name.kind.value,
            "after_ref": after.name.ref,
        }
    return [_row(row) for row in session.connection().execute(statement, values).mappings()]


def find_matter(session: Session, search: MatterSearch, ref: str) -> MatterRow | None:
    """The open matter of this name; None where it is settled, or is no more what it was."""
    rows = session.connection().execute(_named(search.shape), search.bind_values() | {"ref": ref}).mappings()
    return next(map(_row, rows), None)


def is_matter_seen(session: Session, search: MatterSearch, ref: str) -> bool:
    """Whether a search reaches the matter of this name, settled or not."""
    result = session.connection().execute(_reached(search.shape), search.bind_values() | {"ref": ref})
    return bool(result.scalar())


def list_decided_licences(session: Session, study_id: int) -> Collection[str]:
    """The names of the licences of a study, in their states, of which something was decided."""
    decided = sa.select(col(LicenceDecision.ref)).where(col(LicenceDecision.study_id) == study_id)
    return frozenset(session.connection().execute(decided).scalars())


def _row(row: sa.RowMapping) -> MatterRow:
    return MatterRow(**{str(name): value for name, value in row.items()})


def _every(shape: MatterShape) -> sa.Subquery:
    """Every matter of these kinds, settled or not."""
    return sa.union_all(*list_branches(shape)).subquery("matter")


def _unsettled(matter: sa.Subquery) -> sa.ColumnElement[bool]:
    settled = sa.exists().where(
        col(Settlement.participant_id) == matter.c.participant_id,
        sa.cast(col(Settlement.kind), sa.String) == matter.c.kind,
        col(Settlement.ref) == matter.c.ref,
    )
    return ~settled


@lru_cache(maxsize=64)
def _counts(shape: MatterShape) -> sa.Select[Any]:
    matter = _every(shape)
    number = sa.func.count().label("open")
    return sa.select(matter.c.kind, number).where(_unsettled(matter)).group_by(matter.c.kind)


@lru_cache(maxsize=64)
def _reached(shape: MatterShape) -> sa.Select[Any]:
    return sa.select(sa.exists().where(_every(shape).c.ref == _REF))


@lru_cache(maxsize=64)
def _named(shape: MatterShape) -> sa.Select[Any]:
    matter = _every(shape)
    return _described(matter).where(matter.c.ref == _REF)


@lru_cache(maxsize=64)
def _page(shape: MatterShape, continued: bool) -> sa.Select[Any]:
    matter = _every(shape)
    statement = _described(matter).order_by(matter.c.at, matter.c.kind, matter.c.ref)
    statement = statement.limit(sa.bindparam("most", type_=sa.Integer))
    if not continued:
        return statement
    moment = sa.bindparam("after_at", type_=matter.c.at.type)
    kind = sa.bindparam("after_kind", type_=sa.String)
    ref = sa.bindparam("after_ref", type_=sa.String)
    same = sa.and_(matter.c.at == moment, matter.c.kind == kind, matter.c.ref > ref)
    later = sa.and_(matter.c.at == moment, matter.c.kind > kind)
    return statement.where(sa.or_(matter.c.at > moment, later, same))


def _described(matter: sa.Subquery) -> sa.Select[Any]:
    """The matters that nobody settled, each with whom and which form it is about."""
    return (
        sa.select(
            *(column for column in matter.c if column.name != "slot_id"),
            col(Participant.public_id).label("participant"),
            col(Participant.subject),
            col(Participant.zone),
            col(Participant.site_id),
            col(Site.name).label("site"),
            col(Slot.public_id).label("slot"),
            col(Slot.visit),
            col(Slot.for_day),
            col(Slot.instrument),
            col(Slot.instrument_version),
            col(Slot.plan_version),
            col(Slot.closes_on),
        )
        .join_from(matter, Participant, col(Participant.id) == matter.c.participant_id)
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Slot, col(Slot.id) == matter.c.slot_id, isouter=True)
        .where(_unsettled(matter))
    )
