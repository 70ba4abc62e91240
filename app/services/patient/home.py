"""What a participant finds at home: forms to fill in now, the next date, and what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.instruments.duration import count_certain, count_questions, estimate_minutes
from app.domain.plans.occasions import FormOccasion
from app.domain.plans.schedule import needs_late_reason
from app.domain.plans.status import ANSWERABLE, Status, answerable_until
from app.domain.plans.windows import ONE_SECOND, Window, local_day, start_of_day
from app.services.capture.forms import FormDefinition, find_confirmed_helper, form_definition
from app.services.core.context import ParticipantContext, ParticipantSession
from app.services.patient.submitted_forms import has_urgent_answers, is_of_its_day
from app.services.patient.urgent_call import is_today
from app.services.schedule.reminder_preference import wants_reminders
from app.services.setup.packs import has_form_wording
from app.storage.queries.participant_answers import Draft, read_drafts
from app.storage.queries.slots import planned_slot, slot_facts, slot_status, window_of_slot
from app.storage.queries.upcoming_forms import UpcomingForms, read_upcoming_forms
from app.storage.tables.capture import Response
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Disposition, Slot

COMPLETED = "completed"
"""The disposition of somebody who did everything that the study asked."""


@dataclass(frozen=True, slots=True)
class DueForm:
    """A form that can be filled in now; `until_on` is the last local day on which it can be.

    `certain`: how many questions it has whatever is answered; 0 where the answers decide. `helper`: who was
    confirmed to fill it in, so that it can begin at once; "" where that is asked first.
    """

    slot: str
    status: Status
    name: str
    occasion: FormOccasion
    for_day: date | None
    questions: int
    answered: int
    certain: int
    helper: str
    until_on: date

    @property
    def minutes(self) -> int:
        return estimate_minutes(self.questions)

    def is_catch_up(self, today: date) -> bool:
        """Whether this is an entry for a day gone by of which nothing is written yet."""
        return is_past(self.for_day, today) and not self.answered

    @property
    def remaining_minutes(self) -> int:
        """What is left of these minutes, by the questions without an answer; at least one."""
        return estimate_minutes(max(self.questions - self.answered, 1))


@dataclass(frozen=True, slots=True)
class HomeOverview:
    """Forms by closing day, and the day on which the next one opens, and when.

    `reminded`: the study reminds this participant of it. `finished`: they completed the study, and
    nothing is asked of them any more. `urgent`: an answer of today, sent or only saved, means "call now".
    """

    due: tuple[DueForm, ...]
    next_on: date | None
    next_at: datetime | None = None
    reminded: bool = False
    finished: bool = False
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class NextForms:
    """What comes after a form: how many can be filled in now, and the day and moment of the next opening.

    `first` is the one to go on with: of those begun, or about no day gone by, the one that closes soonest.
    """

    more: int
    next_on: date | None
    next_at: datetime | None = None
    first: FormDefinition | None = None


def get_home(context: ParticipantContext) -> HomeOverview:
    """What this participant can fill in now, soonest closing first; three queries, however many slots.

    What closes on the same day comes in the plan's order.
    Earlier diary days that were not begun come last: they may be made up for, but must not push the
    questionnaire of a visit out of sight, although each of them closes sooner.
    """
    with context.read() as session:
        rows = _live_or_submitted_today(session, context)
        live = [
            slot
            for slot, submitted in rows
            if submitted is None and slot_status(slot, context.at) in ANSWERABLE
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
        drafts = read_drafts(session, [slot.id for slot in slots])
        next_at, reminded = _next_at(session, context.participant, context.at)
        finished = next_at is None and not slots and _completed(session, context.participant)
    forms = (_due(context, slot, len(drafts[slot.id].answers)) for slot in slots)
    today = local_day(context.at, context.participant.zone)
    ordered = sorted(forms, key=lambda form: (form.is_catch_up(today), form.until_on))
    urgent = _holds_urgent_answers(context, rows, drafts)
    next_on = _day_of(context, next_at)
    return HomeOverview(tuple(ordered), next_on, next_at, reminded, finished, urgent)


def get_next_forms(context: ParticipantContext) -> NextForms:
    """What this participant may do next; one query, as it stands between Send and the thanks."""
    with context.read_plainly() as connection:
        upcoming = read_upcoming_forms(connection, context.participant.participant_id, context.at)
    return choose_next_forms(context, upcoming)


def choose_next_forms(context: ParticipantContext, upcoming: UpcomingForms) -> NextForms:
    """What this participant may do next, of what was read already."""
    person = context.participant
    allowed = [
        slot
        for slot in upcoming.open
        if has_form_wording(context.installation, person.study, person.language, slot, context.at)
    ]
    today = local_day(context.at, person.zone)
    first = next((slot for slot in allowed if slot.begun_at or not is_past(slot.for_day, today)), None)
    chosen = first and form_definition(context, first)
    return NextForms(len(allowed), _day_of(context, upcoming.next_at), upcoming.next_at, chosen)


def _day_of(context: ParticipantContext, at: datetime | None) -> date | None:
    """The participant's local day of a moment."""
    return None if at is None else local_day(at, context.participant.zone)


