"""`export`, the datasets of a cut in a folder, and `recheck`, the same computed a second time."""

import argparse
import sys
from pathlib import Path

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.services.datasets.export import FORMATS, OMITTED, ExportEntry, export_cut
from app.services.datasets.parquet import PARQUET
from app.services.datasets.recheck.cut_recheck import recheck_cut

_STEPS = 20
"""How often progress is shown."""


def declare_export(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    parser.add_argument("study")
    parser.add_argument("--cut", required=True, metavar="NAME")
    parser.add_argument("--to", required=True, metavar="FOLDER", type=Path, help="a new folder")
    parser.add_argument("--purpose", required=True, help="what it is for; it stands in the audit trail")
    parser.add_argument(
        "--format",
        action="append",
        choices=(*FORMATS, PARQUET),
        help="without it, all but Parquet; may be repeated",
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=tuple(OMITTED), help="leave out; may be repeated"
    )
    parser.add_argument("--bom", action="store_true", help="begin CSV files with a mark for spreadsheets")
    parser.set_defaults(run=run_export)


def declare_recheck(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `recheck`."""
    parser.add_argument("study")
    parser.add_argument("--cut", required=True, metavar="NAME")
    parser.set_defaults(run=run_recheck)


def run_recheck(arguments: argparse.Namespace) -> int:
    """Say of each kind of figure how many are equal, and name the first that are not."""
    with operator_context() as context:
        checked = recheck_cut(context, arguments.study, arguments.cut, show_export_progress)
    for figures in checked:
        print(f"{figures.kind}: {figures.equal} of {figures.total} equal")
        for difference in figures.differences:
            print(difference, file=sys.stderr)
    return (
        ExitCode.WELL if all(figures.equal == figures.total for figures in checked) else ExitCode.FAULT_FOUND
    )


def run_export(arguments: argparse.Namespace) -> int:
    entry = ExportEntry(
        cut=arguments.cut,
        purpose=arguments.purpose,
        formats=tuple(arguments.format or FORMATS),
        without=frozenset(arguments.without),
        with_mark=arguments.bom,
    )
    with operator_context() as context:
        exported = export_cut(context, arguments.study, entry, arguments.to, show_export_progress)
    for file in exported.files:
        records = "" if file.records is None else f", {file.records} records"
        if file.fault:
            print(f"{file.name}: not written: {file.fault}", file=sys.stderr)
        else:
            print(f"{file.name}: {file.size} bytes{records}")
    return ExitCode.FAULT_FOUND if any(file.fault for file in exported.files) else ExitCode.WELL


def show_export_progress(done: int, total: int) -> None:
    """Show how far an export is, a twentieth of its participants at a time."""
    step = max(1, total // _STEPS)
    if done % step == 0 or done == total:
        print(f"{done} of {total} participants", file=sys.stderr)
