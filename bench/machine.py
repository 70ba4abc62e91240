"""Reads CPU time and memory of processes from /proc; CPU time depends little on what else runs."""

import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_of(pids: Collection[int]) -> float:
    """Seconds of CPU, user and system, that these processes have used so far."""
    return sum(own for pid in pids if (own := _cpu_of_process(pid)) is not None)


def children_of(pid: int) -> tuple[int, ...]:
    """Every process below this one."""
    found, unseen = set[int](), {pid}
    while unseen:
        unseen = {child for parent in unseen for child in _children_started_by(parent)} - found
        found |= unseen
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of one process: all that it maps, and its share where pages are shared with others."""

    rss: float
    pss: float


def memory_of(pid: int) -> Memory:
    """What this process holds now."""
    lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024)


def _stat(pid: int) -> list[str] | None:
    try:
        # The name, in brackets, may hold anything.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _cpu_of_process(pid: int, with_waited: bool = False) -> float | None:
    fields = _stat(pid)
    last = 15 if with_waited else 13
    return sum(int(ticks) for ticks in fields[11:last]) / _TICK if fields else None


def _children_started_by(pid: int) -> Iterator[int]:
    """The processes that any of its threads has started and that still run."""
    for listed in (_PROC / str(pid)).glob("task/*/children"):
        try:
            yield from map(int, listed.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue


def _total_cpu() -> float:
    user, nice, system, _idle, _waiting, interrupts, soft, *_ = _PROC.joinpath("stat").read_text().split()[1:]
    return sum(map(int, (user, nice, system, interrupts, soft))) / _TICK


def _own_cpu() -> float:
    pids = (os.getpid(), *children_of(os.getpid()))
    return sum(used for pid in pids if (used := _cpu_of_process(pid, with_waited=True)) is not None)


@dataclass(slots=True)
class OtherProcesses:
    """How many cores processes that are not ours have used since the watch began."""

    began: float = field(default_factory=time.monotonic)
    busy: float = field(default_factory=_total_cpu)
    ours: float = field(default_factory=_own_cpu)

    def cores(self) -> float:
        spent = time.monotonic() - self.began
        return max(0.0, (_total_cpu() - self.busy) - (_own_cpu() - self.ours)) / spent if spent else 0.0
