"""The rows of the matrix: participants of a study by code, and the state of each of their forms."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.report.ledger import MatrixCell
from app.storage.database.grouped_reads import DocumentRows, GroupedRead, cache_document_rows
from app.storage.database.plain_reads import PlainRead
from app.storage.queries.key_lists import is_among
from app.storage.queries.report.form_figures import FormSelection
from app.storage.queries.report.people_figures import PeopleSelection
from app.storage.queries.slots import status_expression
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


class MatrixPerson(NamedTuple):
    """A participant of the matrix."""

    id: int
    public_id: str
    subject: str
    site_id: int


def read_participants(
    connection: Connection, chosen: PeopleSelection, after: str, limit: int
) -> Sequence[MatrixPerson]:
    """The next participants of a study after this code, at these sites."""
    values = {"study": chosen.study_id, "after": after, "limit": limit, "sites": list(chosen.sites or ())}
    return list(map(MatrixPerson._make, _people(chosen.sites is None).fetch(connection, values)))


def read_cells(
    connection: Connection, chosen: FormSelection, people: Sequence[int]
) -> Mapping[int, DocumentRows[MatrixCell]]:
    """Every form in the plan of these participants, by their keys, but for the diary and, where hidden, of
    one arm."""
    values = {"people": list(people), "now": chosen.at, "diary": chosen.diary}
    return _cells(chosen.shows_arm).fetch(connection, values)


@cache
def _people(everywhere: bool) -> PlainRead:
    there = () if everywhere else (col(Participant.site_id).in_(sa.bindparam("sites", expanding=True)),)
    columns: tuple[Any, ...] = (
        col(Participant.id), col(Participant.public_id), col(Participant.subject), col(Participant.site_id),
    )  # fmt: skip
    return PlainRead(
        sa.select(*columns)
        .where(
            col(Participant.study_id) == sa.bindparam("study", type_=sa.Integer),
            col(Participant.subject) > sa.bindparam("after", type_=sa.String),
            *there,
        )
        .order_by(col(Participant.subject))
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


@cache
def _cells(shows_arm: bool) -> GroupedRead[MatrixCell]:
    now: sa.ColumnElement[datetime] = sa.bindparam("now", type_=sa.inspect(Slot).columns.closes_at.type)
    columns: tuple[Any, ...] = (
        col(Slot.participant_id), col(Slot.visit), col(Slot.instrument), col(Slot.position),
        col(Slot.public_id), status_expression(now), col(Slot.out_of_window),
    )  # fmt: skip
    listed = sa.select(*columns, col(Slot.id)).where(
        is_among(col(Slot.participant_id), "people"),
        col(Slot.for_day).is_(None),
        col(Slot.out_of_plan).is_(False),
        col(Slot.series) != sa.bindparam("diary", type_=sa.String),
        *(() if shows_arm else (col(Slot.arm_revealing).is_(False),)),
    )
    return GroupedRead(listed, MatrixCell._make, sorted_by=1, memory=cache_document_rows(500))
