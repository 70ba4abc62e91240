"""Whatever goes wrong while somebody answers, nothing that was acknowledged is lost and no screen lies."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.faults.__main__ import report
from tests.faults.acts import run_case
from tests.faults.cases import BADLY, SLIGHTLY, WEIGHTS, Act, Case, Keeping, draw_case
from tests.faults.forms import FORMS
from tests.faults.world import World, world

SEEDS = range(1, 21)
_FILLED = [("answer", 1)] * 5
MENDED = {
    "words wait while the PIN is asked": [
        *_FILLED[:1],
        ("idle", 1),
        ("answer", 1),
        ("wait", 1),
        ("answer", 1),
    ],
    "sent without the words that were lost": [
        *_FILLED,
        *(("offline", 1), ("answer", 2), ("send", 1), ("crash", 1), ("online", 1), ("open", 1), ("wait", 1)),
    ],
    "Send is taken back and its notice stays": [
        *_FILLED,
        *(("offline", 1), ("send", 1), ("answer", 3), ("online", 1), ("wait", 1)),
    ],
}
"""Cases in which the program was wrong, as acts on a diary."""


@pytest.fixture(scope="module")
def served(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for all of a process's seeds; every seed has a participant of its own."""
    folder = tmp_path_factory.mktemp("faults")
    shutil.copyfile(sqlite_template, folder / "daybook.sqlite3")
    with world(f"sqlite:///{folder / 'daybook.sqlite3'}", folder) as running_world:
        yield running_world


@pytest.mark.slow
@pytest.mark.req("OFF-00", "OFF-01", "OFF-02", "AVL-03", "CAP-14")
@pytest.mark.parametrize("seed", SEEDS)
def test_acknowledged_answers_are_stored_and_screens_agree(
    chromium: Browser, served: World, seed: int
) -> None:
    interleaving = run_case(served, chromium, draw_case(seed))
    assert interleaving.faults == [], report(seed, interleaving)


@pytest.mark.slow
@pytest.mark.req("OFF-00", "CAP-13")
@pytest.mark.parametrize("name", MENDED)
def test_past_failures_stay_mended(chromium: Browser, served: World, name: str) -> None:
    acts = tuple(Act(kind, 0, value, 0.05) for kind, value in MENDED[name])
    interleaving = run_case(served, chromium, Case("diary", Keeping.outbox, (0, 0), acts))
    assert interleaving.faults == [], report(0, interleaving)


def test_the_seeds_of_the_test_command_do_everything() -> None:
    cases = [draw_case(seed) for seed in SEEDS]
    assert {act.kind for case in cases for act in case.acts} == set(WEIGHTS)
    assert {(case.form, case.keeping) for case in cases} == set(product(FORMS, Keeping))
    off = [case.clocks[phone] for case in cases for phone in {0, *(act.phone for act in case.acts)}]
    assert any(-SLIGHTLY <= clock < 0 for clock in off)
    assert any(0 < clock <= SLIGHTLY for clock in off)
    assert any(-BADLY <= clock < -SLIGHTLY for clock in off)
    assert any(SLIGHTLY < clock <= BADLY for clock in off)
    assert 0 in off
    assert draw_case(7) == draw_case(7)
