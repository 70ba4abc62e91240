"""Which tests run on the same worker, and which come first.

`python -m tests.distribution report.xml` records the seconds of slow tests from pytest's own report.

The mark `xdist_group` is lost on pytest 9.2 without a word (pytest-dev/pytest-xdist#1386): whatever
tests share was made once more on the other worker. The hook that chooses a scheduler is public.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARING = ("tests/faults/test_interleavings.py",)
"""The modules whose tests share something dear."""

STAGED: Mapping[str, Sequence[str]] = {
    "golden case": (
        "tests/services/clinic/test_report.py",
        "tests/services/clinic/test_report_of_corrections.py",
        "tests/services/clinic/test_report_rows.py",
        "tests/faces/clinic/test_links.py",
        "tests/faces/clinic/test_report_pages.py",
    ),
    "trial of the datasets": (
        "tests/analysis/test_starters.py",
        "tests/services/schedule/test_amendments.py",
        "tests/services/datasets/test_cuts.py",
        "tests/services/datasets/test_datasets.py",
        "tests/services/datasets/test_exports.py",
        "tests/program/test_datasets_cli.py",
        "tests/faces/edc/test_edc_datasets.py",
        "tests/faces/clinic/test_exports_page.py",
    ),
    "full course": (
        "tests/services/audit/test_external_heads.py",
        "tests/services/clinic/test_participant_history.py",
        "tests/services/audit/test_records_replayed.py",
        "tests/services/clinic/test_trail_reading.py",
        "tests/faces/clinic/test_arm_veil.py",
        "tests/services/audit/test_unprovable.py",
        "tests/faces/clinic/test_trail_words.py",
        "tests/faces/clinic/test_arm_veil.py",
    ),
    "demonstration": ("tests/services/demo/test_demo.py", "tests/journeys/test_demo.py"),
    "three people": ("tests/services/clinic/test_today.py",),
    "two studies": ("tests/faces/web/test_study_law.py",),
    "syntax trees": (
        "tests/meta/test_architecture.py",
        "tests/meta/test_audited_writes.py",
        "tests/meta/test_events.py",
        "tests/meta/test_faces.py",
        "tests/meta/test_glossary.py",
        "tests/meta/test_injection.py",
        "tests/meta/test_names.py",
        "tests/meta/test_pure_domain.py",
        "tests/meta/test_requirements.py",
        "tests/meta/test_style.py",
        "tests/meta/test_wording.py",
    ),
    "sentences": ("tests/meta/test_catalogues.py",),
}
"""The modules of what takes seconds to make, mostly a stage on each database: each worker makes its own."""

_KINDS = ("sqlite", "postgresql")
_STAGE_OF = {module: stage for stage, modules in STAGED.items() for module in modules}


def scope_of(nodeid: str) -> str:
    """The tests of one scope run on one worker, one after the other; most tests are free."""
    module, _, rest = nodeid.partition("::")
    kind = next((kind for kind in _KINDS if f"[{kind}" in rest), "")
    if module in _STAGE_OF:
        return f"{_STAGE_OF[module]}@{kind or 'sqlite'}"
    return f"{module}@{kind}" if module in SHARING else nodeid


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it publishes no types
    """Hands out our scopes, and forgets those that are done: their tests were counted after every test."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def mark_test_complete(self, node: object, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        scope = scope_of(self.registered_collections[node][item_index])
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]


def scheduler(config: object, log: object) -> LoadScopeScheduling:
    """Larger scopes are handed out first, then test by test."""
    return Scheduling(config, log)


DURATIONS = Path(__file__).with_name("durations.txt")
SLOW_SECONDS = 3.0
"""What takes longer is not left until the end, when the other worker has nothing to do any more."""


def slow_first(items: list[pytest.Item]) -> None:
    """Bring the slow tests to the front, those of the dearest module first.

    Tests of one module stay together, because they share what the module has made.
    """
    seconds = {item: _seconds(item) for item in items}
    modules: dict[str, float] = defaultdict(float)
    for item, taken in seconds.items():
        modules[_module(item)] += taken
    items.sort(
        key=lambda item: (
            (-modules[_module(item)], _module(item), -seconds[item]) if seconds[item] else (0.0, "", 0.0)
        )
    )


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _seconds(item: pytest.Item) -> float:
    known = recorded_durations().get(item.nodeid.partition("[")[0], 0.0)
    return max(known, SLOW_SECONDS if item.get_closest_marker("slow") else 0.0)


@cache
def recorded_durations() -> Mapping[str, float]:
    """The seconds of each slow test function at its slowest, by its address."""
    lines = (line.split() for line in DURATIONS.read_text("utf-8").splitlines())
    return {address: float(seconds) for seconds, address in lines}


def record_durations(report: Path, target: Path = DURATIONS) -> None:
    """Write the slow tests of this report, the slowest first."""
    slowest: dict[str, float] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        module = f"{case.get('classname', '').replace('.', '/')}.py"
        address = f"{module}::{case.get('name', '').partition('[')[0]}"
        slowest[address] = max(slowest.get(address, 0.0), float(case.get("time", "0")))
    rows = sorted(((taken, address) for address, taken in slowest.items()), reverse=True)
    lines = [f"{taken:.0f} {address}\n" for taken, address in rows if taken >= SLOW_SECONDS]
    target.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    record_durations(Path(sys.argv[1]))
