"""What participants set of how they are reminded: whether, at which hour, and not during a pause."""

from dataclasses import dataclass
from datetime import date, time

from sqlmodel import Session

from app.domain.plans.windows import ONE_DAY, local_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.contacts import find_contact, get_masked_contact
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.services.schedule.next_due import lock_participant, refresh_next_due
from app.services.schedule.reminder_preference import wants_reminders
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant
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
    reminds: bool
    hour: str
    usual: time
    usual_diary: time
    paused_until: date | None
    pauses: tuple[date, ...]


def get_reminder_settings(context: ParticipantContext) -> ReminderSettings:
    """What this participant's settings of reminders are now."""
    today = local_day(context.at, context.participant.zone)
    rules = context.installation.library.get_plan(
        context.participant.study, context.participant.plan_version
    ).reminders
    with context.read() as session:
        participant = session.get_one(Participant, context.participant.participant_id)
        contact = get_masked_contact(context.installation, session, context.participant.participant_id)
    paused = participant.reminders_paused_until
    return ReminderSettings(
        channel=contact.channel if contact else "",
        address=contact.address if contact else "",
        reminds=contact is not None and wants_reminders(participant),
        hour=participant.remind_at or "",
        usual=rules.at,
        usual_diary=rules.diary_at,
        paused_until=paused if paused and paused >= today else None,
        pauses=_pauses(today),
    )


def choose_reminders(context: ParticipantContext, reminds: bool) -> None:
    """Switch reminders on or off. Raises Refused("no_contact") to switch them on without an address."""
    with context.unit_of_work() as work:
        participant = lock_participant(work, context.participant.participant_id)
        if reminds and not _can_be_reached(work.session, participant):
            raise Refused("no_contact")
        if participant.reminders_wanted != reminds:
            participant.reminders_wanted = reminds
            _wake(context.installation, work, participant)


def choose_hour(context: ParticipantContext, hour: str) -> None:
    """Set the local hour of every reminder; "" goes back to the plan's. Raises Refused("unknown_choice")."""
    if hour and hour not in HOURS:
        raise Refused("unknown_choice", field="hour", allowed=HOURS)
    with context.unit_of_work() as work:
        participant = lock_participant(work, context.participant.participant_id)
        if (participant.remind_at or "") != hour:
            participant.remind_at = hour or None
            _wake(context.installation, work, participant)


def pause_reminders(context: ParticipantContext, until: date | None) -> None:
    """Let reminders rest through this local day, at most a week; None ends a pause.

    Raises Refused("unknown_choice") naming the days that can be chosen.
    """
    pauses = _pauses(local_day(context.at, context.participant.zone))
    if until is not None and until not in pauses:
        raise Refused("unknown_choice", field="until", allowed=tuple(day.isoformat() for day in pauses))
    with context.unit_of_work() as work:
        participant = lock_participant(work, context.participant.participant_id)
        if participant.reminders_paused_until != until:
            participant.reminders_paused_until = until
            _wake(context.installation, work, participant)


def _pauses(today: date) -> tuple[date, ...]:
    return tuple(today + count * ONE_DAY for count in range(LONGEST_PAUSE_DAYS))


def _can_be_reached(session: Session, participant: Participant) -> bool:
    return participant.consent_version is not None and find_contact(session, participant.id) is not None


def _wake(installation: Installation, work: UnitOfWork, participant: Participant) -> None:
    refresh_next_due(installation.library, work, participant)
    work.record(AuditEvent.REMINDERS_CHANGED, participant_chain(participant.id))
