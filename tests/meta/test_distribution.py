"""Tests that share something dear stay together; the rest are free."""

import itertools
import re
from pathlib import Path

import pytest

from tests import distribution

ROOT = Path(__file__).parents[2]
SHARED = f"{distribution.SHARING[0]}::test_a"


def test_tests_of_one_fixture_share_a_scope() -> None:
    sqlite = {distribution.scope_of(f"{SHARED}[sqlite]"), distribution.scope_of(f"{SHARED}[sqlite-1]")}
    assert sqlite == {"tests/faults/test_interleavings.py@sqlite"}
    assert distribution.scope_of(f"{SHARED}[postgresql]") == "tests/faults/test_interleavings.py@postgresql"
    assert distribution.scope_of(SHARED) == "tests/faults/test_interleavings.py@"
    free = "tests/services/accounts/test_entry.py::test_a[sqlite]"
    assert distribution.scope_of(free) == free


def test_tests_of_one_stage_share_a_scope_on_each_database() -> None:
    report, pages = distribution.STAGED["golden case"][0], distribution.STAGED["golden case"][-1]
    assert distribution.scope_of(f"{report}::test_a[postgresql]") == "golden case@postgresql"
    assert distribution.scope_of(f"{report}::test_a[sqlite-1]") == "golden case@sqlite"
    assert distribution.scope_of(f"{pages}::test_b") == "golden case@sqlite"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("golden case", r"return GOLDEN$"),
        ("trial of the datasets", r"return TRIAL$"),
        ("full course", r"return COURSE$|\bcourse: Installation"),
        ("demonstration", r"program_demonstration\W\)|: ProgramsDemonstration\)"),
        ("three people", r"^THREE = "),
        ("two studies", r"return TWO_STAGE$"),
        ("syntax trees", r"^from tests\.meta\.(?:sources import .*\b(?:nodes|tree)\b|requirements import)"),
        ("sentences", r"\bextract_sentences\(\)"),
    ],
)
def test_every_module_of_a_dear_stage_is_listed(stage: str, words: str) -> None:
    using = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("tests/**/test_*.py")
        if re.search(words, path.read_text("utf-8"), re.MULTILINE)
    }
    assert using == set(distribution.STAGED[stage])


@pytest.mark.parametrize("module", distribution.SHARING)
def test_what_shares_is_there(module: str) -> None:
    assert 'scope="module"' in (ROOT / module).read_text("utf-8")


class Two:
    """What the scheduler asks its configuration."""

    def getvalue(self, name: str) -> list[str]:
        assert name == "tx"
        return ["2*popen"]


def test_the_scheduler_asks_for_the_scope() -> None:
    scheduler = distribution.scheduler(Two(), None)
    assert scheduler._split_scope(f"{SHARED}[sqlite]") == f"{distribution.SHARING[0]}@sqlite"


def test_the_record_is_of_these_tests() -> None:
    # Some were renamed or are gone? Run: python -m tests.distribution report.xml
    addresses = [address.partition("::") for address in distribution.recorded_durations()]
    present = [
        (ROOT / module).exists() and f"def {name}(" in (ROOT / module).read_text("utf-8")
        for module, _, name in addresses
    ]
    assert sum(present) >= 0.8 * len(present)


def test_the_slow_tests_of_a_module_come_first_and_together(request: pytest.FixtureRequest) -> None:
    items = list(request.session.items)
    distribution.slow_first(items)
    slow = [item for item in items if distribution._seconds(item)]
    assert items[: len(slow)] == slow
    modules = [module for module, _ in itertools.groupby(slow, distribution._module)]
    assert len(modules) == len(set(modules))


def test_durations_are_read_from_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.a" name="test_b[1]" time="4.2"/>'
        '<testcase classname="tests.a" name="test_b[2]" time="7"/>'
        '<testcase classname="tests.a" name="test_c" time="0.1"/></testsuite></testsuites>',
        "utf-8",
    )
    distribution.record_durations(report, tmp_path / "durations.txt")
    assert (tmp_path / "durations.txt").read_text("utf-8") == "7 tests/a.py::test_b\n"
