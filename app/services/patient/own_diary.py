"""A participant's own days: diary entries made, missed or still to be made, and forms that are done."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import col, select

from app.domain.instruments.severity import Severity
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.services.capture.diary_severity import read_worst_severities
from app.services.core.context import ParticipantContext
from app.storage.queries.slots import slot_status
from app.storage.tables.schedule import Slot

NOT_DUE = frozenset({Status.not_expected, Status.waiting})
"""Slots that are no forms of theirs, or not yet."""


@dataclass(frozen=True, slots=True)
class OwnDay:
    """One day of the diary; `slot` is its form, `worst` its worst answer, None where none may be read."""

    day: date
    status: Status
    slot: str
    worst: Severity | None = None


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
    """The participant's own days and forms. The worst answers are told where the plan shows answers.

    One query, and another one where answers are told.
    """
    person, library = context.participant, context.installation.library
    statement = (
        select(Slot)
        .where(col(Slot.participant_id) == person.participant_id)
        .order_by(col(Slot.for_day), col(Slot.position))
    )
    with context.read() as session:
        rows = [(slot, slot_status(slot, context.at)) for slot in session.exec(statement)]
        due = [row for row in rows if row[1] not in NOT_DUE]
        readable = [
            slot
            for slot, _status in due
            if slot.for_day is not None and library.get_plan(person.study, slot.plan_version).shows_answers
        ]
        worst = read_worst_severities(
            context.installation, session, person.study, person.participant_id, readable
        )
    today = local_day(context.at, person.zone)
    days = (
        OwnDay(slot.for_day, status, slot.public_id, worst.get(slot.public_id))
        for slot, status in due
        if slot.for_day is not None and slot.for_day <= today
    )
    forms = [status for slot, status in due if slot.for_day is None and status is not Status.excused]
    opening = (slot.opens_at for slot, status in due if status is Status.planned)
    next_at = min((at for at in opening if at is not None), default=None)
    return OwnCourse(tuple(days), forms.count(Status.submitted), len(forms), next_at)
