"""Participants of a study by month of enrolment and by first sign-in: counted, or listed one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.plan import ENROLMENT
from app.domain.records.anchors import AnchorStanding
from app.domain.report.spreads import SignInDelay
from app.storage.queries.report.dialects import epoch_seconds
from app.storage.queries.slots import code_literal
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor


@dataclass(frozen=True, slots=True)
class PeopleSelection:
    """The participants of a report: of one study, at these sites (None: all), enrolled on these days.

    `sign_in_days` are those that the plan gives somebody to sign in.
    """

    study_id: int
    at: datetime
    sign_in_days: int
    sites: tuple[int, ...] | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """One participant behind a figure."""

    participant_id: int
    participant: str
    subject: str
    site_id: int
    zone: str
    enrolled_on: date
    signed_in_at: datetime | None


_SIGNED_IN = col(Participant.activated_at)


def count_people(connection: Connection, chosen: PeopleSelection) -> Sequence[Mapping[str, Any]]:
    """How many participants (`count`) there are of each month of enrolment and delay: one aggregate query."""
    facts = _of_study(sa.select(*_facts(chosen)), chosen).subquery()
    statement = sa.select(*facts.c, sa.func.count().label("count")).group_by(*facts.c)
    return [dict(row) for row in connection.execute(statement).mappings()]


def list_people(
    connection: Connection,
    chosen: PeopleSelection,
    groups: Sequence[tuple[int, int, SignInDelay]],
    after: str,
    limit: int | None,
) -> list[ListedPerson]:
    """The participants of any of these years, months and delays, by code, after this one."""
    columns: tuple[Any, ...] = (
        col(Participant.id).label("participant_id"),
        col(Participant.public_id).label("participant"),
        col(Participant.subject),
        col(Participant.site_id),
        col(Participant.zone),
        col(Anchor.dated_on).label("enrolled_on"),
        _SIGNED_IN.label("signed_in_at"),
    )
    year, month, delay = _facts(chosen)
    alike = [sa.and_(year == y, month == m, delay == late.value) for y, m, late in groups]
    statement = (
        _of_study(sa.select(*columns), chosen)
        .where(sa.or_(sa.false(), *alike), col(Participant.subject) > after)
        .order_by(col(Participant.subject))
        .limit(limit)
    )
    return [ListedPerson(*row) for row in connection.execute(statement)]


def _facts(chosen: PeopleSelection) -> tuple[sa.ColumnElement[Any], ...]:
    enrolled = col(Anchor.dated_on)
    return (
        sa.extract("year", enrolled).label("year"),
        sa.extract("month", enrolled).label("month"),
        _delay(chosen).label("delay"),
    )


def _delay(chosen: PeopleSelection) -> sa.ColumnElement[str]:
    allowed = timedelta(days=chosen.sign_in_days)
    seconds = epoch_seconds(_SIGNED_IN) - epoch_seconds(col(Participant.enrolled_at))
    waits = sa.or_(
        col(Participant.consent_version).is_(None), col(Participant.enrolled_at) > chosen.at - allowed
    )
    return sa.case(
        (seconds <= int(allowed.total_seconds()), code_literal(SignInDelay.in_time)),
        (_SIGNED_IN.is_not(None), code_literal(SignInDelay.later)),
        (waits, code_literal(SignInDelay.pending)),
        else_=code_literal(SignInDelay.never),
    )


def _of_study(statement: sa.Select[Any], chosen: PeopleSelection) -> sa.Select[Any]:
    enrolment = sa.and_(
        col(Anchor.participant_id) == col(Participant.id),
        col(Anchor.kind) == ENROLMENT,
        col(Anchor.standing) == AnchorStanding.CURRENT,
    )
    narrowed = [
        col(Participant.site_id).in_(chosen.sites) if chosen.sites is not None else None,
        col(Anchor.dated_on) >= chosen.first if chosen.first else None,
        col(Anchor.dated_on) <= chosen.last if chosen.last else None,
    ]
    return (
        statement.select_from(Participant)
        .join(Anchor, enrolment)
        .where(
            col(Participant.study_id) == chosen.study_id,
            *(condition for condition in narrowed if condition is not None),
        )
    )
