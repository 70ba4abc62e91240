"""A worker as those of the server are: ticks once at a given moment and ends."""

import sys
from datetime import datetime

from app.domain.records.access import CLOCK
from app.jobs.ticker import run_tick
from app.notify.smtp import SmtpChannel
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.reminder_delivery import MessageSender
from app.storage.engine import open_engine
from tests.scenarios.people import library
from tests.scenarios.reminders import WORDS


def run_worker(url: str, relay: str, key: str, moment: str) -> None:
    """With a connection of its own."""
    at = datetime.fromisoformat(moment)
    installation = Installation(
        open_engine(url), library(), SecretBox(key.encode()), "https://d.test", CLOCK.id
    )
    run_tick(
        installation, MessageSender({"email": SmtpChannel(relay, "daybook@hospital.test")}, WORDS), lambda: at
    )
    installation.engine.dispose()


if __name__ == "__main__":
    run_worker(*sys.argv[1:])
