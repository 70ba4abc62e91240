"""The participant's passes: the form document, saving one answer, and sending a form."""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from urllib.parse import urlencode

from bench import floors
from bench.figures import Figure, at_least_share, at_most, at_most_hellos, milliseconds
from bench.grown import Begun, add_begun
from bench.load import CLIENTS, Requests, fetch, request
from bench.machine import Memory
from bench.run import Measured, Run
from bench.serving import Served
from bench.trial import Trial, trial

SITES, TINY_SITES = 20, 2
FORMS = {"form": 320_000, "save": 8000, "submit": 80_000, "feed": 40}
"""Begun forms of each pass in a full run. Those with drafts are the participants 201 to 400."""
TINY_FORMS = {"form": 800, "save": 400, "submit": 800, "desk": 0, "feed": 1}
FLOOR_FORMS = 100_000
_ITEMS = range(1, 31)
_LOADED = re.compile(r"<(?:link|script|img)\b[^>]*?(?:href|src)=", re.IGNORECASE)
_SEEN_TWO_MINUTES_AGO = "UPDATE device SET seen_at = now() - interval '2 minutes'"
_DRAFTS = """
INSERT INTO answer_event (slot_id, revision, client, seq, base, item, value, language, text_sha256,
                          captured_offline, received_at)
SELECT slot.id, number, 'draft', number, number - 1, 'q' || number, number % 4 + 1, 'en', repeat('0', 64),
       false, now()
FROM slot, generate_series(1, 30) number WHERE slot.participant_id BETWEEN {first} AND {last}
"""
_BROWSER = {"Sec-Fetch-Site": "same-origin", "Accept-Encoding": "gzip"}


def save(run: Run) -> Iterator[Figure]:
    """Saving answers one by one, every form by its own browser."""
    with begun_trial(run, "save") as begun:
        limit, found = _beside_floor(run, "save", begun, saving_requests(begun.forms))
    yield at_least_share("save one answer, of L_save", found.load.rate, limit, 25, "/s")
    yield at_most_hellos("save one answer, CPU", found.load.cpu_each, found.hello, 15)
    yield Figure("save one answer, p99", milliseconds(found.load.p99))


def submit(run: Run) -> Iterator[Figure]:
    """Sending forms of 30 answers, none of them saved before: the most that sending can have to do."""
    with begun_trial(run, "submit") as begun:
        half = len(begun.forms) // 2
        fresh, idle = begun.forms[:half], begun.forms[half:]
        limit, found = _beside_floor(run, "submit", begun, sending_requests(fresh))
        begun.made.execute(_SEEN_TWO_MINUTES_AGO)
        with begun.served() as served:
            seen = run.driven(served, sending_requests(idle))
    yield at_least_share("submit 30 items, of L_submit", found.load.rate, limit, 22, "/s")
    yield at_most_hellos("submit 30 items, CPU", found.load.cpu_each, found.hello, 28)
    yield at_most_hellos("submit, last seen two minutes ago, CPU", seen.load.cpu_each, seen.hello, 28)
    yield Figure("submit 30 items, p99", milliseconds(found.load.p99))
    yield memory(found.memory)


def form(run: Run) -> Iterator[Figure]:
    """The form document of 30 items, as a browser gets it: empty, with a draft, and after two minutes."""
    with begun_trial(run, "form") as begun:
        empty, filled, idle = begun.forms[:200], begun.forms[200:400], begun.forms[400:]
        begun.made.execute(_DRAFTS.format(first=201, last=400))
        with begun.served() as served:
            document = fetch(served, _opening(empty[0]))
            measured = [run.driven(served, reopening(empty)), run.driven(served, reopening(filled))]
            begun.made.execute(_SEEN_TWO_MINUTES_AGO)
            measured.append(run.driven(served, lambda client: map(_opening, _own(idle, client))))
    html = gzip.decompress(document.body).decode()
    yield at_most("form document, gzip", len(document.body), 9000, lambda size: f"{size:,.0f} B")
    # The icon is fetched in the background, and by no phone that was here before.
    others = [tag for tag in _LOADED.findall(html) if 'rel="icon"' not in tag]
    yield at_most("form document, requests", 1 + len(others), 1, lambda count: f"{count:.0f}")
    names = ("form document, CPU", "form with a draft, CPU", "form, last seen two minutes ago, CPU")
    for name, each in zip(names, measured, strict=True):
        yield at_most_hellos(name, each.load.cpu_each, each.hello, 25)


