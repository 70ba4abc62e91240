"""The desk's pass: work list, participant page, matrix and report of a trial that has grown for years."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from statistics import median

from app.domain.records.access import Actor, ActorKind, Grant, Role
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.report.figures import ReportPart
from app.services.clinic.report.report import get_report
from app.services.clinic.report.scope import ReportFilter
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today
from app.services.core.context import StaffContext
from bench.capture import begun_trial
from bench.figures import Figure, at_most, at_most_hellos, milliseconds, p95
from bench.grown import add_anchors, add_closed, add_diary, add_live, add_participants
from bench.load import Connection, repeating, request
from bench.run import Run, listening
from bench.serving import Served
from bench.trial import ALL_SITES, ONE_SITE, STUDY, Trial, trial

SITES = 40
PEOPLE, TINY_PEOPLE = 100_000, 100
LIVE_EACH = 10
CLOSED_EACH = 10
DIARY_EACH, TINY_DIARY_EACH = 90, 3
"""Entries of the diary, all of them closed long ago."""
LOOKS = 100
WARM = 10
"""Looks before any is counted: the first ones make statements, templates and plans."""
REPORT_LOOKS = 3
REPORTED = 5000
"""Participants of the study whose report is read."""
PAGES = (
    ("work list", "/desk?reason=", {"one site": 30, "all sites": 45}),
    ("participant page", "/desk/participants/P{person}", {"one site": 30, "all sites": 45}),
    ("matrix, 50 participants", "/desk/matrix", {"all sites": 45}),
)
"""Each page with its limits, in H, for those who may open it."""
_COOKIES = {"one site": ONE_SITE, "all sites": ALL_SITES}
_PAGE_BYTES = 30_000
_QUERIES = 8
_OTHERS = 400
"""Participants of one site whose pages are opened one after the other: more than a process remembers."""

Look = Callable[[StaffContext], object]


def desk(run: Run) -> Iterator[Figure]:
    """SQL alone before and after the closed slots are there, then the pages over HTTP, then the report."""
    people = run.scale.of(PEOPLE, TINY_PEOPLE)
    entries = TINY_DIARY_EACH if run.scale.tiny else DIARY_EACH
    with _peopled(run, people) as (made, serve):
        add_anchors(made, people)
        add_live(made, people, LIVE_EACH)
        young = _looks(run, made, None, _today)
        add_closed(made, people, CLOSED_EACH)
        add_diary(made, people, entries)
        yield from _statements(run, made, people * (CLOSED_EACH + entries), young)
        with serve() as served:
            yield from _pages(run, served, made)
            yield _strangers(run, served, made, people)
        if run.scale.tiny:
            yield from _reports(made, people, 1)
            return
    with trial(run.cluster, run.scale.of(SITES, 2)) as made:
        reported = min(REPORTED, people)
        add_participants(made, reported)
        add_anchors(made, reported)
        add_closed(made, reported, CLOSED_EACH)
        add_diary(made, reported, entries)
        yield from _reports(made, reported, REPORT_LOOKS)


@contextmanager
def _peopled(run: Run, people: int) -> Iterator[tuple[Trial, Callable[[], AbstractContextManager[Served]]]]:
    """A trial with so many participants, and how to have it served; a tiny run shares that of begun forms."""
    if run.scale.tiny:
        with begun_trial(run, "desk") as begun:
            yield begun.made, begun.served
        return
    with trial(run.cluster, run.scale.of(SITES, 2)) as made:
        add_participants(made, people)
        yield made, lambda: run.serve(made.url)


def _statements(run: Run, made: Trial, closed: int, young: "_Looks") -> Iterator[Figure]:
    site, person = made.sites[0].id, len(made.sites)
    one, every = _looks(run, made, site, _today), _looks(run, made, None, _today)
    yield from one.figures("work list of one site")
    yield from every.figures("work list of all sites")
    yield Figure(
        f"... median with {closed:,} closed slots fewer",
        milliseconds(young.median),
        ratio=f"{every.median / young.median:.1f} x",
    )
    page = _looks(run, made, site, lambda context: get_participant_overview(context, person))
    yield from page.figures("participant page")


def _pages(run: Run, served: Served, made: Trial) -> Iterator[Figure]:
    for page, address, limits in PAGES:
        messages = {name: _ask(name, address.format(person=len(made.sites))) for name in limits}
        for name, message in messages.items():
            run.drive(served, repeating(message), run.scale.seconds / 3)
            found = run.driven(served, repeating(message))
            yield at_most_hellos(f"{page} of {name}, CPU", found.load.cpu_each, found.hello, limits[name])
        connection = Connection(served.port)
        body = connection.ask(messages["all sites"]).body
        connection.close()
        yield at_most(f"{page}, gzip", len(body), _PAGE_BYTES, lambda size: f"{size:,.0f} B")


def _strangers(run: Run, served: Served, made: Trial, people: int) -> Figure:
    """The participant page for somebody else each time, so that nothing of it was seen before."""
    _page, address, limits = PAGES[1]
    sites = len(made.sites)
    theirs = range(sites, people + 1, sites)[:_OTHERS]
    messages = [_ask("one site", address.format(person=person)) for person in theirs]

    def asked(client: int) -> Iterator[bytes]:
        return itertools.cycle(messages[client * 7 :] + messages[: client * 7])

    run.drive(served, asked, run.scale.seconds / 3)
    found = run.driven(served, asked)
    return at_most_hellos(
        "participant page, another each time, CPU", found.load.cpu_each, found.hello, limits["one site"]
    )


def _ask(who: str, address: str) -> bytes:
    return request("GET", address, {"Cookie": f"__Host-staff={_COOKIES[who]}", "Accept-Encoding": "gzip"})


def _reports(made: Trial, people: int, looks: int) -> Iterator[Figure]:
    for part in ReportPart:
        taken = []
        for _look in range(looks):
            with listening(made.installation.engine) as heard:
                get_report(_context(made, None), ReportFilter(STUDY), part)
            taken.append(heard.seconds)
        name = f"report of {people:,} participants, {part.value}, SQL"
        yield at_most(name, median(taken) * 1000, 2000, milliseconds)


def _today(context: StaffContext) -> object:
    return get_today(context, TodayFilter())


def _context(made: Trial, site_id: int | None) -> StaffContext:
    grant = Grant(Role.NURSE, made.study.id, site_id)
    return StaffContext(made.installation, Actor(ActorKind.STAFF, "bench", "nurse", (grant,)), made.at)


@dataclass(frozen=True, slots=True)
class _Looks:
    """Milliseconds of SQL of each of many looks at a page, and the most queries of one.

    `before` are the queries by which its request learns who asks, about whom, and how they filtered it last.
    """

    taken: Sequence[float]
    queries: int
    before: int

    @property
    def median(self) -> float:
        return median(self.taken)

    def figures(self, page: str) -> Iterator[Figure]:
        yield at_most(f"{page}, SQL p95", p95(self.taken), 5, milliseconds)
        yield Figure("... median", milliseconds(self.median))
        yield at_most("... queries", self.queries + self.before, _QUERIES, lambda count: f"{count:.0f}")


def _looks(run: Run, made: Trial, site_id: int | None, look: Look, before: int = 2) -> _Looks:
    taken: list[float] = []
    queries = 0
    warm, counted = (1, 3) if run.scale.tiny else (WARM, run.scale.of(LOOKS, 20))
    for _look in range(warm + counted):
        with listening(made.installation.engine) as heard:
            look(_context(made, site_id))
        taken.append(heard.seconds * 1000)
        queries = max(queries, heard.count)
    return _Looks(taken[warm:], queries, before)
