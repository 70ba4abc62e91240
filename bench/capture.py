"""Measures the participant's requests: the form document, saving one answer, submitting a form."""

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
from bench.grown import BegunForm, add_begun_forms
from bench.load import CLIENTS, Requests, fetch, request
from bench.machine import Memory
from bench.run import Measured, Run
from bench.serving import RunningServer
from bench.trial import Trial, open_trial

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
    """Measure saving answers one by one, every form by its own browser."""
    with begun_trial(run, "save") as begun:
        limit, measured = _beside_floor(run, "save", begun, save_requests(begun.forms))
    yield at_least_share("save one answer, of L_save", measured.load.rate, limit, 25, "/s")
    yield at_most_hellos("save one answer, CPU", measured.load.cpu_each, measured.hello, 15)
    yield Figure("save one answer, p99", milliseconds(measured.load.p99))


def submit(run: Run) -> Iterator[Figure]:
    """Measure submitting forms of 30 answers, none of them saved before: the dearest submission."""
    with begun_trial(run, "submit") as begun:
        half = len(begun.forms) // 2
        fresh, idle = begun.forms[:half], begun.forms[half:]
        limit, measured = _beside_floor(run, "submit", begun, submit_requests(fresh))
        begun.trial.execute(_SEEN_TWO_MINUTES_AGO)
        with begun.serve() as server:
            after_two_minutes = run.driven(server, submit_requests(idle))
    yield at_least_share("submit 30 items, of L_submit", measured.load.rate, limit, 22, "/s")
    yield at_most_hellos("submit 30 items, CPU", measured.load.cpu_each, measured.hello, 28)
    yield at_most_hellos(
        "submit, last seen two minutes ago, CPU", after_two_minutes.load.cpu_each, after_two_minutes.hello, 28
    )
    yield Figure("submit 30 items, p99", milliseconds(measured.load.p99))
    yield memory(measured.memory)


def form(run: Run) -> Iterator[Figure]:
    """Measure the form document of 30 items: empty, with a draft, and last seen two minutes ago."""
    with begun_trial(run, "form") as begun:
        empty, filled, idle = begun.forms[:200], begun.forms[200:400], begun.forms[400:]
        begun.trial.execute(_DRAFTS.format(first=201, last=400))
        with begun.serve() as server:
            document = fetch(server, _form_request(empty[0]))
            measured = [run.driven(server, form_requests(empty)), run.driven(server, form_requests(filled))]
            begun.trial.execute(_SEEN_TWO_MINUTES_AGO)
            measured.append(
                run.driven(server, lambda client: map(_form_request, _forms_of_client(idle, client)))
            )
    html = gzip.decompress(document.body).decode()
    yield at_most("form document, gzip", len(document.body), 9000, lambda size: f"{size:,.0f} B")
    # The icon is fetched in the background, and by no phone that was here before.
    others = [tag for tag in _LOADED.findall(html) if 'rel="icon"' not in tag]
    yield at_most("form document, requests", 1 + len(others), 1, lambda count: f"{count:.0f}")
    names = ("form document, CPU", "form with a draft, CPU", "form, last seen two minutes ago, CPU")
    for name, each in zip(names, measured, strict=True):
        yield at_most_hellos(name, each.load.cpu_each, each.hello, 25)


def memory(worker: Memory) -> Figure:
    """Memory of one worker; pages shared with other processes count by their share (PSS)."""
    return Figure("... memory of a worker, PSS", f"{worker.pss:.0f} MB", f"RSS {worker.rss:.0f} MB")


@dataclass(frozen=True, slots=True)
class BegunTrial:
    """A trial with begun forms of one pass, and what serves it."""

    trial: Trial
    forms: Sequence[BegunForm]
    serve: Callable[[], AbstractContextManager[RunningServer]]


@contextmanager
def begun_trial(run: Run, name: str) -> Iterator[BegunTrial]:
    """Open a fresh trial for a pass; the passes of a tiny run share one trial and one server."""
    if run.scale.tiny:
        trial, forms, server = _open_shared_trial(run)
        yield BegunTrial(trial, forms[name], lambda: nullcontext(server))
        return
    with open_trial(run.cluster, run.scale.of(SITES)) as trial:
        count = run.scale.of(FORMS[name])
        yield BegunTrial(trial, add_begun_forms(trial, count), lambda: run.serve(trial.url))


@cache
def _open_shared_trial(run: Run) -> tuple[Trial, Mapping[str, Sequence[BegunForm]], RunningServer]:
    trial = run.until_end.enter_context(open_trial(run.cluster, TINY_SITES))
    forms = iter(add_begun_forms(trial, sum(TINY_FORMS.values())))
    own = {name: list(islice(forms, count)) for name, count in TINY_FORMS.items()}
    return trial, own, run.until_end.enter_context(run.serve(trial.url))


def _beside_floor(run: Run, script: str, begun: BegunTrial, requests: Requests) -> tuple[float, Measured]:
    """Measure the requests, and what the database alone does before and after them: clock rates wander."""
    count, seconds = 100 if run.scale.tiny else FLOOR_FORMS, run.scale.seconds / 2
    bare = floors.create_floor_database(run.cluster, count)
    try:
        before = floors.measure_floor(run.cluster, bare, script, count, seconds)
        with begun.serve() as server:
            measured = run.driven(server, requests)
        return (before + floors.measure_floor(run.cluster, bare, script, count, seconds)) / 2, measured
    finally:
        run.cluster.drop(bare)


def save_requests(forms: Sequence[BegunForm]) -> Requests:
    """Requests that save every answer of these forms, one each."""
    return lambda client: _save_messages(_forms_of_client(forms, client))


def submit_requests(forms: Sequence[BegunForm]) -> Requests:
    """Requests that submit each of these forms with 30 answers, none of them saved before."""
    return lambda client: _submit_messages(_forms_of_client(forms, client))


def _forms_of_client(forms: Sequence[BegunForm], client: int) -> Sequence[BegunForm]:
    return forms[client::CLIENTS]


def _cookie(form: BegunForm) -> dict[str, str]:
    return {"Cookie": f"__Host-device={form.cookie}", **_BROWSER}


def _form_request(form: BegunForm) -> bytes:
    return request("GET", f"/f/{form.slot}", _cookie(form))


def form_requests(forms: Sequence[BegunForm]) -> Requests:
    return lambda client: cycle(map(_form_request, _forms_of_client(forms, client)))


def _save_messages(forms: Sequence[BegunForm]) -> Iterator[bytes]:
    for form in forms:
        headers = {**_cookie(form), "Content-Type": "application/json", "Accept": "application/json"}
        for number in _ITEMS:
            event = {"seq": number, "base": number - 1, "item": f"q{number}", "value": number % 4 + 1}
            body = {"client": f"c-{form.slot}", "events": [event | {"at": "2026-03-02T09:30:00.000+08:00"}]}
            yield request("POST", f"/f/{form.slot}/answers", headers, json.dumps(body).encode())


def _submit_messages(forms: Sequence[BegunForm]) -> Iterator[bytes]:
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
