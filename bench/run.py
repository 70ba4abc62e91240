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
from bench.serving import WORKERS, Served, daybook
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
    """What every pass is given; `bare` is the running application that only says hello."""

    cluster: Cluster
    scale: Scale
    bare: Served
    until_end: ExitStack
    """What a tiny run makes once for several passes is entered here."""

    def hello(self) -> float:
        """H now: CPU seconds of a bare request, driven exactly as ours are."""
        return self.drive(self.bare, repeating(request("GET", "/")), self.scale.seconds / 4).cpu_each

    def drive(self, served: Served, requests: Requests, seconds: float) -> Load:
        """A server under these requests for so many seconds."""
        return drive(served, requests, seconds, self.scale.clients)

    def serve(
        self,
        url: str,
        scheme: str = "https",
        workers: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Served]:
        """Daybook on this database; that of a tiny run is forked, and needs not import everything anew."""
        return daybook(url, scheme, workers or self.scale.workers, settings, forked=self.scale.tiny)

    def driven(self, served: Served, requests: Requests) -> Measured:
        """Our server under these requests. H is taken before and after: clock rates wander."""
        before = self.hello()
        load = self.drive(served, requests, self.scale.seconds)
        return Measured(load, (before + self.hello()) / 2, served.memory())


Pass = Callable[[Run], Iterator[Figure]]


@dataclass(slots=True)
class Statements:
    """How many statements ran while we listened, and the seconds they took on the wire and in the server."""

    count: int = 0
    seconds: float = 0.0
    began: float = field(default=0.0, repr=False)

    def before(self, *_told: object) -> None:
        self.began = time.perf_counter()

    def after(self, *_told: object) -> None:
        self.count += 1
        self.seconds += time.perf_counter() - self.began


@contextmanager
def listening(engine: Engine) -> Iterator[Statements]:
    """Time every statement of this engine and of its pool of pages; for one thread at a time."""
    heard = Statements()
    engines = {engine, page_engine(engine)}
    for each in engines:
        event.listen(each, "before_cursor_execute", heard.before)
        event.listen(each, "after_cursor_execute", heard.after)
    try:
        yield heard
    finally:
        for each in engines:
            event.remove(each, "before_cursor_execute", heard.before)
            event.remove(each, "after_cursor_execute", heard.after)
