"""When a participant may be reminded: consent, wish, pause and hour, as one value."""

from datetime import date, datetime, time
from typing import Protocol

from app.domain.plans.reminders import NEVER, ReminderPreference
from app.domain.plans.windows import ONE_DAY, start_of_day


class ReminderWishes(Protocol):
    """A participant, as far as it says when they may be reminded."""

    @property
    def zone(self) -> str: ...
    @property
    def enrolled_at(self) -> datetime: ...
    @property
    def consent_version(self) -> str | None: ...
    @property
    def reminders_wanted(self) -> bool: ...
    @property
    def remind_at(self) -> str | None: ...
    @property
    def reminders_paused_until(self) -> date | None: ...


def reminder_preference(participant: ReminderWishes) -> ReminderPreference:
    """When this participant may be reminded; without wish or consent never (PRI-03).

    A pause lasts through its last local day. What falls into it is dropped and not made up for.
    """
    if not wants_reminders(participant):
        return ReminderPreference(NEVER)
    clock = time.fromisoformat(participant.remind_at) if participant.remind_at else None
    paused = participant.reminders_paused_until
    ends_at = start_of_day(paused + ONE_DAY, participant.zone) if paused else participant.enrolled_at
    return ReminderPreference(max(ends_at, participant.enrolled_at), clock)


def wants_reminders(participant: ReminderWishes) -> bool:
    """Whether they consented to the study and want to be reminded."""
    return participant.reminders_wanted and participant.consent_version is not None


def lasting_pause(until: date | None, today: date) -> date | None:
    """The last day of a pause, None where it is over."""
    return until if until is not None and until >= today else None
