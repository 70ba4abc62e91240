"""Reading alerts: what forms raised, what was done about it, and who was told."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.desk.list_cursor import ListCursor
from app.storage.queries.key_lists import lies_after
from app.storage.queries.today.branches import SITES
from app.storage.tables.capture import Alert, AlertAction, Response
from app.storage.tables.messages import AlertMessage
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Site

_AT_ONCE = 1000
_OPEN = col(Alert.closed_at).is_(None)


class AlertRows(NamedTuple):
    """An alert, and whom and what it is about.

    `newest` is the newest version of the answers, `acted` how many actions are recorded.
    """

    alert: Alert
    participant: Participant
    site: Site
    slot: Slot
    newest: int
    acted: int


class AlertMessageRow(NamedTuple):
    """One member of staff who was to be told, and what became of it."""

    message: AlertMessage
    name: str


def list_raised_rules(session: Session, slot_id: int) -> frozenset[str]:
    """The codes of the rules that a form raised."""
    return frozenset(session.exec(select(Alert.rule).where(Alert.slot_id == slot_id)).all())


def find_alert(session: Session, participant_id: int, public_id: str) -> AlertRows | None:
    """One alert about this participant."""
    named = (col(Alert.participant_id) == participant_id, col(Alert.public_id) == public_id)
    rows = _read(session, _ROWS.where(*named))
    return rows[0] if rows else None


def list_study_alerts(
    session: Session,
    study_id: int,
    site_ids: Collection[int],
    *,
    closed: bool,
    limit: int | None = None,
    after: ListCursor | None = None,
) -> Sequence[AlertRows]:
    """A study's alerts at some of its sites: open ones, those that wait and are oldest first; or closed
    ones, the newest first; from a cursor on."""
    statement = _ROWS.where(
        col(Alert.study_id) == study_id,
        sa.not_(_OPEN) if closed else _OPEN,
        col(Participant.site_id).in_(site_ids),
    )
    waits = sa.case((col(Alert.acknowledged_at).is_(None), 0), else_=1)
    order = (
        (col(Alert.closed_at).desc(), col(Alert.id).desc())
        if closed
        else (waits, col(Alert.raised_at), col(Alert.id))
    )
    if after is not None:
        newest = ((col(Alert.closed_at), after.at, True), (col(Alert.id), after.key, True))
        oldest = (
            (waits, after.rank, False),
            (col(Alert.raised_at), after.at, False),
            (col(Alert.id), after.key, False),
        )
        statement = statement.where(lies_after(*newest) if closed else lies_after(*oldest))
    return _read(session, statement.order_by(*order).limit(limit))


def list_own_alerts(session: Session, participant_id: int) -> Sequence[AlertRows]:
    """Every alert about one participant, open ones and the newest first."""
    open_first = sa.case((_OPEN, 0), else_=1)
    statement = _ROWS.where(col(Alert.participant_id) == participant_id)
    return _read(session, statement.order_by(open_first, col(Alert.raised_at).desc(), col(Alert.id).desc()))


def list_alert_actions(session: Session, alert_ids: Collection[int]) -> Mapping[int, list[AlertAction]]:
    """What was done about these alerts, by their keys, in the order in which it was recorded."""
    actions: dict[int, list[AlertAction]] = defaultdict(list)
    for some in _split_keys(alert_ids):
        statement = select(AlertAction).where(col(AlertAction.alert_id).in_(some))
        for action in session.exec(statement.order_by(col(AlertAction.id))):
            actions[action.alert_id].append(action)
    return actions


def list_alert_messages(session: Session, alert_ids: Collection[int]) -> Mapping[int, list[AlertMessageRow]]:
    """Who was to be told of these alerts, by their keys, in the order in which it was queued."""
    messages: dict[int, list[AlertMessageRow]] = defaultdict(list)
    named = sa.select(AlertMessage, col(Staff.name)).join(Staff, col(Staff.id) == col(AlertMessage.staff_id))
    for some in _split_keys(alert_ids):
        statement = named.where(col(AlertMessage.alert_id).in_(some)).order_by(col(AlertMessage.id))
        for message, name in session.execute(statement):
            messages[message.alert_id].append(AlertMessageRow(message, name))
    return messages


def _split_keys(keys: Collection[int]) -> Iterator[Sequence[int]]:
    """The keys, at most `_AT_ONCE` at a time: a statement takes only so many values."""
    remaining = iter(keys)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some


def count_alerts_of_leavers(*narrowed: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """How many alerts are open about participants of these sites who have left, of those so narrowed."""
    return (
        sa.select(sa.func.count())
        .select_from(Alert)
        .join(Participant, col(Participant.id) == col(Alert.participant_id))
        .where(
            _OPEN,
            col(Alert.study_id) == sa.bindparam("study", type_=sa.Integer),
            col(Participant.site_id).in_(SITES),
            col(Participant.exit_kind).is_not(None),
            *narrowed,
        )
        .scalar_subquery()
    )


_NEWEST = (
    sa.select(sa.func.max(col(Response.version)))
    .where(col(Response.slot_id) == col(Alert.slot_id))
    .correlate(Alert)
    .scalar_subquery()
)
_ACTED = (
    sa.select(sa.func.count())
    .where(col(AlertAction.alert_id) == col(Alert.id))
    .correlate(Alert)
    .scalar_subquery()
)
_ROWS = (
    sa.select(Alert, Participant, Site, Slot, _NEWEST, _ACTED)
    .join(Participant, col(Participant.id) == col(Alert.participant_id))
    .join(Site, col(Site.id) == col(Participant.site_id))
    .join(Slot, col(Slot.id) == col(Alert.slot_id))
)


def _read(session: Session, statement: sa.Select[*tuple[object, ...]]) -> Sequence[AlertRows]:
    return [AlertRows(*row) for row in session.execute(statement)]
