"""Programs that run to their end, and what each of them has used."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.forks import fork

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU and the most megabytes of a process."""

    seconds: float
    megabytes: float


def spend(words: Sequence[str], environ: Mapping[str, str] = os.environ, *, forked: bool = False) -> Spent:
    """`python` with these arguments; raises RuntimeError, with what it said, for a program that fails.

    `forked`: in a fork of this process, where the figures mean nothing.
    """
    with Path(os.devnull).open("wb") as nothing, tempfile.TemporaryFile() as told:
        if forked:
            process = fork(words, environ, nothing.fileno(), told.fileno())
            code, used = process.wait(), process.used
        else:
            program = subprocess.Popen(
                [sys.executable, *words], cwd=_ROOT, env=environ, stdout=nothing, stderr=told
            )
            _pid, status, used = os.wait4(program.pid, 0)
            code = program.returncode = os.waitstatus_to_exitcode(status)
        if code or used is None:
            told.seek(0)
            raise RuntimeError(f"{' '.join(words[:4])} ended with {code}: {told.read().decode()}")
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
