"""What participants set for themselves: how large they read, and when they are reminded."""

from dataclasses import dataclass
from datetime import date, datetime, time

from sqlmodel import Session

from app.domain.plans.windows import ONE_DAY, local_day
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.services.accounts.contacts import get_masked_contact
from app.services.accounts.participant_session import ParticipantSession
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.schedule.reminder_preference import wants_reminders
from app.services.schedule.slots import refresh_next_due
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Contact, Participant
from app.storage.unit_of_work import UnitOfWork

HOURS = tuple(f"{hour:02}:00" for hour in range(8, 22))
"""At which a reminder may be wished: 08:00 to 21:00, local time."""
LONGEST_PAUSE_DAYS = 7
"""Days without a reminder, today counted."""


@dataclass(frozen=True, slots=True)
class ReminderSettings:
    """How somebody is reminded; `channel` and the masked `address` are empty where none is on file.

    `hour` is "" where the plan's two hours (`usual`, `usual_diary`) hold; `paused_until` is the last
    day of a pause that still lasts, and `pauses` are the days that one may last through.
    """

    channel: str
    address: str
    wanted: bool
    hour: str
    usual: time
    usual_diary: time
    paused_until: date | None
    pauses: tuple[date, ...]


def get_reminder_settings(
    installation: Installation, visitor: ParticipantSession, at: datetime
) -> ReminderSettings:
    """What this participant's settings of reminders are now."""
    today = local_day(at, visitor.zone)
    rules = installation.library.plan(visitor.study, visitor.plan_version).reminders
    with installation.read() as session:
        participant = session.get_one(Participant, visitor.participant_id)
        contact = get_masked_contact(installation, session, visitor.participant_id)
    paused = participant.reminders_paused_until
    return ReminderSettings(
        channel=contact.channel if contact else "",
        address=contact.address if contact else "",
        wanted=contact is not None and wants_reminders(participant),
        hour=participant.remind_at or "",
        usual=rules.at,
        usual_diary=rules.diary_at,
        paused_until=paused if paused and paused >= today else None,
        pauses=_pauses(today),
    )


def choose_text_size(
    installation: Installation, visitor: ParticipantSession, size: str, at: datetime
) -> None:
    """Set how large this participant reads. Raises Refused("unknown_choice")."""
    if size not in tuple(TextSize):
        raise Refused("unknown_choice", field="text_size", allowed=tuple(TextSize))
    with installation.work(visitor.actor, at) as work:
        participant = work.session.get_one(Participant, visitor.participant_id)
        if participant.text_size != TextSize(size):
            participant.text_size = TextSize(size)
            work.record(AuditEvent.TEXT_SIZE_CHANGED, participant_chain(visitor.participant_id))


def choose_reminders(
    installation: Installation, visitor: ParticipantSession, wanted: bool, at: datetime
) -> None:
    """Switch reminders on or off. Raises Refused("no_contact") to switch them on without an address."""
    with installation.work(visitor.actor, at) as work:
        participant = _held(work, visitor)
        if wanted and not _can_be_reached(work.session, participant):
            raise Refused("no_contact")
        if participant.reminders_wanted != wanted:
            participant.reminders_wanted = wanted
            _wake(installation, work, participant)


def choose_hour(installation: Installation, visitor: ParticipantSession, hour: str, at: datetime) -> None:
    """Set the local hour of every reminder; "" goes back to the plan's. Raises Refused("unknown_choice")."""
    if hour and hour not in HOURS:
        raise Refused("unknown_choice", field="hour", allowed=HOURS)
    with installation.work(visitor.actor, at) as work:
        participant = _held(work, visitor)
        if (participant.remind_at or "") != hour:
            participant.remind_at = hour or None
            _wake(installation, work, participant)


def pause_reminders(
    installation: Installation, visitor: ParticipantSession, until: date | None, at: datetime
) -> None:
    """Let reminders rest through this local day, at most a week; None ends a pause.

    Raises Refused("unknown_choice") naming the days that can be chosen.
    """
    pauses = _pauses(local_day(at, visitor.zone))
    if until is not None and until not in pauses:
        raise Refused("unknown_choice", field="until", allowed=tuple(day.isoformat() for day in pauses))
    with installation.work(visitor.actor, at) as work:
        participant = _held(work, visitor)
        if participant.reminders_paused_until != until:
            participant.reminders_paused_until = until
            _wake(installation, work, participant)


def _pauses(today: date) -> tuple[date, ...]:
    return tuple(today + count * ONE_DAY for count in range(LONGEST_PAUSE_DAYS))


def _held(work: UnitOfWork, visitor: ParticipantSession) -> Participant:
    """The participant, with nobody else changing what they are owed meanwhile."""
    work.lock(participant_chain(visitor.participant_id))
    return work.session.get_one(Participant, visitor.participant_id)


def _can_be_reached(session: Session, participant: Participant) -> bool:
    return participant.consent_version is not None and session.get(Contact, participant.id) is not None


def _wake(installation: Installation, work: UnitOfWork, participant: Participant) -> None:
    plan = get_plan(installation, work.session, participant.study_id)
    refresh_next_due(work.session, plan, participant, work.at)
    work.record(AuditEvent.REMINDERS_CHANGED, participant_chain(participant.id or 0))
