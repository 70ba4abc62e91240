"""A participant's own days: diary entries made, missed or still to be made, and forms that are done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import col, select

from app.domain.instruments.definition import Instrument, ItemKind
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.services.core.context import ParticipantContext
from app.storage.queries.slots import slot_status
from app.storage.tables.capture import Response
from app.storage.tables.schedule import Slot

NOT_DUE = frozenset({Status.not_expected, Status.waiting})
"""Slots that are no forms of theirs, or not yet."""


@dataclass(frozen=True, slots=True)
class OwnDay:
    """One day of the diary; `slot` is its form, `worst` its highest number, None where none may be read."""

    day: date
    status: Status
    slot: str
    worst: int | None = None


@dataclass(frozen=True, slots=True)
class OwnCourse:
    """Diary days up to today, and the other forms: how many of them are sent; and when the next one opens.

    `next_at` is a moment: a day of the diary may open within it.
    """

    days: tuple[OwnDay, ...]
    submitted: int
    expected: int
    next_at: datetime | None


def get_own_course(context: ParticipantContext) -> OwnCourse:
    """The participant's own days and forms; one query. Numbers are told where the plan shows answers."""
    person = context.participant
    statement = (
        select(Slot, Response)
        .outerjoin(Response, (col(Response.slot_id) == col(Slot.id)) & (col(Response.version) == 1))
        .where(col(Slot.participant_id) == person.participant_id)
        .order_by(col(Slot.for_day), col(Slot.position))
    )
    with context.read() as session:
        rows = [(slot, response, slot_status(slot, context.at)) for slot, response in session.exec(statement)]
    due = [row for row in rows if row[2] not in NOT_DUE]
    today = local_day(context.at, person.zone)
    days = (
        OwnDay(slot.for_day, status, slot.public_id, _worst(context, slot, response))
        for slot, response, status in due
        if slot.for_day is not None and slot.for_day <= today
    )
    forms = [status for slot, _, status in due if slot.for_day is None and status is not Status.excused]
    opening = (slot.opens_at for slot, _, status in due if status is Status.planned)
    next_at = min((at for at in opening if at is not None), default=None)
    return OwnCourse(tuple(days), forms.count(Status.submitted), len(forms), next_at)


def _worst(context: ParticipantContext, slot: Slot, response: Response | None) -> int | None:
    plan = context.installation.library.get_plan(context.participant.study, slot.plan_version)
    if response is None or not plan.shows_answers:
        return None
    instrument = context.installation.library.get_instrument(slot.instrument, slot.instrument_version)
    return find_worst(instrument, response.answers)


def find_worst(instrument: Instrument, answers: Mapping[str, AnswerValue]) -> int | None:
    """The highest number given on the instrument's scales; None where none was given. A code is no number."""
    scales = (item.code for item in instrument.items if item.kind is ItemKind.SCALE)
    numbers = [value for code in scales if isinstance(value := answers.get(code), int) and value >= 0]
    return max(numbers, default=None)