def is_past(day: date | None, today: date) -> bool:
    """Whether a diary entry is about a day gone by."""
    return day is not None and day < today


def _live_or_submitted_today(
    session: Session, context: ParticipantContext
) -> Sequence[tuple[Slot, Response | None]]:
    """What may be open, and what was sent today with its response, as it was sent; in the plan's order."""
    today = start_of_day(local_day(context.at, context.participant.zone), context.participant.zone)
    live = sa.and_(
        col(Slot.submitted_at).is_(None),
        col(Slot.excused).is_(None),
        col(Slot.opens_at) <= context.at,
        col(Slot.grace_until) > context.at,
    )
    submitted = sa.and_(col(Response.slot_id) == col(Slot.id), col(Response.version) == 1)
    statement = (
        select(Slot, Response)
        .outerjoin(Response, sa.and_(submitted, col(Slot.submitted_at) >= today))
        .where(
            Slot.participant_id == context.participant.participant_id,
            sa.or_(live, col(Slot.submitted_at) >= today),
        )
        .order_by(col(Slot.position))
    )
    return [(slot, response) for slot, response in session.exec(statement)]


def _holds_urgent_answers(
    context: ParticipantContext, rows: Sequence[tuple[Slot, Response | None]], drafts: Mapping[int, Draft]
) -> bool:
    """Whether what was sent today, or a draft that was changed today, means "call now"."""
    submitted = [
        (slot, response.answers)
        for slot, response in rows
        if response is not None and is_of_its_day(context, response)
    ]
    saved = [
        (slot, draft.answers)
        for slot, _ in rows
        if (draft := drafts.get(slot.id)) and draft.changed_at and is_today(context, draft.changed_at)
    ]
    return any(
        has_urgent_answers(form_definition(context, slot), answers) for slot, answers in (*submitted, *saved)
    )


def _next_at(session: Session, participant: ParticipantSession, at: datetime) -> tuple[datetime | None, bool]:
    """When the next form opens, and whether they are reminded of it."""
    opening = sa.select(sa.func.min(col(Slot.opens_at))).where(
        col(Slot.participant_id) == col(Participant.id), col(Slot.excused).is_(None), col(Slot.opens_at) > at
    )
    reached = sa.exists().where(
        col(Contact.participant_id) == col(Participant.id), col(Contact.address_sealed) != ""
    )
    statement = sa.select(Participant, opening.scalar_subquery().label("next_at"), reached.label("reached"))
    row = session.execute(statement.where(col(Participant.id) == participant.participant_id)).one()
    if participant.exit_kind is not None or row.next_at is None:
        return None, False
    return row.next_at, bool(row.reached) and wants_reminders(row.Participant)


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
    form = form_definition(context, slot)
    window = window_of_slot(slot)
    return DueForm(
        slot=slot.public_id,
        status=slot_status(slot, context.at),
        name=form.name,
        occasion=form.occasion,
        for_day=slot.for_day,
        questions=count_questions(form.instrument, form.leave_out),
        answered=answered,
        certain=count_certain(form.instrument, form.leave_out),
        helper=_helper(context, form, slot),
        until_on=local_day(context.at, slot.zone) if window is None else _until(slot, window, context.at),
    )


def _helper(context: ParticipantContext, form: FormDefinition, slot: Slot) -> str:
    """Who fills in an entry that begins with a list and takes no other question first."""
    late = needs_late_reason(form.plan, planned_slot(slot), context.at)
    if form.instrument.list_item is None or slot.begun_at is not None or late:
        return ""
    return find_confirmed_helper(context.participant, context.at)


def _until(slot: Slot, window: Window, at: datetime) -> date:
    """The closing day, or the last day of the grace once a begun form has passed it."""
    if at < window.closes_at:
        return window.closes_on
    return local_day(answerable_until(window, slot_facts(slot)) - ONE_SECOND, slot.zone)
