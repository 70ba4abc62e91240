"""The alarm clock: rings in every worker, remembers nothing, and never stops for one bad row.

What is owed stands in the database and is claimed there; APScheduler only wakes us.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from app.domain.records.messages import MessageState
from app.services.audit.audit_seals import seal_days
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import DueWork, find_due_work, participants_due, process_due_slots
from app.services.reminders.reminder_delivery import (
    MessageSender,
    claim_messages,
    deliver_message,
    expire_messages,
)
from app.services.setup.feed_heads import save_heads
from app.services.setup.packs import refresh_packs

EVERY = timedelta(seconds=20)
SHARE = 50
"""Messages claimed at a time: few enough for every worker to have some, and to be soon another's."""
Clock = Callable[[], datetime]


class Ticker:
    """Ticks in the background from `start` to `stop`."""

    def __init__(
        self, installation: Installation, outbox: MessageSender, clock: Clock, every: timedelta = EVERY
    ) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_job(
            tick,
            "interval",
            args=(installation, outbox, clock),
            seconds=every.total_seconds(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """The first tick comes after one interval, when the server answers."""
        self._scheduler.start()

    def stop(self) -> None:
        """Waits for a tick that is running, so that no letter stays unconfirmed."""
        self._scheduler.shutdown(wait=True)


def tick(installation: Installation, outbox: MessageSender, clock: Clock) -> None:
    """Do everything that is owed now. A part that fails is logged, and the rest goes on."""
    owed = DueWork(slots=False, messages=False, seals=False)
    with _going_on("look"):
        owed = find_due_work(ClockContext(installation, clock()))
    with _going_on("packs"):
        refresh_packs(installation, clock())
    if owed.slots:
        process_slots(installation, clock)
    if owed.slots or owed.messages:
        send_messages(installation, outbox, clock)
    if owed.seals:
        with _going_on("seal"):
            seal_days(ClockContext(installation, clock()))
    with _going_on("heads"):
        if not save_heads(installation):
            structlog.get_logger("clock").error("feed_rewound")


def process_slots(installation: Installation, clock: Clock) -> None:
    """Push every participant who owes something, one transaction each."""
    with _going_on("owing"):
        for participant_id in participants_due(ClockContext(installation, clock())):
            with _going_on("push", participant=participant_id):
                process_due_slots(ClockContext(installation, clock()), participant_id)


def send_messages(installation: Installation, outbox: MessageSender, clock: Clock) -> None:
    """Send what is queued, batch by batch, and give up what a dead worker left behind."""
    with _going_on("expire"):
        lost = expire_messages(ClockContext(installation, clock()))
        if lost:
            structlog.get_logger("clock").warning("unconfirmed", messages=lost)
    with _going_on("claim"):
        while batch := claim_messages(ClockContext(installation, clock()), SHARE):
            for claimed in batch:
                with _going_on("send", message=claimed.message_id):
                    outcome = deliver_message(ClockContext(installation, clock()), outbox, claimed)
                    if outcome in (MessageState.failed, MessageState.unconfirmed):
                        structlog.get_logger("clock").warning(outcome.value, message=claimed.message_id)


@contextmanager
def _going_on(part: str, **place: int) -> Iterator[None]:
    """The one place that catches everything: it logs the kind of fault and where, never its words."""
    try:
        yield
    except Exception:  # noqa: BLE001 - one bad row must not stop the rest; nothing else may catch so much
        structlog.get_logger("clock").exception("tick", part=part, **place)
