"""Whatever goes wrong while somebody answers, nothing that was acknowledged is lost and no screen lies."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.faults.__main__ import report
from tests.faults.interleaving import WEIGHTS, drawn, run
from tests.faults.world import World, world

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for all of a process's seeds; every seed has a participant of its own."""
    folder = tmp_path_factory.mktemp("faults")
    with world(f"sqlite:///{folder / 'daybook.sqlite3'}", folder) as made:
        yield made


@pytest.mark.slow
@pytest.mark.req("OFF-00", "OFF-01", "OFF-02", "AVL-03", "CAP-14")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_acknowledged_is_kept_and_the_screen_was_true(
    chromium: Browser, served: World, seed: int
) -> None:
    made = run(served, chromium, seed)
    assert made.faults == [], report(seed, made)


def test_the_seeds_of_the_test_command_do_everything() -> None:
    done = {act.kind for seed in SEEDS for act in drawn(seed)}
    assert done == set(WEIGHTS)
    assert drawn(7) == drawn(7)
