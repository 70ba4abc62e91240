"""Measures a pull of the whole feed beside COPY, and the form document during a pull and an export."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from sqlmodel import col

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.datasets.cuts import make_cut
from app.storage.tables.feed import FeedEvent
from bench.capture import form_requests
from bench.datasets import CUT, FORMATS, PEOPLE, fill_whole_trial
from bench.feed import FEED_COLUMNS, authorization_header, build_completed_line
from bench.figures import Figure, at_least_share, at_most
from bench.grown import BegunForm, add_begun_forms
from bench.load import Load, Requests, drive, fetch, request
from bench.run import Run
from bench.serving import RunningServer
from bench.trial import STUDY, Trial, open_trial

RESPONSES = 1_000_000
READERS, PAUSE_SECONDS = 4, 0.05
"""Participants who open forms meanwhile, and the pause of each before the next form."""
_MOST_MICROSECONDS, _MOST_MEGABYTES, _MOST_TIMES = 8, 20, 3
_NEXT_KEY = "SELECT setval(pg_get_serial_sequence('participant', 'id'), 900)"
"""So that somebody can be enrolled beside participants who were loaded with keys of their own."""
_EXPORTS = "/api/edc/v1/exports"
_PULL_PROGRAM = """
import http.client, json, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=600)
began, lines = time.perf_counter(), 0
connection.request("GET", sys.argv[2], headers=json.loads(sys.argv[3]))
answer = connection.getresponse()
while block := answer.read(1 << 18):
    lines += block.count(b"\\n")
print(answer.status, lines, time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True)
class _Pull:
    """A pull by a client process."""

    process: "subprocess.Popen[str]"

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_for_end(self, expected: int) -> float:
        """Seconds that it took. Raises RuntimeError when not every line came."""
        output, _ = self.process.communicate(timeout=600)
        status, lines, seconds = output.split()
        if (status, int(lines)) != ("200", expected):
            raise RuntimeError(f"the pull gave {lines} lines with {status}")
        return float(seconds)


def pull(run: Run) -> Iterator[Figure]:
    """Measure a pull of all scored responses; then the form document during pulls, and during an export."""
    count, people = run.scale.of(RESPONSES, 200), run.scale.of(PEOPLE, 1)
    with open_trial(run.cluster, 1) as trial, tempfile.TemporaryDirectory() as folder:
        forms = add_begun_forms(trial, 201)
        line = build_completed_line(trial, forms[0])
        trial.execute(_NEXT_KEY)
        fill_whole_trial(trial, people)
        make_cut(StaffContext(trial.installation, SYSTEM, trial.at), STUDY, CUT, "bench")
        records = _fill(trial, line, count)
        settings = {"DAYBOOK_EXPORTS": folder}
        with run.serve(trial.url, settings=settings) as server:
            drive(
                server, _paced_form_requests(forms[1:]), run.scale.seconds, READERS
            )  # the first form of a worker is slow
            yield from _pull_figures(run, trial, server, forms[1:], records)
            client = authorization_header(trial, 1)
            before = drive(server, _paced_form_requests(forms[1:]), run.scale.seconds, READERS)
            beside, share = _beside_export(run, server, client, forms[1:])
            rest = _shorter_wait(
                before, drive(server, _paced_form_requests(forms[1:]), run.scale.seconds, READERS)
            )
    yield _ratio_figure(f"form document beside an export of {people} people", beside, rest)
    yield Figure("... of that time, the export was being made", f"{share:.0%}")


def _pull_figures(
    run: Run, trial: Trial, server: RunningServer, forms: Sequence[BegunForm], records: int
) -> Iterator[Figure]:
    client = authorization_header(trial, 0)
    copied = _copy_rate(trial)
    memory, cpu = server.memory().pss, server.cpu()
    rate = records / _start_pull(server, client).wait_for_end(records)
    spent, grown = server.cpu() - cpu, max(0.0, server.memory().pss - memory)
    copied = (copied + _copy_rate(trial)) / 2
    before = drive(server, _paced_form_requests(forms), run.scale.seconds, READERS)
    beside = _beside_pulls(run, server, client, forms, records)
    rest = _shorter_wait(before, drive(server, _paced_form_requests(forms), run.scale.seconds, READERS))
    yield at_least_share(f"pull of {records:,} scored responses, of COPY", rate, copied, 60, "/s")
    row, micro = "... CPU of each", 1e6 * spent / records
    yield at_most(row, micro, _MOST_MICROSECONDS, lambda value: f"{value:.1f} us")
    row = "... memory of a worker above that before"
    yield at_most(row, grown, _MOST_MEGABYTES, lambda value: f"{value:.0f} MB")
    yield _ratio_figure("form document beside it, p99 of that at rest", beside, rest)


