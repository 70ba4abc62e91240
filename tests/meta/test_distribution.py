"""Tests that share something dear stay together; the rest are free."""

from pathlib import Path

import pytest

from tests import distribution

ROOT = Path(__file__).parents[2]
DEMO = "tests/services/test_demo.py::test_every_state_is_to_be_seen"


def test_tests_of_one_demonstration_share_a_scope() -> None:
    sqlite = {distribution.scope_of(f"{DEMO}[sqlite]"), distribution.scope_of(f"{DEMO}[sqlite-1]")}
    assert sqlite == {"tests/services/test_demo.py@sqlite"}
    assert distribution.scope_of(f"{DEMO}[postgresql]") == "tests/services/test_demo.py@postgresql"
    assert distribution.scope_of(DEMO) == "tests/services/test_demo.py@"
    free = "tests/services/test_entry.py::test_a[sqlite]"
    assert distribution.scope_of(free) == free


@pytest.mark.parametrize("module", distribution.SHARING)
def test_what_shares_is_there(module: str) -> None:
    assert 'scope="module"' in (ROOT / module).read_text("utf-8")


class Two:
    """What the scheduler asks its configuration."""

    def getvalue(self, name: str) -> list[str]:
        assert name == "tx"
        return ["2*popen"]


def test_the_scheduler_asks_for_the_scope() -> None:
    made = distribution.scheduler(Two(), None)
    assert made._split_scope(f"{DEMO}[sqlite]") == "tests/services/test_demo.py@sqlite"
