"""The background clock: it runs in every worker, is stateless, and goes on after a faulty row.

What is owed stands in the database and is claimed there; APScheduler only wakes us. Messages leave in rounds
of their own, so that a mail server holds up nothing else, and exports are made in others.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from app.domain.records.messages import MessageState
from app.jobs.export_rounds import EXPORT_EVERY, make_exports
from app.jobs.faults import logged_faults, trusted_clock
from app.jobs.rounds import STOP_SECONDS, BackgroundRounds, Clock
from app.services.audit.audit_seals import seal_days
from app.services.audit.clock_confirmation import update_clock_trust
from app.services.core.acts import purge_acts
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.reminders.alert_delivery import ALERT_NOTICES
from app.services.reminders.alert_escalation import alerts_due, process_due_alert
from app.services.reminders.due_slots import DueWork, find_due_work, participants_due, process_due_slots
from app.services.reminders.reminder_delivery import (
    REMINDERS,
    AnyQueue,
    ClaimedMessage,
    MessageSender,
    claim_messages,
    deliver_message,
    expire_messages,
    release_messages,
)
from app.services.setup.feed_heads import save_heads
from app.services.setup.packs import refresh_packs

EVERY = timedelta(seconds=20)
SHARE = 50
"""Messages claimed at a time: few enough for every worker to have some, and to be soon another's."""
NOTHING = DueWork(slots=False, messages=False, seals=False, acts=False, alerts=False)
QUEUES = (ALERT_NOTICES, REMINDERS)
"""What staff are told of an alert leaves before any reminder."""


class Ticker:
    """Ticks in the background from `start` to `stop`."""

    def __init__(
        self, installation: Installation, sender: MessageSender, clock: Clock, every: timedelta = EVERY
    ) -> None:
        self._installation = installation
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_job(
            run_due_work,
            "interval",
            args=(installation, clock),
            seconds=every.total_seconds(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._mail = BackgroundRounds("mail", partial(run_mail_round, installation, sender, clock), every)
        self._exports = BackgroundRounds("exports", partial(make_exports, installation, clock), EXPORT_EVERY)

    def start(self) -> None:
        """Start the clock, compared with the trail at once; the first tick comes after one interval."""
        with logged_faults("clock"):
            update_clock_trust(self._installation)
        self._scheduler.start()
        self._mail.start()
        self._exports.start()

    def stop(self, patience_seconds: float = STOP_SECONDS) -> None:
        """Stop the clock: wait for a running tick, and a limited time for a message or export under way."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        self._mail.stop(patience_seconds)
        self._exports.stop(patience_seconds)


def run_tick(installation: Installation, sender: MessageSender, clock: Clock) -> None:
    """Run one tick: all work that is due now, messages included."""
    owed = run_due_work(installation, clock)
    if owed.slots or owed.messages or owed.alerts:
        with trusted_clock():
            send_messages(installation, sender, clock)


def run_due_work(installation: Installation, clock: Clock) -> DueWork:
    """Run the due work but for messages, or nothing while the clock is not trusted (TIM-04).

    A part that fails is logged, and the rest goes on.
    """
    owed = NOTHING
    with logged_faults("clock"):
        update_clock_trust(installation)
    with trusted_clock():
        owed = do_due_work(installation, clock)
    return owed  # noqa: RET504 - the block may have ended by a clock in doubt


def do_due_work(installation: Installation, clock: Clock) -> DueWork:
    """Run the due work but for messages. Raises ClockUntrusted at the first part that finds it untrusted."""
    owed = _look(installation, clock)
    with logged_faults("packs"):
        refresh_packs(installation, clock())
    if owed.alerts:
        process_alerts(installation, clock)
    if owed.slots:
        process_slots(installation, clock)
    if owed.seals:
        with logged_faults("seal"):
            seal_days(ClockContext(installation, clock()))
    if owed.acts:
        with logged_faults("acts"):
            purge_acts(ClockContext(installation, clock()))
    with logged_faults("heads"):
        if not save_heads(installation):
            structlog.get_logger("clock").error("feed_rewound")
    return owed


def run_mail_round(
    installation: Installation, sender: MessageSender, clock: Clock, is_stopping: Callable[[], bool]
) -> None:
    """One round of the mail: send what is queued, if anything is and the clock is trusted."""
    with trusted_clock():
        if _look(installation, clock).messages:
            send_messages(installation, sender, clock, is_stopping)


def _look(installation: Installation, clock: Clock) -> DueWork:
    owed = NOTHING
    with logged_faults("look"):
        owed = find_due_work(ClockContext(installation, clock()))
    return owed  # noqa: RET504 - the block may have ended by a fault


def process_slots(installation: Installation, clock: Clock) -> None:
    """Process the due slots of every participant, one transaction each."""
    with logged_faults("owing"):
        for participant_id in participants_due(ClockContext(installation, clock())):
            with logged_faults("push", participant=participant_id):
                process_due_slots(ClockContext(installation, clock()), participant_id)


def process_alerts(installation: Installation, clock: Clock) -> None:
    """Queue the due messages of every alert, one transaction each."""
    with logged_faults("alerts"):
        for due in alerts_due(ClockContext(installation, clock())):
            with logged_faults("alert", participant=due.participant_id):
                process_due_alert(ClockContext(installation, clock()), due)


def send_messages(
    installation: Installation,
    sender: MessageSender,
    clock: Clock,
    is_stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Send what is queued, batch by batch, and give up what a dead worker left behind.

    After each batch of reminders it is asked anew what staff are to be told of alerts. Ends between two
    letters when the server stops or the mail server is found to be out of order.
    """

    def is_over() -> bool:
        return is_stopping() or sender.is_paused(clock())

    for queue in QUEUES:
        with logged_faults("expire"):
            lost = expire_messages(ClockContext(installation, clock()), queue)
            if lost:
                structlog.get_logger("clock").warning("unconfirmed", messages=lost)
    send = partial(_send_batch, installation, sender, clock, is_over)
    while not is_over() and any(map(send, QUEUES)):
        pass


def _send_batch(
    installation: Installation,
    sender: MessageSender,
    clock: Clock,
    is_over: Callable[[], bool],
    queue: AnyQueue,
) -> bool:
    """Send a batch of one queue; whether it had any."""
    batch: Sequence[ClaimedMessage] = ()
    with logged_faults("claim"):
        batch = claim_messages(ClockContext(installation, clock()), SHARE, queue)
        for number, claimed in enumerate(batch):
            if is_over():
                release_messages(ClockContext(installation, clock()), batch[number:], queue)
                break
            _send(installation, sender, clock, claimed, queue)
    return bool(batch)


def _send(
    installation: Installation,
    sender: MessageSender,
    clock: Clock,
    claimed: ClaimedMessage,
    queue: AnyQueue,
) -> None:
    with logged_faults("send", message=claimed.message_id):
        outcome = deliver_message(ClockContext(installation, clock()), sender, claimed, queue)
        if outcome in (MessageState.failed, MessageState.unconfirmed):
            structlog.get_logger("clock").warning(outcome.value, message=claimed.message_id)
