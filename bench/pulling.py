"""The EDC pulls everything at once: beside COPY, and what a participant feels of it and of an export."""

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
from bench.capture import reopening
from bench.datasets import CUT, FORMATS, PEOPLE, fill_whole_trial
from bench.feed import ROWS, bearer_of, spell_completed
from bench.figures import Figure, at_least_share, at_most
from bench.grown import Begun, add_begun
from bench.load import Load, Requests, drive, fetch, request
from bench.run import Run
from bench.serving import Served
from bench.trial import STUDY, Trial, trial

RESPONSES = 1_000_000
READERS, PAUSE_SECONDS = 4, 0.05
"""Participants who open a form all the while, and how long each rests before the next."""
_MOST_MICROSECONDS, _MOST_MEGABYTES, _MOST_TIMES = 8, 20, 3
_NEXT_KEY = "SELECT setval(pg_get_serial_sequence('participant', 'id'), 900)"
"""So that somebody can be enrolled beside participants who were loaded with keys of their own."""
_EXPORTS = "/api/edc/v1/exports"
_DRAIN = """
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
    """A pull that goes on in a process of its own."""

    process: "subprocess.Popen[str]"

    def goes_on(self) -> bool:
        return self.process.poll() is None

    def end(self, expected: int) -> float:
        """Seconds that it took. Raises RuntimeError when not every line came."""
        told, _ = self.process.communicate(timeout=600)
        status, lines, seconds = told.split()
        if (status, int(lines)) != ("200", expected):
            raise RuntimeError(f"the pull gave {lines} lines with {status}")
        return float(seconds)


def pull(run: Run) -> Iterator[Figure]:
    """All scored responses in one stream; then a participant's page beside it, and beside an export."""
    count, people = run.scale.of(RESPONSES, 200), run.scale.of(PEOPLE, 1)
    with trial(run.cluster, 1) as made, tempfile.TemporaryDirectory() as folder:
        forms = add_begun(made, 201)
        line = spell_completed(made, forms[0])
        made.execute(_NEXT_KEY)
        fill_whole_trial(made, people)
        make_cut(StaffContext(made.installation, SYSTEM, made.at), STUDY, CUT, "bench")
        records = _fill(made, line, count)
        settings = {"DAYBOOK_EXPORTS": folder}
        with run.serve(made.url, settings=settings) as served:
            drive(
                served, _opening(forms[1:]), run.scale.seconds, READERS
            )  # the first form of a worker is slow
            yield from _pulled(run, made, served, forms[1:], records)
            client = bearer_of(made, 1)
            before = drive(served, _opening(forms[1:]), run.scale.seconds, READERS)
            beside, share = _beside_export(run, served, client, forms[1:])
            rest = _calmer(before, drive(served, _opening(forms[1:]), run.scale.seconds, READERS))
    yield _times(f"form document beside an export of {people} people", beside, rest)
    yield Figure("... of that time, the export was being made", f"{share:.0%}")


def _pulled(run: Run, made: Trial, served: Served, forms: Sequence[Begun], records: int) -> Iterator[Figure]:
    client = bearer_of(made, 0)
    copied = _copy_rate(made)
    memory, cpu = served.memory().pss, served.cpu()
    rate = records / _pull(served, client).end(records)
    spent, grown = served.cpu() - cpu, max(0.0, served.memory().pss - memory)
    copied = (copied + _copy_rate(made)) / 2
    before = drive(served, _opening(forms), run.scale.seconds, READERS)
    beside = _beside_pulls(run, served, client, forms, records)
    rest = _calmer(before, drive(served, _opening(forms), run.scale.seconds, READERS))
    yield at_least_share(f"pull of {records:,} scored responses, of COPY", rate, copied, 60, "/s")
    row, micro = "... CPU of each", 1e6 * spent / records
    yield at_most(row, micro, _MOST_MICROSECONDS, lambda value: f"{value:.1f} us")
    row = "... memory of a worker above that before"
    yield at_most(row, grown, _MOST_MEGABYTES, lambda value: f"{value:.0f} MB")
    yield _times("form document beside it, p99 of that at rest", beside, rest)


def _calmer(before: Load, after: Load) -> Load:
    """The load at rest, taken before and after, in which pages waited less: the stricter of two."""
    return min(before, after, key=lambda load: load.p99)


