"""When a participant may be reminded: consent, wish, pause and hour, as one value."""

from datetime import date, time

from app.domain.plans.reminders import NEVER, ReminderPreference
from app.domain.plans.windows import ONE_DAY, start_of_day
from app.storage.queries.participants import StoredParticipant
from app.storage.queries.today.people import PersonRow

ReminderSubject = StoredParticipant | PersonRow
"""A participant, as far as they say when they may be reminded."""


def reminder_preference(participant: ReminderSubject) -> ReminderPreference:
    """When this participant may be reminded; without wish or consent never (PRI-03).

    A pause lasts through its last local day. What falls into it is dropped and not made up for.
    """
    if not wants_reminders(participant):
        return ReminderPreference(NEVER)
    clock = time.fromisoformat(participant.remind_at) if participant.remind_at else None
    paused = participant.reminders_paused_until
    ends_at = start_of_day(paused + ONE_DAY, participant.zone) if paused else participant.enrolled_at
    return ReminderPreference(max(ends_at, participant.enrolled_at), clock)


def wants_reminders(participant: ReminderSubject) -> bool:
    """Whether they consented to the study and want to be reminded."""
    return participant.reminders_wanted and participant.consent_version is not None


def lasting_pause(until: date | None, today: date) -> date | None:
    """The last day of a pause, None where it is over."""
    return until if until is not None and until >= today else None
