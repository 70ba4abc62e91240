"""Runs a program to its end and tells its CPU time and memory."""

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
class ProgramUse:
    """Seconds of CPU and the most megabytes of a process."""

    seconds: float
    megabytes: float


def run_program(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, *, forked: bool = False
) -> ProgramUse:
    """`python` with these arguments; raises RuntimeError, with what it said, for a program that fails.

    `forked`: in a fork of this process, where the figures mean nothing.
    """
    with Path(os.devnull).open("wb") as nothing, tempfile.TemporaryFile() as errors:
        if forked:
            process = fork(words, environ, nothing.fileno(), errors.fileno())
            code, used = process.wait(), process.used
        else:
            program = subprocess.Popen(
                [sys.executable, *words], cwd=_ROOT, env=environ, stdout=nothing, stderr=errors
            )
            _pid, status, used = os.wait4(program.pid, 0)
            code = program.returncode = os.waitstatus_to_exitcode(status)
        if code or used is None:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(words[:4])} ended with {code}: {errors.read().decode()}")
    return ProgramUse(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