def _times(name: str, beside: Load, rest: Load) -> Figure:
    times = beside.p99 / rest.p99
    ours, limit = f"{beside.p99:.1f} ms", f"{rest.p99:.1f} ms"
    return Figure(name, ours, limit, f"{times:.1f} x", f"<= {_MOST_TIMES} x", times <= _MOST_TIMES)


def _fill(made: Trial, line: str, count: int) -> int:
    """Add so many answered forms with the line of one that was really sent; returns the records of all."""
    site, moment = made.sites[0].id, made.at.isoformat()
    with made.installation.read() as session:
        told, records = session.execute(
            sa.select(sa.func.max(col(FeedEvent.seq)), sa.func.count(sa.distinct(col(FeedEvent.ref))))
        ).one()

    def rows() -> Iterator[str]:
        for seq in range(told + 1, told + count + 1):
            own = line.replace('"seq":1,', f'"seq":{seq},', 1)
            name = f"{made.study.id}\t{seq}\tassessment.completed\tR{seq}\t1\t{site}"
            yield f"{name}\t{moment}\t{own}\t{'0' * 64}\n"

    made.copy("feed_event", ROWS, rows())
    made.execute(f"UPDATE feed_head SET seq = {told + count}")
    made.execute("ANALYZE feed_event")
    return int(records) + count


def _copy_rate(made: Trial) -> float:
    """How many such lines a second the database alone hands to a client."""
    conninfo = made.url.replace("postgresql+psycopg", "postgresql")
    began, lines = time.perf_counter(), 0
    statement = "COPY (SELECT line FROM feed_event) TO STDOUT (FORMAT csv)"
    with psycopg.connect(conninfo) as connection, connection.cursor().copy(statement) as copied:
        for block in copied:
            lines += bytes(block).count(b"\n")
    return lines / (time.perf_counter() - began)


def _pull(served: Served, client: dict[str, str]) -> _Pull:
    words = [str(served.port), "/api/edc/v1/snapshot", json.dumps(client)]
    command = [sys.executable, "-c", _DRAIN, *words]
    return _Pull(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))


def _opening(forms: Sequence[Begun]) -> Requests:
    """Forms that are opened at the pace of people: what waits at the server is then ours alone."""

    def paced(client: int) -> Iterator[bytes]:
        for message in reopening(forms)(client):
            time.sleep(PAUSE_SECONDS)
            yield message

    return paced


def _beside_pulls(
    run: Run, served: Served, client: dict[str, str], forms: Sequence[Begun], count: int
) -> Load:
    """The pages while pulls follow each other without a pause; as long as the longer of both takes."""
    pulling = _pull(served, client)

    def until_drained(reader: int) -> Iterator[bytes]:
        nonlocal pulling
        for message in _opening(forms)(reader):
            if reader == 0 and not pulling.goes_on():
                pulling.end(count)
                pulling = _pull(served, client)
            yield message

    load = drive(served, until_drained, run.scale.seconds, READERS)
    pulling.end(count)
    return load


def _beside_export(
    run: Run, served: Served, client: dict[str, str], forms: Sequence[Begun]
) -> tuple[Load, float]:
    """The pages while an export is made, and for which share of the time it was."""
    place = _request_export(served, client, FORMATS[:1] if run.scale.tiny else FORMATS)
    while _state(served, client, place) == "waiting":
        time.sleep(0.1)
    states: list[str] = []

    def watched(reader: int) -> Iterator[bytes]:
        for number, message in enumerate(_opening(forms)(reader)):
            if reader == 0 and number % 5 == 0:
                states.append(_state(served, client, place))
            yield message

    load = drive(served, watched, run.scale.seconds, READERS)
    while (state := _state(served, client, place)) in ("waiting", "making"):
        time.sleep(0.2)
    if state != "ready":
        raise RuntimeError(f"the export is {state}")
    return load, states.count("making") / max(1, len(states))


def _request_export(served: Served, client: dict[str, str], formats: Sequence[str]) -> str:
    asked = {"cut": CUT, "purpose": "bench", "formats": list(formats)}
    headers = client | {"Content-Type": "application/json"}
    answer = fetch(served, request("POST", _EXPORTS, headers, json.dumps(asked).encode()))
    if answer.status != 202:
        raise RuntimeError(f"the export was answered {answer.status}: {answer.body[:200]!r}")
    return answer.headers["location"]


def _state(served: Served, client: dict[str, str], place: str) -> str:
    state: str = json.loads(fetch(served, request("GET", place, client)).body)["state"]
    return state
