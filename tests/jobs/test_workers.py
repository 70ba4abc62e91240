"""Four workers on one PostgreSQL, one of them killed: nobody gets a reminder twice (AVL-05)."""

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import LEASE
from app.services.setup.studies import open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact
from app.storage.tables.studies import Site
from tests.forks import fork
from tests.jobs.worker import run_worker
from tests.scenarios.people import START, site_entry
from tests.scenarios.reminders import KEY, email_of, messages, open_installation
from tests.scenarios.trail_entries import verify_trail
from tests.servers import Mailbox, serve_mailbox
from tests.storage.trial import WINDOW, a_participant, a_slot

READERS, TOGETHER = 400, 20
"""Those who are owed a reminder, and of how many one transaction tells, which looks through all of them."""
GUARD_SECONDS = 600.0
"""Only against hanging."""
AT = WINDOW.opens_at + timedelta(days=7)


class SlowMailbox(Mailbox):
    """Takes its time for each letter, so that a worker can be killed in the middle of one."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name in aiosmtpd
        await asyncio.sleep(0.02)
        return await super().handle_DATA(server, session, envelope)


def queue_reminders(installation: Installation, site: Site, numbers: range) -> None:
    """One queued reminder for each of these readers, in one transaction."""
    with installation.open_work(SYSTEM, AT) as work:
        participants = []
        for number in numbers:
            participant = a_participant(work, site.study_id, site.id, f"0571-{number:03d}")
            participant.reminders_wanted, participant.consent_version = True, "2.1"
            participant.enrolled_at = START
            participants.append(participant)
        slots = [a_slot(participant, "W6", WINDOW) for participant in participants]
        work.session.add_all(slots)
        work.session.flush()
        for number, participant, slot in zip(numbers, participants, slots, strict=True):
            sealed = installation.secret_box.encrypt(email_of(number))
            key = participant.id
            work.session.add(
                Contact(participant_id=key, channel="email", address_sealed=sealed, recorded_at=AT)
            )
            work.session.add(queued(slot.id, key))
            work.record(AuditEvent.ANCHOR_RECORDED, participant_chain(key))
            work.record(AuditEvent.REMINDER_QUEUED, participant_chain(key))


def queued(slot_id: int, participant_id: int) -> Message:
    return Message(
        slot_id=slot_id,
        participant_id=participant_id,
        window_version=1,
        kind="middle",
        state="queued",
        channel="email",
        key=f"key-{participant_id}",
        lease_until=AT,
        queued_at=AT,
    )


@pytest.mark.slow
@pytest.mark.req("AVL-05")
def test_four_workers_one_killed_and_no_reminder_twice(migrated_postgres_url: str) -> None:
    with ExitStack() as stack:
        installation = stack.enter_context(open_installation(migrated_postgres_url))
        box = stack.enter_context(serve_mailbox(SlowMailbox()))
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        for first in range(0, READERS, TOGETHER):
            queue_reminders(installation, site, range(first, first + TOGETHER))
        words = (migrated_postgres_url, box.url, KEY.decode())
        program = ["-m", "tests.jobs.worker", *words, AT.isoformat()]
        # None begins before all are forked: the mail server has nothing to do until then.
        gate, opened = os.pipe()
        workers = [fork(program, os.environ, 1, 2, lambda: os.read(gate, 1)) for _ in range(4)]
        os.write(opened, bytes(len(workers)))
        os.close(gate)
        os.close(opened)
        until = time.monotonic() + GUARD_SECONDS
        while len(box.letters) < READERS // 4 and time.monotonic() < until:
            time.sleep(0.01)
        workers[0].send_signal(signal.SIGKILL)
        ended = [each.wait(GUARD_SECONDS) for each in workers]
        assert ended == [-signal.SIGKILL, 0, 0, 0], "it was to be killed in the middle of its work"
        run_worker(*words, (AT + LEASE).isoformat())
        states = Counter(message.state for message in messages(installation))
        got = Counter(letter["To"] for letter in box.letters)
        assert max(got.values()) == 1
        assert states["sent"] + states["unconfirmed"] == READERS
        assert states["unconfirmed"] <= 1
        assert len(got) >= states["sent"]
        assert verify_trail(installation) == []
