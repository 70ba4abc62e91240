"""`score`."""

import argparse
import errno
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from app.cli import ExitCode
from app.definitions.library import load_library
from app.domain.instruments.definition import Instrument
from app.i18n.languages import LANGUAGE_CODES
from app.services.datasets.scoring.score_file import ScoredFileCounts, score_file
from app.settings import Settings


def declare_score(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `score`."""
    parser.add_argument("--instrument", required=True, metavar="ID@VERSION", help="for example qlq-c30@3.0")
    parser.add_argument(
        "--missing",
        default=frozenset(),
        type=_read_codes,
        metavar="CODES",
        help="what stands for a missing answer besides an empty cell, for example NA,.,-9",
    )
    parser.add_argument(
        "--allow-line-breaks",
        action="store_true",
        help="let a quoted cell go on in the next line; without this such a file is refused",
    )
    parser.add_argument(
        "--report",
        metavar="REPORT.csv",
        type=Path,
        help="where to write what to check: rows, flags and answers by item, distribution by scale",
    )
    parser.add_argument("source", metavar="IN.csv", type=Path)
    parser.add_argument("target", metavar="OUT.csv", type=Path)
    parser.set_defaults(run=run_score)


def run_score(arguments: argparse.Namespace) -> int:
    name, _, version = arguments.instrument.partition("@")
    library = load_library(Settings.from_environment().questionnaires, LANGUAGE_CODES)
    instrument = library.get_instrument(name, version)
    if arguments.report and arguments.report.resolve() in (
        arguments.source.resolve(),
        arguments.target.resolve(),
    ):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(arguments.report))
    tally = score_atomically(
        instrument,
        arguments.source,
        arguments.target,
        arguments.missing,
        arguments.allow_line_breaks,
        arguments.report,
    )
    print(f"{tally.lines} lines read, {tally.rows} rows scored, {tally.flagged} with flags.", file=sys.stderr)
    return ExitCode.WELL


def _read_codes(text: str) -> frozenset[str]:
    return frozenset(code.strip() for code in text.split(",")) - {""}


def score_atomically(
    instrument: Instrument,
    source: Path,
    target: Path,
    missing: Collection[str] = (),
    allow_line_breaks: bool = False,
    report: Path | None = None,
) -> ScoredFileCounts:
    """Score a file; `target` and `report` appear whole or not at all."""
    with source.open(encoding="utf-8", newline="") as answers, ExitStack() as files:
        checks = files.enter_context(_whole_file(report)) if report else None
        scores = files.enter_context(_whole_file(target))
        return score_file(instrument, answers, scores, missing, allow_line_breaks, report=checks)


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A file that is written beside `path` and takes its place at the end, unless something fails."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    with _naming(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        with _naming(path):
            unfinished.chmod(0o644)
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An error is told of the file that was named, not of the one that is written beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
