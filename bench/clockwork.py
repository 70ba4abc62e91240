"""Measures the clock: an idle tick beside a million open slots, and claiming a batch of reminders."""

import time
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from app.services.audit.audit_seals import seal_days
from app.services.core.context import ClockContext
from app.services.reminders.due_slots import find_due_work
from app.services.reminders.reminder_delivery import BATCH, claim_messages
from bench.figures import Figure, at_most, milliseconds
from bench.grown import add_open_slots, add_participants
from bench.run import Run, time_statements
from bench.trial import Trial, open_trial

PEOPLE, LEAST, TINY_LEAST = 100_000, 600, 200
SLOTS_EACH = 10
TICKS, TINY_TICKS = 50, 3
BATCHES, TINY_BATCHES = 9, 1
_QUEUED = """
INSERT INTO message (slot_id, participant_id, window_version, kind, state, channel, key, lease_until,
                     attempts, queued_at)
SELECT id, participant_id, 1, 'opening', 'queued', 'email', 'K' || id, '{at}', 0, '{at}'
FROM slot ORDER BY id LIMIT {count}
"""


def clockwork(run: Run) -> Iterator[Figure]:
    """Measure both: one query says whether anything is due, and one statement claims it."""
    tiny = run.scale.tiny
    people = run.scale.of(PEOPLE, TINY_LEAST if tiny else LEAST)
    ticks, batches = (TINY_TICKS, TINY_BATCHES) if tiny else (TICKS, BATCHES)
    with open_trial(run.cluster, run.scale.of(40, 2)) as trial:
        add_participants(trial, people)
        add_open_slots(trial, people, SLOTS_EACH)
        seal_days(ClockContext(trial.installation, trial.at))
        idle = _idle_tick(trial, ticks)
        yield at_most(f"idle tick beside {people * SLOTS_EACH:,} slots, SQL", idle, 1, milliseconds)
        trial.execute(_QUEUED.format(at=trial.at.isoformat(), count=BATCH * (batches + 1)))
        trial.execute("ANALYZE message")
        yield at_most(f"claim {BATCH} reminders", _claim_batch(trial, batches), 40, milliseconds)


def _idle_tick(trial: Trial, ticks: int) -> float:
    taken: list[float] = []
    for _tick in range(ticks):
        with time_statements(trial.installation.engine) as recorded:
            owed = find_due_work(ClockContext(trial.installation, trial.at))
        if owed.slots or owed.messages or owed.seals:
            raise RuntimeError(f"the clock is not idle: {owed}")
        taken.append(recorded.seconds * 1000)
    return median(taken)


def _claim_batch(trial: Trial, batches: int) -> float:
    """Milliseconds of one claim, its durable commit included."""
    at, taken = trial.at + timedelta(seconds=1), []
    for _batch in range(batches):
        began = time.perf_counter()
        claimed = claim_messages(ClockContext(trial.installation, at))
        taken.append((time.perf_counter() - began) * 1000)
        if len(claimed) != BATCH:
            raise RuntimeError(f"{len(claimed)} reminders claimed")
    return median(taken)
