"""When a participant may be reminded: consent, wish, pause and hour, as one value."""

from datetime import UTC, datetime, time

from app.domain.reminders import Wish
from app.domain.window import ONE_DAY, day_start
from app.storage.people import Participant

_NEVER = datetime.max.replace(tzinfo=UTC)


def wish_of(participant: Participant) -> Wish:
    """When this participant may be reminded; without wish or consent never (PRI-03).

    A pause lasts through its last local day. What falls into it is dropped and not made up for.
    """
    if not wants_reminders(participant):
        return Wish(_NEVER)
    clock = time.fromisoformat(participant.remind_at) if participant.remind_at else None
    paused = participant.reminders_paused_until
    ends_at = day_start(paused + ONE_DAY, participant.zone) if paused else participant.enrolled_at
    return Wish(max(ends_at, participant.enrolled_at), clock)


def wants_reminders(participant: Participant) -> bool:
    """Whether they consented to the study and want to be reminded."""
    return participant.reminders_wanted and participant.consent_version is not None
