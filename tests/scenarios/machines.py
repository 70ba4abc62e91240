"""A machine whose wall clock can be wrong, and an installation that watches it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.domain.clock_trust import ClockReading
from app.services.audit.clock_confirmation import update_clock_trust
from app.services.core.clock_watch import ClockWatch
from app.services.core.installation import Installation

BOOT_ID = "boot 1"


@dataclass(slots=True)
class Machine:
    """The true time, by how much the wall clock is ahead of it, and when the machine was started."""

    true: datetime
    booted_at: datetime
    ahead: timedelta = timedelta()

    def read(self) -> ClockReading:
        return ClockReading(self.true + self.ahead, self.true - self.booted_at)


def machine_at(at: datetime) -> Machine:
    """A machine that was started an hour ago and whose clock is right."""
    return Machine(at, at - timedelta(hours=1))


def with_clock_watch(installation: Installation, machine: Machine, boot_id: str = BOOT_ID) -> Installation:
    """The installation as a server that starts now on this machine has it."""
    watched = replace(installation, clock_watch=ClockWatch(machine.read, boot_id))
    update_clock_trust(watched)
    return watched


def database_now(installation: Installation) -> datetime:
    with installation.read() as session:
        moment: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
