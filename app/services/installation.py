"""The running system as the use cases see it: database, library of definitions, keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlmodel import Session

from app.domain.access import Actor
from app.services.sealing import Sealer
from app.storage.engine import reading
from app.storage.library import Library
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: where its rows are, what its studies and instruments say, and its keys.

    `public_url` is the address that links on paper and in messages begin with, without a slash.
    """

    engine: Engine
    library: Library
    sealer: Sealer
    public_url: str
    app_version: str

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that can only read; what is changed in its rows is forgotten."""
        with Session(reading(self.engine), autoflush=False) as session:
            yield session
            session.expunge_all()
            # Not a rollback, at which the driver would forget every prepared statement.
            session.commit()

    def work(self, actor: Actor, at: datetime) -> UnitOfWork:
        """One audited transaction by this actor at this moment; a context manager that commits."""
        return UnitOfWork(self.engine, actor, at)
