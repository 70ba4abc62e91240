"""What an attack on the audit trail has at hand: a unit of work, its connection and driver, entries."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.storage.audit import LinkedEntry, build_entry
from app.storage.proof.row_facts import FactKey, changed_row_fact
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditChain
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial

PARTICIPANT = table_of(Participant)
UPDATE = sa.update(PARTICIPANT).values(language="en")


@dataclass(frozen=True, slots=True)
class Means:
    """Where an attack happens. `other`: a second participant's key."""

    engine: Engine
    work: UnitOfWork
    trial: Trial
    other: int
    at: datetime

    @property
    def connection(self) -> Connection:
        """That of the unit of work."""
        return self.work.session.connection()

    @property
    def driver(self) -> Any:  # noqa: ANN401 - of either database
        """The driver's own connection."""
        return self.connection.connection.dbapi_connection

    @property
    def participant(self) -> Participant:
        """The row that shall not change without an entry."""
        return self.work.session.get_one(Participant, self.trial.participant)

    def change(self) -> None:
        """Change it as the session does, with no event."""
        self.participant.language = "en"
        self.work.session.flush()

    def touch(self) -> None:
        """Flush a change that needs no event."""
        self.work.session.get_one(Slot, self.trial.slot).wake_at = self.at
        self.work.session.flush()

    @property
    def others_chain(self) -> str:
        """That of the second participant."""
        return participant_chain(self.other)

    def entry(self, connection: Connection, kind: AuditEvent, chain: str = "") -> LinkedEntry:
        """An entry for the trial's participant, or in another chain."""
        heads = sa.select(table_of(AuditChain)).filter_by(chain=chain or self.trial.chain)
        head = connection.execute(heads).one()
        row = {"id": self.trial.participant, "language": "en"}
        fact = changed_row_fact(FactKey(b""), "participant", row, ["language"])
        return build_entry(head, kind, SYSTEM, self.at, (), facts=[fact])

    def conflict(self) -> sa.Insert:
        """An upsert."""
        insert = sqlite.insert if self.engine.dialect.name == "sqlite" else postgresql.insert
        values = insert(PARTICIPANT).values(id=self.trial.participant, public_id="x")
        return values.on_conflict_do_update(index_elements=["id"], set_={"language": "en"})


Attack = Callable[[Means], object]


def commit_hot(
    opened: Callable[[Engine], Connection], write: Callable[[Means, Connection], object]
) -> Attack:
    """A hot statement of one's own."""

    def attack(means: Means) -> None:
        means.work.session.rollback()  # SQLite lets one write at a time
        with opened(means.engine) as connection:
            write(means, connection)
            connection.commit()

    return attack
