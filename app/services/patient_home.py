"""What a participant finds at home: forms to fill in now, the next date, and what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app.domain.answers import Value
from app.domain.instrument import Instrument
from app.domain.instrument_text import InstrumentText
from app.domain.refusal import Refused
from app.domain.status import ANSWERABLE, Status, ends_at
from app.domain.window import ONE_SECOND, Window, local_day
from app.services.capture import Definition, left_out
from app.services.entry import Visitor
from app.services.installation import Installation
from app.services.packs import may_begin
from app.services.submission import Receipt
from app.services.wishes import wants_reminders
from app.storage.ahead import ahead_of
from app.storage.capture import AnswerEvent, Response
from app.storage.columns import table_of
from app.storage.engine import saving
from app.storage.people import Contact, Participant
from app.storage.schedule import Disposition, Slot
from app.storage.slots import facts_of, status_of, window_of_slot

_SECONDS_A_QUESTION = 20
"""How long one question is said to take: a QLQ-C30 then takes the ten minutes that letters announce."""

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
        return minutes(self.questions)

    def made_up(self, today: date) -> bool:
        """Whether this is an entry for a day gone by of which nothing is written yet."""
        return self.for_day is not None and self.for_day < today and not self.answered


@dataclass(frozen=True, slots=True)
class Home:
    """Forms by closing day, and the day on which the next one opens.

    `reminded`: the study reminds this participant of it. `finished`: they completed the study, and
    nothing is asked of them any more.
    """

    due: tuple[DueForm, ...]
    next_on: date | None
    reminded: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes after a form: how many can be filled in now, and the day on which the next one opens."""

    more: int
    next_on: date | None


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that was sent: which, when, how its receipt reads, and whether its answers may be read."""

    slot: str
    slot_key: int
    name: str
    for_day: date | None
    sent_at: datetime
    receipt: str
    late: bool
    readable: bool


def minutes(questions: int) -> int:
    """How many minutes this many questions take, at least one."""
    return max(1, round(questions * _SECONDS_A_QUESTION / 60))


def home(installation: Installation, visitor: Visitor, at: datetime) -> Home:
    """What this participant can fill in now, soonest closing first; three queries, however many slots.

    Earlier diary days that were not begun come last: they may be made up for, but must not push the
    questionnaire of a visit out of sight, although each of them closes sooner.
    """
    with installation.read() as session:
        live = [slot for slot in _live(session, visitor, at) if status_of(slot, at) in ANSWERABLE]
        slots = [slot for slot in live if may_begin(installation, visitor.study, visitor.language, slot, at)]
        answered = _answered(session, slots)
        next_on, reminded = _next_on(session, visitor, at)
        finished = next_on is None and not slots and _completed(session, visitor)
    forms = (_due(installation, visitor, slot, answered.get(slot.id, 0), at) for slot in slots)
    today = local_day(at, visitor.zone)
    ordered = sorted(forms, key=lambda form: (form.made_up(today), form.until_on, form.slot))
    return Home(tuple(ordered), next_on, reminded, finished)


def outlook(installation: Installation, visitor: Visitor, at: datetime) -> Outlook:
    """What this participant may do next; one query, as it stands between Send and the thanks."""
    with saving(installation.engine).connect() as connection:
        found = ahead_of(connection, visitor.participant_id, at)
    allowed = (may_begin(installation, visitor.study, visitor.language, slot, at) for slot in found.open)
    return Outlook(sum(allowed), found.next_on)


def sent_forms(installation: Installation, visitor: Visitor) -> tuple[SentForm, ...]:
    """Everything this participant sent, newest first; never the answers."""
    with installation.read() as session:
        rows = session.exec(_sent(visitor).order_by(col(Response.submitted_at).desc())).all()
    return tuple(_told(installation, visitor, slot, response) for slot, response in rows)


def sent_form(installation: Installation, visitor: Visitor, slot_id: str) -> SentForm:
    """One's own form as it was sent. Raises Refused("unknown_slot") for any other, and before sending."""
    with installation.read() as session:
        row = session.exec(_sent(visitor).where(col(Slot.public_id) == slot_id)).one_or_none()
    if row is None:
        raise Refused("unknown_slot")
    return _told(installation, visitor, *row)


def just_sent(asked: Definition, receipt: Receipt) -> SentForm:
    """The same of a form whose receipt is at hand, without reading it again."""
    return SentForm(
        slot=asked.slot.public_id,
        slot_key=asked.slot.id or 0,
        name=asked.text.name,
        for_day=asked.slot.for_day,
        sent_at=receipt.received_at,
        receipt=receipt.number,
        late=receipt.out_of_window,
        readable=asked.plan.shows_answers,
    )


