"""The made-up trial as an export in a folder, and the programs of `docs/analysis` run on it."""

import subprocess
import sys
from pathlib import Path

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.export import ExportEntry, export_cut
from tests.analysis.simulated import CUT, CUT_AT
from tests.meta.sources import ROOT
from tests.scenarios.dataset_stage import STUDY

STARTERS = ROOT / "docs" / "analysis"


def export_trial(installation: Installation, folder: Path, formats: tuple[str, ...]) -> None:
    """Export the trial's cut as an operator does."""
    context = StaffContext(installation, SYSTEM, CUT_AT)
    export_cut(context, STUDY, ExportEntry(CUT, "starters", formats), folder)


def run_starter(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A program of `docs/analysis` with these arguments, as its manual says."""
    name, *arguments = map(str, words)
    command = ["Rscript", "--vanilla"] if name.endswith(".R") else [sys.executable]
    return subprocess.run(
        [*command, str(STARTERS / name), *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
