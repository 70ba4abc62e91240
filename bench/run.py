"""One run: its server, its scale, and H, the CPU of a request that does nothing."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.storage.engine import page_engine
from bench.figures import Figure
from bench.load import CLIENTS, Load, Requests, drive, repeating, request
from bench.machine import Memory
from bench.serving import WORKERS, RunningServer, daybook
from tests.postgres import Cluster


@dataclass(frozen=True, slots=True)
class Scale:
    """How large and how long a run is: the share of the full size."""

    share: float

    def of(self, full: int, least: int = 40) -> int:
        """So many of what is `full` at full scale."""
        return max(least, round(full * self.share))

    @property
    def seconds(self) -> float:
        """How long a load lasts."""
        return 0.01 if self.tiny else 6.0 if self.share >= 1 else 3.0

    @property
    def tiny(self) -> bool:
        """Whether the figures mean nothing and only the code is to be run."""
        return self.share < 0.05

    @property
    def workers(self) -> int:
        """Processes of each server that is started."""
        return 1 if self.tiny else WORKERS

    @property
    def clients(self) -> int:
        """Connections of a load."""
        return 2 if self.tiny else CLIENTS


@dataclass(frozen=True, slots=True)
class Measured:
    """A load on our server, H as it was around it, and what the largest worker holds after it."""

    load: Load
    hello: float
    memory: Memory

    @property
    def hellos(self) -> float:
        return self.load.cpu_each / self.hello


@dataclass(frozen=True, slots=True)
class Run:
    """Server, scale and shared resources of one run; `bare` is the running application that says hello."""

    cluster: Cluster
    scale: Scale
    bare: RunningServer
    until_end: ExitStack
    """Holds the context managers that a tiny run opens once for several passes."""

    def hello(self) -> float:
        """H now: CPU seconds of a bare request, driven exactly as ours are."""
        return self.drive(self.bare, repeating(request("GET", "/")), self.scale.seconds / 4).cpu_each

    def drive(self, server: RunningServer, requests: Requests, seconds: float) -> Load:
        """A server under these requests for so many seconds."""
        return drive(server, requests, seconds, self.scale.clients)

    def serve(
        self,
        url: str,
        scheme: str = "https",
        workers: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[RunningServer]:
        """Daybook on this database; that of a tiny run is forked, and needs not import everything anew."""
        return daybook(url, scheme, workers or self.scale.workers, settings, forked=self.scale.tiny)

    def driven(self, server: RunningServer, requests: Requests) -> Measured:
        """Our server under these requests. H is taken before and after: clock rates wander."""
        before = self.hello()
        load = self.drive(server, requests, self.scale.seconds)
        return Measured(load, (before + self.hello()) / 2, server.memory())


Pass = Callable[[Run], Iterator[Figure]]


@dataclass(slots=True)
class StatementTimes:
    """Number and seconds of the recorded statements, as seen by the client."""

    count: int = 0
    seconds: float = 0.0
    began: float = field(default=0.0, repr=False)

    def before(self, *_event: object) -> None:
        self.began = time.perf_counter()

    def after(self, *_event: object) -> None:
        self.count += 1
        self.seconds += time.perf_counter() - self.began


@contextmanager
def time_statements(engine: Engine) -> Iterator[StatementTimes]:
    """Time every statement of this engine and of its pool of pages; for one thread at a time."""
    recorded = StatementTimes()
    engines = {engine, page_engine(engine)}
    for each in engines:
        event.listen(each, "before_cursor_execute", recorded.before)
        event.listen(each, "after_cursor_execute", recorded.after)
    try:
        yield recorded
    finally:
        for each in engines:
            event.remove(each, "before_cursor_execute", recorded.before)
            event.remove(each, "after_cursor_execute", recorded.after)
