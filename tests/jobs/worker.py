"""Workers forked from one process, as those of the server are: each ticks once at a given moment and ends."""

import multiprocessing
import sys
from datetime import datetime

from app.domain.records.access import CLOCK
from app.jobs.ticker import tick
from app.notify.smtp import SmtpChannel
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.reminder_delivery import MessageSender
from app.storage.engine import open_engine
from tests.services.people import library
from tests.services.reminded import WORDS


def work(url: str, relay: str, key: str, moment: str) -> None:
    """What one worker does, with a connection of its own."""
    at = datetime.fromisoformat(moment)
    installation = Installation(
        open_engine(url), library(), SecretBox(key.encode()), "https://d.test", CLOCK.id
    )
    tick(
        installation, MessageSender({"email": SmtpChannel(relay, "daybook@hospital.test")}, WORDS), lambda: at
    )
    installation.engine.dispose()


def main(count: str, *words: str) -> None:
    """Print the numbers of so many workers, and how each of them ended."""
    library()
    forked = multiprocessing.get_context("fork")
    workers = [forked.Process(target=work, args=words) for _ in range(int(count))]
    for each in workers:
        each.start()
    sys.stdout.write(f"{' '.join(str(each.pid) for each in workers)}\n")
    sys.stdout.flush()
    for each in workers:
        each.join()
    sys.stdout.write(f"{' '.join(str(each.exitcode) for each in workers)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
