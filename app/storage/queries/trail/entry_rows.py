"""The audit entries of one study by time, either way, in stretches that bound what a statement walks."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from app.domain.desk.trail import BY_KEY, RecordSubject
from app.storage.row_changes import PARTICIPANT_CHAIN, is_participant_chain, participant_chain, study_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import (
    Alert,
    AlertAction,
    Correction,
    CorrectionDecision,
    PaperEntry,
    Quarantine,
    Response,
)
from app.storage.tables.columns import table_of
from app.storage.tables.edc import EdcClient
from app.storage.tables.messages import AlertMessage, Message
from app.storage.tables.participants import Participant, TeamRequest
from app.storage.tables.schedule import Anchor, Slot, VisitRecord
from app.storage.tables.staff import RoleGrant, Staff


@dataclass(frozen=True, slots=True)
class TrailSelection:
    """Which entries of a study: of the sites (None: all, with what is the study's own), and as filtered.

    `participant` is the key of the only one, `actor` who acted or `actor_kind` of which kind they are, and
    `visit` and `item` stand somewhere in what changed.
    """

    study_id: int
    sites: Collection[int] | None
    participant: int | None = None
    events: Collection[str] | None = None
    actor: str = ""
    actor_kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    visit: str = ""
    item: str = ""
    oldest_first: bool = False

    def has_passed(self, at: datetime) -> bool:
        """Whether all entries further on than this moment lie outside of what is chosen."""
        if self.oldest_first:
            return self.until is not None and at >= self.until
        return self.since is not None and at < self.since


@dataclass(frozen=True, slots=True)
class TrailPosition:
    """A place in the order of entries, which is that of their moments and then of their numbers."""

    at: datetime
    number: int


_entry = table_of(AuditEntry)
_at, _number = col(AuditEntry.at), col(AuditEntry.id)
_order = sa.tuple_(_at, _number)


def find_position(session: Session, number: int) -> TrailPosition | None:
    """The place of the entry of this number; None where there is none."""
    moment = session.execute(sa.select(_at).where(_number == number)).scalar_one_or_none()
    return TrailPosition(moment, number) if moment is not None else None


def find_stretch_end(
    session: Session, chosen: TrailSelection, start: TrailPosition | None, entries: int
) -> TrailPosition | None:
    """The last of so many entries of any kind further on than a place; None where there are not so many."""
    statement = sa.select(_at, _number).where(*_further(chosen, start))
    if chosen.oldest_first and chosen.since is not None:
        statement = statement.where(_at >= chosen.since)
    if not chosen.oldest_first and chosen.until is not None:
        statement = statement.where(_at < chosen.until)
    row = session.execute(_in_order(chosen, statement).offset(entries - 1).limit(1)).first()
    return TrailPosition(row[0], row[1]) if row is not None else None


def read_trail_rows(
    session: Session,
    chosen: TrailSelection,
    start: TrailPosition | None,
    end: TrailPosition | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """The first entries further on than `start` and through `end`, no more than `limit`."""
    statement = sa.select(
        _number,
        col(AuditEntry.chain),
        col(AuditEntry.event),
        _at,
        col(AuditEntry.actor_kind),
        col(AuditEntry.actor_id),
        col(AuditEntry.actor_role),
        col(AuditEntry.reason),
        col(AuditEntry.changes),
    ).where(*_further(chosen, start), *_conditions(chosen))
    if end is not None:
        last = _bound(end)
        statement = statement.where(_order <= last if chosen.oldest_first else _order >= last)
    return session.execute(_in_order(chosen, statement).limit(limit)).all()


def _in_order(chosen: TrailSelection, statement: sa.Select[*tuple[Any, ...]]) -> sa.Select[*tuple[Any, ...]]:
    if chosen.oldest_first:
        return statement.order_by(_at, _number)
    return statement.order_by(_at.desc(), _number.desc())


def _further(chosen: TrailSelection, start: TrailPosition | None) -> Iterable[sa.ColumnElement[bool]]:
    if start is not None:
        yield _order > _bound(start) if chosen.oldest_first else _order < _bound(start)


def _bound(position: TrailPosition) -> sa.Tuple:
    return sa.tuple_(sa.literal(position.at, _entry.c.at.type), sa.literal(position.number, _entry.c.id.type))


def _conditions(chosen: TrailSelection) -> Iterable[sa.ColumnElement[bool]]:
    yield _of_chains(chosen)
    if chosen.events is not None:
        yield col(AuditEntry.event).in_(chosen.events)
    if chosen.actor:
        yield col(AuditEntry.actor_id) == chosen.actor
    if chosen.actor_kind:
        yield col(AuditEntry.actor_kind) == chosen.actor_kind
    if chosen.since is not None:
        yield _at >= chosen.since
    if chosen.until is not None:
        yield _at < chosen.until
    changes = col(AuditEntry.changes)
    if chosen.visit:  # records that are named by a key may be of any form
        keyed = (changes.contains(f'"record":"{table}:', autoescape=True) for table in sorted(BY_KEY))
        yield sa.or_(changes.contains(f":{chosen.visit}/", autoescape=True), *keyed)
    if chosen.item:
        yield changes.contains(f'"field":"{chosen.item}"', autoescape=True)


def _of_chains(chosen: TrailSelection) -> sa.ColumnElement[bool]:
    chain = col(AuditEntry.chain)
    if chosen.participant is not None:
        return chain == participant_chain(chosen.participant)
    named = sa.literal(PARTICIPANT_CHAIN).concat(sa.cast(col(Participant.id), sa.String))
    people = sa.select(named).where(col(Participant.study_id) == chosen.study_id)
    if chosen.sites is not None:
        return chain.in_(people.where(col(Participant.site_id).in_(chosen.sites)))
    return sa.or_(chain.in_(people), chain == study_chain(chosen.study_id))


def read_entry_people(session: Session, chains: Iterable[str]) -> Mapping[str, sa.Row[Any]]:
    """By their chain the participants of whom entries tell: code, site, zone and address."""
    keys = {
        int(chain.removeprefix(PARTICIPANT_CHAIN)): chain for chain in chains if is_participant_chain(chain)
    }
    statement = sa.select(
        col(Participant.id),
        col(Participant.subject),
        col(Participant.public_id),
        col(Participant.site_id),
        col(Participant.zone),
    ).where(col(Participant.id).in_(keys))
    return {keys[row.id]: row for row in session.execute(statement)} if keys else {}


def find_client_names(session: Session, clients: Collection[str]) -> Mapping[str, str]:
    """The names of EDC clients by their ids."""
    named = sa.select(col(EdcClient.client_id), col(EdcClient.name))
    rows = session.execute(named.where(col(EdcClient.client_id).in_(clients))) if clients else ()
    return {row.client_id: row.name for row in rows}


def list_study_staff(
    session: Session, study_id: int, sites: Collection[int] | None
) -> Sequence[tuple[int, str]]:
    """Who has or had a role in a study, or at these sites of it, by name."""
    statement = sa.select(col(Staff.id), col(Staff.name)).join(
        RoleGrant, col(RoleGrant.staff_id) == col(Staff.id)
    )
    statement = statement.where(col(RoleGrant.study_id) == study_id).distinct()
    if sites is not None:
        near = sa.or_(col(RoleGrant.site_id).is_(None), col(RoleGrant.site_id).in_(sites))
        statement = statement.where(near)
    rows = session.execute(statement.order_by(col(Staff.name), col(Staff.id)))
    return [(row.id, row.name) for row in rows]


_Places = Mapping[str, RecordSubject]
_Read = sa.Select[*tuple[Any, ...]]
_OF_SLOT: Mapping[str, tuple[type[SQLModel], Any, Callable[[str], object]]] = {
    "message": (Message, col(Message.id), int),
    "response": (Response, col(Response.public_id), str),
    "quarantine": (Quarantine, col(Quarantine.id), int),
    "correction": (Correction, col(Correction.public_id), str),
    "paper_entry": (PaperEntry, col(PaperEntry.public_id), str),
    "participant_request": (TeamRequest, col(TeamRequest.id), int),
    "alert": (Alert, col(Alert.public_id), str),
}
"""Tables whose rows name a form, with the column by which the trail calls them."""


def read_record_subjects(session: Session, records: Iterable[str]) -> _Places:
    """The form or kind of date of records that the trail names by their keys."""
    keys: dict[str, dict[object, str]] = {}
    for record in records:
        table, _, key = record.partition(":")
        spelled = _OF_SLOT[table][2] if table in _OF_SLOT else int if table in _OTHERS else None
        if spelled is not None:
            keys.setdefault(table, {})[spelled(key)] = record
    places: dict[str, RecordSubject] = {}
    for table, named in keys.items():
        for row in session.execute(_places_of(table, named)):
            places[named[row[0]]] = RecordSubject(*(text or "" for text in row[1:]))
    return places


def _places_of(table: str, keys: Collection[object]) -> _Read:
    if table in _OTHERS:
        return _OTHERS[table](keys)
    kind, key, _ = _OF_SLOT[table]
    slot = kind.slot_id  # type: ignore[attr-defined]  # each table of the map has it
    form = sa.select(key, col(Slot.visit), col(Slot.instrument)).distinct()
    return form.join_from(kind, Slot, col(Slot.id) == slot, isouter=True).where(key.in_(keys))


def _through(
    key: sa.SQLColumnExpression[int | None],
    parent: type[Correction] | type[Alert],
    link: sa.ColumnElement[bool],
) -> Callable[[Collection[object]], _Read]:
    """The reading of a table whose rows belong to a row that names a form."""
    form = sa.select(key, col(Slot.visit), col(Slot.instrument))
    joined = form.where(link, col(Slot.id) == col(parent.slot_id))
    return lambda keys: joined.where(key.in_(keys))


def _anchors(keys: Collection[object]) -> _Read:
    nothing = sa.literal("")
    return sa.select(col(Anchor.id), nothing, nothing, col(Anchor.kind)).where(col(Anchor.id).in_(keys))


def _visits(keys: Collection[object]) -> _Read:
    return sa.select(col(VisitRecord.id), col(VisitRecord.visit)).where(col(VisitRecord.id).in_(keys))


_OTHERS: Mapping[str, Callable[[Collection[object]], _Read]] = {
    "correction_decision": _through(
        col(CorrectionDecision.id), Correction, col(Correction.id) == col(CorrectionDecision.correction_id)
    ),
    "alert_action": _through(col(AlertAction.id), Alert, col(Alert.id) == col(AlertAction.alert_id)),
    "alert_message": _through(col(AlertMessage.id), Alert, col(Alert.id) == col(AlertMessage.alert_id)),
    "anchor": _anchors,
    "visit_record": _visits,
}
