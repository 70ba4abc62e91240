"""Measures the desk: work list, participant page, matrix and report of a trial after years."""

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
from bench.grown import add_anchors, add_closed_slots, add_diary_entries, add_open_slots, add_participants
from bench.load import Connection, repeating, request
from bench.run import Run, time_statements
from bench.serving import RunningServer
from bench.trial import ALL_SITES, ONE_SITE, STUDY, Trial, open_trial

SITES = 40
PARTICIPANTS, TINY_PARTICIPANTS = 100_000, 100
LIVE_EACH = 10
CLOSED_EACH = 10
DIARY_EACH, TINY_DIARY_EACH = 90, 3
"""Entries of the diary, all of them closed long ago."""
READS = 100
WARM_READS = 10
"""Reads before any is counted: the first ones compile statements and templates and make plans."""
REPORT_READS = 3
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
_DISTINCT_PARTICIPANTS = 400
"""Participants of one site whose pages are opened one after the other: more than a process caches."""

ReadPage = Callable[[StaffContext], object]


def desk(run: Run) -> Iterator[Figure]:
    """Measure the SQL without and with closed slots, then the pages over HTTP, then the report."""
    participants = run.scale.of(PARTICIPANTS, TINY_PARTICIPANTS)
    entries = TINY_DIARY_EACH if run.scale.tiny else DIARY_EACH
    with _populated_trial(run, participants) as (trial, serve):
        add_anchors(trial, participants)
        add_open_slots(trial, participants, LIVE_EACH)
        without_closed = _measure_statements(run, trial, None, _today)
        add_closed_slots(trial, participants, CLOSED_EACH)
        add_diary_entries(trial, participants, entries)
        yield from _statement_figures(run, trial, participants * (CLOSED_EACH + entries), without_closed)
        with serve() as server:
            yield from _page_figures(run, server, trial)
            yield _distinct_participants(run, server, trial, participants)
        if run.scale.tiny:
            yield from _report_figures(trial, participants, 1)
            return
    with open_trial(run.cluster, run.scale.of(SITES, 2)) as trial:
        reported = min(REPORTED, participants)
        add_participants(trial, reported)
        add_anchors(trial, reported)
        add_closed_slots(trial, reported, CLOSED_EACH)
        add_diary_entries(trial, reported, entries)
        yield from _report_figures(trial, reported, REPORT_READS)


@contextmanager
def _populated_trial(
    run: Run, participants: int
) -> Iterator[tuple[Trial, Callable[[], AbstractContextManager[RunningServer]]]]:
    """A trial with so many participants, and what serves it; a tiny run shares the trial of begun forms."""
    if run.scale.tiny:
        with begun_trial(run, "desk") as begun:
            yield begun.trial, begun.serve
        return
    with open_trial(run.cluster, run.scale.of(SITES, 2)) as trial:
        add_participants(trial, participants)
        yield trial, lambda: run.serve(trial.url)


def _statement_figures(
    run: Run, trial: Trial, closed: int, without_closed: "_PageStatements"
) -> Iterator[Figure]:
    site, person = trial.sites[0].id, len(trial.sites)
    one, every = _measure_statements(run, trial, site, _today), _measure_statements(run, trial, None, _today)
    yield from one.figures("work list of one site")
    yield from every.figures("work list of all sites")
    yield Figure(
        f"... median with {closed:,} closed slots fewer",
        milliseconds(without_closed.median),
        ratio=f"{every.median / without_closed.median:.1f} x",
    )
    page = _measure_statements(run, trial, site, lambda context: get_participant_overview(context, person))
    yield from page.figures("participant page")


def _page_figures(run: Run, server: RunningServer, trial: Trial) -> Iterator[Figure]:
    for page, address, limits in PAGES:
        messages = {name: _page_request(name, address.format(person=len(trial.sites))) for name in limits}
        for name, message in messages.items():
            run.drive(server, repeating(message), run.scale.seconds / 3)
            measured = run.driven(server, repeating(message))
            yield at_most_hellos(
                f"{page} of {name}, CPU", measured.load.cpu_each, measured.hello, limits[name]
            )
        connection = Connection(server.port)
        body = connection.ask(messages["all sites"]).body
        connection.close()
        yield at_most(f"{page}, gzip", len(body), _PAGE_BYTES, lambda size: f"{size:,.0f} B")


def _distinct_participants(run: Run, server: RunningServer, trial: Trial, participants: int) -> Figure:
    """The participant page of another participant each time, so that nothing of it is cached."""
    _page, address, limits = PAGES[1]
    sites = len(trial.sites)
    theirs = range(sites, participants + 1, sites)[:_DISTINCT_PARTICIPANTS]
    messages = [_page_request("one site", address.format(person=person)) for person in theirs]

    def requests(client: int) -> Iterator[bytes]:
        return itertools.cycle(messages[client * 7 :] + messages[: client * 7])

    run.drive(server, requests, run.scale.seconds / 3)
    measured = run.driven(server, requests)
    return at_most_hellos(
        "participant page, another each time, CPU", measured.load.cpu_each, measured.hello, limits["one site"]
    )


def _page_request(cookie_of: str, address: str) -> bytes:
    return request(
        "GET", address, {"Cookie": f"__Host-staff={_COOKIES[cookie_of]}", "Accept-Encoding": "gzip"}
    )


def _report_figures(trial: Trial, participants: int, reads: int) -> Iterator[Figure]:
    for part in ReportPart:
        taken = []
        for _read in range(reads):
            with time_statements(trial.installation.engine) as recorded:
                get_report(_context(trial, None), ReportFilter(STUDY), part)
            taken.append(recorded.seconds)
        name = f"report of {participants:,} participants, {part.value}, SQL"
        yield at_most(name, median(taken) * 1000, 2000, milliseconds)


def _today(context: StaffContext) -> object:
    return get_today(context, TodayFilter())


def _context(trial: Trial, site_id: int | None) -> StaffContext:
    grant = Grant(Role.NURSE, trial.study.id, site_id)
    return StaffContext(trial.installation, Actor(ActorKind.STAFF, "bench", "nurse", (grant,)), trial.at)


@dataclass(frozen=True, slots=True)
class _PageStatements:
    """Milliseconds of SQL of each of many reads of a page, and the most queries of one.

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


def _measure_statements(
    run: Run, trial: Trial, site_id: int | None, read: ReadPage, before: int = 2
) -> _PageStatements:
    taken: list[float] = []
    queries = 0
    warm, counted = (1, 3) if run.scale.tiny else (WARM_READS, run.scale.of(READS, 20))
    for _read in range(warm + counted):
        with time_statements(trial.installation.engine) as recorded:
            read(_context(trial, site_id))
        taken.append(recorded.seconds * 1000)
        queries = max(queries, recorded.count)
    return _PageStatements(taken[warm:], queries, before)