def _shorter_wait(before: Load, after: Load) -> Load:
    """Of the loads at rest before and after, the one with the lower p99: the stricter comparison."""
    return min(before, after, key=lambda load: load.p99)


def _ratio_figure(name: str, beside: Load, rest: Load) -> Figure:
    times = beside.p99 / rest.p99
    ours, limit = f"{beside.p99:.1f} ms", f"{rest.p99:.1f} ms"
    return Figure(name, ours, limit, f"{times:.1f} x", f"<= {_MOST_TIMES} x", times <= _MOST_TIMES)


def _fill(trial: Trial, line: str, count: int) -> int:
    """Add so many answered forms with the line of one that was really sent; returns the records of all."""
    site, moment = trial.sites[0].id, trial.at.isoformat()
    with trial.installation.read() as session:
        last, records = session.execute(
            sa.select(sa.func.max(col(FeedEvent.seq)), sa.func.count(sa.distinct(col(FeedEvent.ref))))
        ).one()

    def rows() -> Iterator[str]:
        for seq in range(last + 1, last + count + 1):
            own = line.replace('"seq":1,', f'"seq":{seq},', 1)
            name = f"{trial.study.id}\t{seq}\tassessment.completed\tR{seq}\t1\t{site}"
            yield f"{name}\t{moment}\t{own}\t{'0' * 64}\n"

    trial.copy("feed_event", FEED_COLUMNS, rows())
    trial.execute(f"UPDATE feed_head SET seq = {last + count}")
    trial.execute("ANALYZE feed_event")
    return int(records) + count


def _copy_rate(trial: Trial) -> float:
    """How many such lines a second the database alone hands to a client."""
    conninfo = trial.url.replace("postgresql+psycopg", "postgresql")
    began, lines = time.perf_counter(), 0
    statement = "COPY (SELECT line FROM feed_event) TO STDOUT (FORMAT csv)"
    with psycopg.connect(conninfo) as connection, connection.cursor().copy(statement) as copied:
        for block in copied:
            lines += bytes(block).count(b"\n")
    return lines / (time.perf_counter() - began)


def _start_pull(server: RunningServer, client: dict[str, str]) -> _Pull:
    words = [str(server.port), "/api/edc/v1/snapshot", json.dumps(client)]
    command = [sys.executable, "-c", _PULL_PROGRAM, *words]
    return _Pull(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))


def _paced_form_requests(forms: Sequence[BegunForm]) -> Requests:
    """Requests for forms with a pause between two of them, so that the readers themselves make no queue."""

    def paced(client: int) -> Iterator[bytes]:
        for message in form_requests(forms)(client):
            time.sleep(PAUSE_SECONDS)
            yield message

    return paced


def _beside_pulls(
    run: Run, server: RunningServer, client: dict[str, str], forms: Sequence[BegunForm], count: int
) -> Load:
    """Load the form document while pulls follow each other without a pause."""
    pulling = _start_pull(server, client)

    def until_drained(reader: int) -> Iterator[bytes]:
        nonlocal pulling
        for message in _paced_form_requests(forms)(reader):
            if reader == 0 and not pulling.is_running():
                pulling.wait_for_end(count)
                pulling = _start_pull(server, client)
            yield message

    load = drive(server, until_drained, run.scale.seconds, READERS)
    pulling.wait_for_end(count)
    return load


def _beside_export(
    run: Run, server: RunningServer, client: dict[str, str], forms: Sequence[BegunForm]
) -> tuple[Load, float]:
    """Load the form document while an export is made; also return the share of the time in which it was."""
    location = _request_export(server, client, FORMATS[:1] if run.scale.tiny else FORMATS)
    while _state(server, client, location) == "waiting":
        time.sleep(0.1)
    states: list[str] = []

    def watched(reader: int) -> Iterator[bytes]:
        for number, message in enumerate(_paced_form_requests(forms)(reader)):
            if reader == 0 and number % 5 == 0:
                states.append(_state(server, client, location))
            yield message

    load = drive(server, watched, run.scale.seconds, READERS)
    while (state := _state(server, client, location)) in ("waiting", "making"):
        time.sleep(0.2)
    if state != "ready":
        raise RuntimeError(f"the export is {state}")
    return load, states.count("making") / max(1, len(states))


def _request_export(server: RunningServer, client: dict[str, str], formats: Sequence[str]) -> str:
    body = {"cut": CUT, "purpose": "bench", "formats": list(formats)}
    headers = client | {"Content-Type": "application/json"}
    answer = fetch(server, request("POST", _EXPORTS, headers, json.dumps(body).encode()))
    if answer.status != 202:
        raise RuntimeError(f"the export was answered {answer.status}: {answer.body[:200]!r}")
    return answer.headers["location"]


def _state(server: RunningServer, client: dict[str, str], location: str) -> str:
    state: str = json.loads(fetch(server, request("GET", location, client)).body)["state"]
    return state
