"""Measures saving and submitting on SQLite, which has one worker."""

from collections.abc import Iterator

from bench.capture import memory, save_requests, submit_requests
from bench.figures import Figure, milliseconds
from bench.grown import add_begun_forms
from bench.run import Measured, Run
from bench.trial import open_sqlite_trial

SITES = 20
SAVED, SENT = 1000, 12_000
"""Forms for each load."""
_LEAST_SENT, _TINY_SENT = 3000, 600
"""A load of three seconds sends each form once."""


def sqlite(run: Run) -> Iterator[Figure]:
    """Measure the same requests as on PostgreSQL, in the one process that opens the file."""
    saved = run.scale.of(SAVED, 60)
    with open_sqlite_trial(run.scale.of(SITES, 2)) as study:
        sent = run.scale.of(SENT, _TINY_SENT if run.scale.tiny else _LEAST_SENT)
        forms = add_begun_forms(study, saved + sent)
        with run.serve(study.url, workers=1) as server:
            save = run.driven(server, save_requests(forms[:saved]))
            submit = run.driven(server, submit_requests(forms[saved:]))
    yield from _figures("save one answer", save)
    yield from _figures("submit 30 items", submit)
    yield memory(submit.memory)


def _figures(name: str, measured: Measured) -> Iterator[Figure]:
    row = f"{name}, SQLite and one worker"
    yield Figure(row, f"{measured.load.rate:,.0f} /s")
    each, hello = milliseconds(measured.load.cpu_each * 1000), milliseconds(measured.hello * 1000)
    yield Figure(f"{row}, CPU", each, hello, f"{measured.hellos:.1f} H")
    yield Figure(f"{row}, p99", milliseconds(measured.load.p99))
