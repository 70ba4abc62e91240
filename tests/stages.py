"""Databases with a beginning in them: grown once per test process by the real use cases, then copied.

Most tests begin alike: with a study, a site, somebody enrolled. Making that anew for each test
cost more than all the tests themselves. A test's database is its own all the same: a copy.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests import postgres


@dataclass(frozen=True, eq=False)
class Stage:
    """How far a trial has come: what `grow` does to the database of the stage before (None: no rows).

    `grow` gets the program's address of the database, and returns the secrets that no table holds.
    """

    grow: Callable[[str], Sequence[str]]
    before: "Stage | None" = None


@dataclass(frozen=True)
class Grown:
    """A database that only serves for copying, and the secrets of its stage."""

    path: str
    secrets: tuple[str, ...] = ()


class Store(Protocol):
    """Where databases of one kind are."""

    def copied(self, path: str) -> str:
        """Another place with the same rows; nobody may be connected to the first."""
        ...

    def url(self, path: str) -> str:
        """The program's address of a place."""
        ...


@dataclass(frozen=True)
class Shelf:
    """The stages of one kind of database, each grown when the first test asks for it."""

    store: Store
    migrated: str
    _grown: dict[Stage, Grown] = field(default_factory=dict)

    def grown(self, stage: Stage | None) -> Grown:
        if stage is None:
            return Grown(self.migrated)
        if stage not in self._grown:
            path = self.store.copied(self.grown(stage.before).path)
            self._grown[stage] = Grown(path, tuple(stage.grow(self.store.url(path))))
        return self._grown[stage]

    def places(self) -> list[str]:
        """What was made, for whoever clears up."""
        return [grown.path for grown in self._grown.values()]


@dataclass(frozen=True)
class Files:
    """SQLite files in one folder."""

    folder: Path

    def copied(self, folder: str) -> str:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.sqlite3"
        shutil.copyfile(folder, path)
        return str(path)

    def url(self, path: str) -> str:
        return f"sqlite:///{path}"


@dataclass(frozen=True)
class Databases:
    """Databases of one PostgreSQL server; they go when it goes."""

    cluster: postgres.Cluster

    def copied(self, path: str) -> str:
        return self.cluster.create(path)

    def url(self, path: str) -> str:
        return self.cluster.url(path, postgres.APP)
