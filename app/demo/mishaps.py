"""What goes wrong in the demonstration: letters that come back, a wrong PIN, a second phone, a wrong date."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.demo.acts import DemoStage, demo_pin, wake_phone
from app.demo.story import GONE, Story
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.notify.channel import MessageChannel, MessageText, SendFailed
from app.services.accounts.activation import activate_device
from app.services.accounts.devices import issue_own_code
from app.services.accounts.participant_session import unlock_device
from app.services.core.context import EdcContext
from app.services.core.throttling import TRIES
from app.services.edc.entity_tags import Preconditions
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import receive_visit
from app.services.reminders.reminder_delivery import MessageSender

_WRONG_PIN = "000001"


@dataclass(frozen=True, slots=True)
class _MailServer:
    """A way to people that gives back what goes to a mailbox that is no more."""

    channel: MessageChannel

    def send(self, message: MessageText) -> None:
        if message.to.endswith(f"@{GONE}"):
            raise SendFailed("recipient_refused", lasting=True)
        self.channel.send(message)


def give_back_letters(sender: MessageSender) -> MessageSender:
    """The sender, whose letters to mailboxes that are no more come back."""
    channels = {kind: _MailServer(channel) for kind, channel in sender.channels.items()}
    return replace(sender, channels=channels)


def lock_out_person(stage: DemoStage, at: datetime, story: Story) -> None:
    """Somebody enters a wrong PIN on the phone so often that it asks for patience."""
    session = stage.find_session(at, story)
    for _ in range(TRIES):
        with suppress(Refused):
            unlock_device(stage.participant_context(session, at), _WRONG_PIN)


def bind_second_phone(stage: DemoStage, at: datetime, story: Story) -> None:
    """The person lets another phone in, with a code from the first one; they go on with the new one."""
    code = issue_own_code(stage.participant_context(wake_phone(stage, at, story), at)).code
    pin = demo_pin(story.subject)
    stage.cookies[story.subject] = activate_device(
        stage.installation, code, pin, pin, "iPhone", "192.0.2.2", at
    )


def foretell_visit(stage: DemoStage, at: datetime, story: Story, visit: str) -> None:
    """The EDC says that a visit took place next month, which is refused and kept for somebody to look at."""
    request = EdcRequest(EdcContext(stage.installation, stage.edc, at), story.subject, at, Preconditions())
    with suppress(Refused):
        receive_visit(request, visit, VisitState.occurred, at.date() + timedelta(days=30))
