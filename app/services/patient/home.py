"""What a participant finds at home: forms to fill in now, the next date, and what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.instruments.duration import estimate_minutes
from app.domain.plans.status import ANSWERABLE, Status, answerable_until
from app.domain.plans.windows import ONE_SECOND, Window, local_day
from app.services.core.context import ParticipantContext, ParticipantSession
from app.services.core.plans import excluded_items
from app.services.patient.submitted_forms import form_name
from app.services.schedule.reminder_preference import wants_reminders
from app.services.setup.packs import has_form_wording
from app.storage.queries.slots import slot_facts, slot_status, window_of_slot
from app.storage.queries.upcoming_forms import read_upcoming_forms
from app.storage.statements.connections import open_autocommit
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Disposition, Slot

COMPLETED = "completed"
"""The disposition of somebody who did everything that the study asked."""


@dataclass(frozen=True, slots=True)
class DueForm:
    """A form that can be filled in now; `until_on` is the last local day on which it can be."""

    slot: str
    status: Status
    name: str
    for_day: date | None
    questions: int
    answered: int
    until_on: date

    @property
    def minutes(self) -> int:
        return estimate_minutes(self.questions)

    def is_catch_up(self, today: date) -> bool:
        """Whether this is an entry for a day gone by of which nothing is written yet."""
        return self.for_day is not None and self.for_day < today and not self.answered


@dataclass(frozen=True, slots=True)
class HomeOverview:
    """Forms by closing day, and the day on which the next one opens.

    `reminded`: the study reminds this participant of it. `finished`: they completed the study, and
    nothing is asked of them any more.
    """

    due: tuple[DueForm, ...]
    next_on: date | None
    reminded: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class NextForms:
    """What comes after a form: how many can be filled in now, and the day on which the next one opens."""

    more: int
    next_on: date | None


def get_home(context: ParticipantContext) -> HomeOverview:
    """What this participant can fill in now, soonest closing first; three queries, however many slots.

    Earlier diary days that were not begun come last: they may be made up for, but must not push the
    questionnaire of a visit out of sight, although each of them closes sooner.
    """
    with context.read() as session:
        live = [
            slot
            for slot in _live(session, context.participant, context.at)
            if slot_status(slot, context.at) in ANSWERABLE
        ]
        slots = [
            slot
            for slot in live
            if has_form_wording(
                context.installation,
                context.participant.study,
                context.participant.language,
                slot,
                context.at,
            )
        ]
        answered = _answered(session, slots)
        next_on, reminded = _next_on(session, context.participant, context.at)
        finished = next_on is None and not slots and _completed(session, context.participant)
    forms = (_due(context, slot, answered.get(slot.id, 0)) for slot in slots)
    today = local_day(context.at, context.participant.zone)
    ordered = sorted(forms, key=lambda form: (form.is_catch_up(today), form.until_on, form.slot))
    return HomeOverview(tuple(ordered), next_on, reminded, finished)


def get_next_forms(context: ParticipantContext) -> NextForms:
    """What this participant may do next; one query, as it stands between Send and the thanks."""
    with open_autocommit(context.installation.engine) as connection:
        upcoming = read_upcoming_forms(connection, context.participant.participant_id, context.at)
    allowed = (
        has_form_wording(
            context.installation, context.participant.study, context.participant.language, slot, context.at
        )
        for slot in upcoming.open
    )
    return NextForms(sum(allowed), upcoming.next_on)


def _live(session: Session, participant: ParticipantSession, at: datetime) -> Sequence[Slot]:
    statement = select(Slot).where(
        Slot.participant_id == participant.participant_id,
        col(Slot.submitted_at).is_(None),
        col(Slot.excused).is_(None),
        col(Slot.opens_at) <= at,
        col(Slot.grace_until) > at,
    )
    return session.exec(statement).all()


def _answered(session: Session, slots: Sequence[Slot]) -> Mapping[int | None, int]:
    """How many questions of each form have an answer, or were left blank."""
    statement = (
        select(AnswerEvent.slot_id, sa.func.count(sa.distinct(col(AnswerEvent.item))))
        .where(col(AnswerEvent.slot_id).in_([slot.id for slot in slots]))
        .group_by(col(AnswerEvent.slot_id))
    )
    return dict(session.exec(statement).all())


def _next_on(session: Session, participant: ParticipantSession, at: datetime) -> tuple[date | None, bool]:
    """The day on which the next form opens, and whether they are reminded of it."""
    opening = sa.select(sa.func.min(col(Slot.opens_on))).where(
        col(Slot.participant_id) == col(Participant.id), col(Slot.excused).is_(None), col(Slot.opens_at) > at
    )
    reached = sa.exists().where(col(Contact.participant_id) == col(Participant.id))
    statement = sa.select(Participant, opening.scalar_subquery().label("next_on"), reached.label("reached"))
    row = session.execute(statement.where(col(Participant.id) == participant.participant_id)).one()
    if participant.exit_kind is not None or row.next_on is None:
        return None, False
    return row.next_on, bool(row.reached) and wants_reminders(row.Participant)


def _completed(session: Session, participant: ParticipantSession) -> bool:
    """Whether the team recorded that they completed the study, and has not taken it back."""
    undoing = table_of(Disposition).alias("undoing")
    statement = select(Disposition.id).where(
        Disposition.participant_id == participant.participant_id,
        Disposition.kind == COMPLETED,
        ~sa.exists().where(undoing.c.undoes_id == col(Disposition.id)),
    )
    return session.exec(statement.limit(1)).first() is not None


def _due(context: ParticipantContext, slot: Slot, answered: int) -> DueForm:
    plan = context.installation.library.plan(context.participant.study, slot.plan_version)
    instrument = context.installation.library.instrument(slot.instrument, slot.instrument_version)
    window = window_of_slot(slot)
    return DueForm(
        slot=slot.public_id,
        status=slot_status(slot, context.at),
        name=form_name(context, slot),
        for_day=slot.for_day,
        questions=len(instrument.items) - len(excluded_items(plan, slot.instrument)),
        answered=answered,
        until_on=local_day(context.at, slot.zone) if window is None else _until(slot, window, context.at),
    )


def _until(slot: Slot, window: Window, at: datetime) -> date:
    """The closing day, or the last day of the grace once a begun form has passed it."""
    if at < window.closes_at:
        return window.closes_on
    return local_day(answerable_until(window, slot_facts(slot)) - ONE_SECOND, slot.zone)
