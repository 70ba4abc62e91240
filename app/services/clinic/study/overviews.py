"""What an administrator looks up: the studies of their own, and the licences of instruments."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.records.access import Permission
from app.services.core.context import StaffContext
from app.services.setup.packs import PackStatus, list_pack_statuses
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Site, Study


@dataclass(frozen=True, slots=True)
class StudyOverview:
    """One study: the plan version of new participants, the mode, and how many sites enrol."""

    code: str
    plan_version: str
    mode: str
    open_sites: int
    closed_sites: int
    participants: int


@dataclass(frozen=True, slots=True)
class InstrumentUse:
    """An instrument that the installation knows, and the reader's studies whose plan uses it.

    `packs` is where each trial stands with its licence, by language; a demonstration needs none.
    """

    instrument: str
    version: str
    licensed: bool
    studies: tuple[str, ...]
    packs: tuple[PackStatus, ...]


def list_studies(context: StaffContext) -> tuple[StudyOverview, ...]:
    """The studies whose plan the caller may see, by code."""
    reached = {study for study, _site in context.actor.list_reach(Permission.PLAN_SEE)}
    enrolled = sa.select(sa.func.count()).where(col(Participant.study_id) == col(Study.id))
    opened = sa.select(sa.func.count()).where(col(Site.study_id) == col(Study.id))
    statement = (
        select(
            Study,
            opened.where(col(Site.closed_at).is_(None)).scalar_subquery(),
            opened.where(col(Site.closed_at).is_not(None)).scalar_subquery(),
            enrolled.scalar_subquery(),
        )
        .where(col(Study.id).in_(reached))
        .order_by(Study.code)
    )
    with context.read() as session:
        return tuple(
            StudyOverview(row.code, row.plan_version, row.mode.value, int(some), int(none), int(people))
            for row, some, none, people in session.exec(statement)
        )


def list_instruments(context: StaffContext) -> tuple[InstrumentUse, ...]:
    """Every instrument of the installation, with its use in the studies that the caller administers."""
    reached = {study for study, _site in context.actor.list_reach(Permission.SITE_MANAGE)}
    library = context.installation.library
    with context.read() as session:
        rows = session.exec(select(Study).where(col(Study.id).in_(reached)).order_by(Study.code)).all()
        named = [(row.id, row.code, row.plan_version) for row in rows]
    plans = [library.get_plan(code, version) for _key, code, version in named]
    packs = [
        status
        for _key, code, version in named
        for status in list_pack_statuses(context.installation, code, version, context.at)
    ]
    return tuple(
        InstrumentUse(
            instrument=name,
            version=version,
            licensed=library.instruments[name, version].licensed,
            studies=tuple(
                plan.id
                for plan in plans
                if (name, version) in {(used.id, used.version) for used in plan.instruments}
            ),
            packs=tuple(pack for pack in packs if (pack.instrument, pack.version) == (name, version)),
        )
        for name, version in sorted(library.instruments)
    )