@dataclass(frozen=True, slots=True)
class SentAnswers:
    """A form as it was sent: its words in the language it was answered in, and the answers that count."""

    form: SentForm
    instrument: Instrument
    text: InstrumentText
    answers: Mapping[str, Value]


def sent_answers(installation: Installation, visitor: Visitor, slot_id: str) -> SentAnswers:
    """One's own answers, to read; never scores.

    Raises Refused("unknown_slot") unless the plan shows participants what they sent (UX P10).
    """
    with installation.read() as session:
        row = session.exec(_sent(visitor).where(col(Slot.public_id) == slot_id)).one_or_none()
        latest = _latest(session, row[0].id) if row else None
    if row is None or latest is None or not (form := _told(installation, visitor, *row)).readable:
        raise Refused("unknown_slot")
    slot = row[0]
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    text = installation.text(visitor.study, instrument, latest.language, slot.begun_at)
    return SentAnswers(form, instrument, text, latest.answers)


def _latest(session: Session, slot_key: int | None) -> Response | None:
    versions = select(Response).where(Response.slot_id == slot_key).order_by(col(Response.version).desc())
    return session.exec(versions.limit(1)).first()


def _live(session: Session, visitor: Visitor, at: datetime) -> Sequence[Slot]:
    statement = select(Slot).where(
        Slot.participant_id == visitor.participant_id,
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


def _next_on(session: Session, visitor: Visitor, at: datetime) -> tuple[date | None, bool]:
    """The day on which the next form opens, and whether they are reminded of it."""
    opening = sa.select(sa.func.min(col(Slot.opens_on))).where(
        col(Slot.participant_id) == col(Participant.id), col(Slot.excused).is_(None), col(Slot.opens_at) > at
    )
    reached = sa.exists().where(col(Contact.participant_id) == col(Participant.id))
    statement = sa.select(Participant, opening.scalar_subquery().label("next_on"), reached.label("reached"))
    row = session.execute(statement.where(col(Participant.id) == visitor.participant_id)).one()
    if visitor.exit_kind is not None or row.next_on is None:
        return None, False
    return row.next_on, bool(row.reached) and wants_reminders(row.Participant)


def _completed(session: Session, visitor: Visitor) -> bool:
    """Whether the team recorded that they completed the study, and has not taken it back."""
    undoing = table_of(Disposition).alias("undoing")
    statement = select(Disposition.id).where(
        Disposition.participant_id == visitor.participant_id,
        Disposition.kind == COMPLETED,
        ~sa.exists().where(undoing.c.undoes_id == col(Disposition.id)),
    )
    return session.exec(statement.limit(1)).first() is not None


def _due(installation: Installation, visitor: Visitor, slot: Slot, answered: int, at: datetime) -> DueForm:
    plan = installation.library.plan(visitor.study, slot.plan_version)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    window = window_of_slot(slot)
    return DueForm(
        slot=slot.public_id,
        status=status_of(slot, at),
        name=_name(installation, visitor, slot),
        for_day=slot.for_day,
        questions=len(instrument.items) - len(left_out(plan, slot.instrument)),
        answered=answered,
        until_on=local_day(at, slot.zone) if window is None else _until(slot, window, at),
    )


def _until(slot: Slot, window: Window, at: datetime) -> date:
    """The closing day, or the last day of the grace once a begun form has passed it."""
    if at < window.closes_at:
        return window.closes_on
    return local_day(ends_at(window, facts_of(slot)) - ONE_SECOND, slot.zone)


def _sent(visitor: Visitor) -> Select[Slot, Response]:
    return (
        select(Slot, Response)
        .join(Response, col(Response.slot_id) == col(Slot.id))
        .where(col(Slot.participant_id) == visitor.participant_id, col(Response.version) == 1)
    )


def _told(installation: Installation, visitor: Visitor, slot: Slot, response: Response) -> SentForm:
    plan = installation.library.plan(visitor.study, slot.plan_version)
    return SentForm(
        slot=slot.public_id,
        slot_key=slot.id or 0,
        name=_name(installation, visitor, slot),
        for_day=slot.for_day,
        sent_at=response.submitted_at,
        receipt=response.public_id,
        late=response.out_of_window,
        readable=plan.shows_answers,
    )


def _name(installation: Installation, visitor: Visitor, slot: Slot) -> str:
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    return installation.text(visitor.study, instrument, visitor.language, slot.begun_at).name