def memory(worker: Memory) -> Figure:
    """What one worker holds; the pages that it shares with others count by share."""
    return Figure("... memory of a worker, PSS", f"{worker.pss:.0f} MB", f"RSS {worker.rss:.0f} MB")


@dataclass(frozen=True, slots=True)
class BegunTrial:
    """A trial with begun forms of a pass's own, and how to have it served."""

    made: Trial
    forms: Sequence[Begun]
    served: Callable[[], AbstractContextManager[Served]]


@contextmanager
def begun_trial(run: Run, name: str) -> Iterator[BegunTrial]:
    """Every pass has a fresh trial and fresh servers; those of a tiny run share one of each."""
    if run.scale.tiny:
        made, forms, served = _shared(run)
        yield BegunTrial(made, forms[name], lambda: nullcontext(served))
        return
    with trial(run.cluster, run.scale.of(SITES)) as made:
        count = run.scale.of(FORMS[name])
        yield BegunTrial(made, add_begun(made, count), lambda: run.serve(made.url))


@cache
def _shared(run: Run) -> tuple[Trial, Mapping[str, Sequence[Begun]], Served]:
    made = run.until_end.enter_context(trial(run.cluster, TINY_SITES))
    forms = iter(add_begun(made, sum(TINY_FORMS.values())))
    own = {name: list(islice(forms, count)) for name, count in TINY_FORMS.items()}
    return made, own, run.until_end.enter_context(run.serve(made.url))


def _beside_floor(run: Run, script: str, begun: BegunTrial, requests: Requests) -> tuple[float, Measured]:
    """The database's own limit, before and after, so that a machine growing slower is seen in both."""
    count, seconds = 100 if run.scale.tiny else FLOOR_FORMS, run.scale.seconds / 2
    bare = floors.prepared(run.cluster, count)
    try:
        before = floors.floor(run.cluster, bare, script, count, seconds)
        with begun.served() as served:
            found = run.driven(served, requests)
        return (before + floors.floor(run.cluster, bare, script, count, seconds)) / 2, found
    finally:
        run.cluster.drop(bare)


def saving_requests(forms: Sequence[Begun]) -> Requests:
    """Every answer of these forms, one request each."""
    return lambda client: _savings(_own(forms, client))


def sending_requests(forms: Sequence[Begun]) -> Requests:
    """Each of these forms with 30 answers, none of them saved before."""
    return lambda client: _sendings(_own(forms, client))


def _own(forms: Sequence[Begun], client: int) -> Sequence[Begun]:
    return forms[client::CLIENTS]


def _cookie(form: Begun) -> dict[str, str]:
    return {"Cookie": f"__Host-device={form.cookie}", **_BROWSER}


def _opening(form: Begun) -> bytes:
    return request("GET", f"/f/{form.slot}", _cookie(form))


def reopening(forms: Sequence[Begun]) -> Requests:
    return lambda client: cycle(map(_opening, _own(forms, client)))


def _savings(forms: Sequence[Begun]) -> Iterator[bytes]:
    for form in forms:
        headers = {**_cookie(form), "Content-Type": "application/json", "Accept": "application/json"}
        for number in _ITEMS:
            event = {"seq": number, "base": number - 1, "item": f"q{number}", "value": number % 4 + 1}
            told = {"client": f"c-{form.slot}", "events": [event | {"at": "2026-03-02T09:30:00.000+08:00"}]}
            yield request("POST", f"/f/{form.slot}/answers", headers, json.dumps(told).encode())


def _sendings(forms: Sequence[Begun]) -> Iterator[bytes]:
    answers = {f"q{number}": str(number % 4 + 1) for number in _ITEMS}
    for form in forms:
        headers = {
            **_cookie(form),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        fields = answers | {"submission_id": f"s-{form.slot}", "revision": "0", "reviewed": "1"}
        body = urlencode(fields | {"action": "send", "width": "360"}).encode()
        yield request("POST", f"/f/{form.slot}/submit", headers, body)
