"""`score`."""

import argparse
import errno
import os
import sys
import tempfile
from pathlib import Path

from app.definitions.library import load_library
from app.domain.instruments.definition import Instrument
from app.i18n.languages import LANGUAGE_CODES
from app.services.datasets.score_file import Tally, score_file
from app.settings import Settings


def declare_score(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `score`."""
    parser.add_argument("--instrument", required=True, metavar="ID@VERSION", help="for example qlq-c30@3.0")
    parser.add_argument("source", metavar="IN.csv", type=Path)
    parser.add_argument("target", metavar="OUT.csv", type=Path)
    parser.set_defaults(run=run_score)


def run_score(arguments: argparse.Namespace) -> int:
    name, _, version = arguments.instrument.partition("@")
    library = load_library(Settings.from_environment().questionnaires, LANGUAGE_CODES)
    instrument = library.instrument(name, version)
    tally = score_atomically(instrument, arguments.source, arguments.target)
    print(f"{tally.rows} rows scored, {tally.flagged} with flags.", file=sys.stderr)
    return 0


def score_atomically(instrument: Instrument, source: Path, target: Path) -> Tally:
    """Score a file; `target` appears whole or not at all."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    with source.open(encoding="utf-8", newline="") as answers:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as scores:
                tally = score_file(instrument, answers, scores)
            unfinished.chmod(0o644)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return tally
