"""Measures what the demonstration costs before its first page."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.run import Run

_ROOT = Path(__file__).parents[1]


def demo(run: Run) -> Iterator[Figure]:
    """Measure the CPU of the command that makes it. It has one size, so that a tiny run leaves it out."""
    if run.scale.tiny:
        print("demo: has one size, left out of a tiny run", file=sys.stderr, flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "DAYBOOK_DATABASE_URL": f"sqlite:///{folder}/demo.sqlite3"}
        command = [sys.executable, "-m", "app", "demo", "--no-serve"]
        process = subprocess.Popen(
            command, cwd=_ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the demonstration ended with {process.returncode}")
    yield Figure("make the demonstration, CPU", f"{used.ru_utime + used.ru_stime:.1f} s")
