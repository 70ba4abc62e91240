"""Measures scoring a file of forms by `daybook score`."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import Figure, at_most
from bench.programs import ProgramUse, run_program
from bench.run import Run

FORMS = 1_000_000
_MOST_GROWTH = 10.0
"""Megabytes: memory must not depend on the length of the file."""
_MOST_SHARE = 20.0
"""Percent of the CPU that the same forms take when they are scored one by one."""
_COMMAND = ("-m", "app", "score", "--instrument", "qlq-c30@3.0")
_ONE_BY_ONE = (
    "-c",
    """
import sys
from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from app.services.datasets.scoring.score_file import score_file
from app.settings import Settings

library = load_library(Settings.from_environment().questionnaires, LANGUAGE_CODES)
with open(sys.argv[1], encoding="utf-8", newline="") as answers:
    with open(sys.argv[2], "w", encoding="utf-8", newline="") as scores:
        score_file(library.get_instrument("qlq-c30", "3.0"), answers, scores, by_columns=False)
""",
)


def scoring(run: Run) -> Iterator[Figure]:
    """Measure CPU, reading and writing CSV included, and memory, which must not grow with the file."""
    forms = run.scale.of(FORMS, 2000)
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few.csv", Path(name) / "many.csv"
        _write(few, 100)
        _write(many, forms)
        tiny = run.scale.tiny
        least, most = _score(few, tiny), _score(many, tiny)
        scores = many.with_suffix(".out").read_bytes()
        alone = _score(many, tiny, _ONE_BY_ONE).seconds - _score(few, tiny, _ONE_BY_ONE).seconds
        if many.with_suffix(".out").read_bytes() != scores:
            raise RuntimeError("scored together, the forms have other scores")
    start, grown = least.seconds, most.seconds - least.seconds
    whole = start + grown * FORMS / forms
    counted = "" if forms == FORMS else f" (reckoned from {forms:,})"
    yield at_most(f"score {FORMS:,} forms{counted}, CPU", whole, 20, lambda value: f"{value:.1f} s")
    share = 100 * grown / max(alone, 0.001)
    yield at_most("... of the CPU for one by one", share, _MOST_SHARE, lambda value: f"{value:.1f} %")
    yield at_most(
        "... memory above that for 100 forms",
        most.megabytes - least.megabytes,
        _MOST_GROWTH,
        lambda value: f"{value:.0f} MB",
    )


def _write(path: Path, forms: int) -> None:
    """Forms with every answer and with some missing, hardly two of them alike."""
    with path.open("w", encoding="utf-8") as file:
        file.write("row," + ",".join(f"q{number}" for number in range(1, 31)) + "\n")
        for row in range(forms):
            drawn = row * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407
            cells = [str((drawn >> (2 * item)) % 4 + 1) for item in range(28)]
            cells += [str((drawn >> 40) % 7 + 1), str((drawn >> 44) % 7 + 1)]
            if row % 10 == 0:
                cells[row // 10 % 30] = ""
            file.write(f"{row}," + ",".join(cells) + "\n")


def _score(source: Path, forked: bool, program: Sequence[str] = _COMMAND) -> ProgramUse:
    """Run `daybook score`, or another program, on this file."""
    return run_program([*program, str(source), str(source.with_suffix(".out"))], forked=forked)
