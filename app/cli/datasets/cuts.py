"""Data cuts: `cut`, `cuts`, `compare-cuts`."""

import argparse
import sys
from dataclasses import astuple, fields
from pathlib import Path

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.domain.datasets.changes import DataChange
from app.domain.records.audit import format_instant
from app.domain.spreadsheets import MARK, write_lines
from app.services.datasets.cut_changes import export_changes
from app.services.datasets.cuts import NamedCut, list_cuts, make_cut


def declare_cut(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `cut`."""
    parser.add_argument("study")
    parser.add_argument("name", help="letters A to Z, digits, full stops, hyphens, underscores; at most 20")
    parser.add_argument("--purpose", required=True, help="what the cut is for; it stands in the audit trail")
    parser.set_defaults(run=run_cut)


def declare_cuts(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `cuts`."""
    parser.add_argument("study")
    parser.set_defaults(run=run_cuts)


def declare_compare_cuts(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `compare-cuts`."""
    parser.add_argument("study")
    parser.add_argument("older")
    parser.add_argument("newer")
    parser.add_argument("target", metavar="OUT.csv", type=Path)
    parser.add_argument("--purpose", required=True, help="what it is for; it stands in the audit trail")
    parser.set_defaults(run=run_compare_cuts)


def run_cut(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        cut = make_cut(context, arguments.study, arguments.name, arguments.purpose)
    print(_described(cut.cut) + (" (made before)" if cut.known else ""))
    return ExitCode.WELL


def run_cuts(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        for cut in list_cuts(context, arguments.study):
            print(f"{_described(cut)}: {cut.purpose}")
    return ExitCode.WELL


def run_compare_cuts(arguments: argparse.Namespace) -> int:
    """Write every change after the older cut through the newer one to a CSV file."""
    count = 0
    with operator_context() as context:
        changes = export_changes(
            context, arguments.study, arguments.older, arguments.newer, arguments.purpose
        )
        with arguments.target.open("w", encoding="utf-8", newline="") as file:
            file.write(MARK + write_lines([[field.name for field in fields(DataChange)]]))
            for change in changes:
                file.write(write_lines([astuple(change)]))
                count += 1
    print(f"{count} changes after {arguments.older} through {arguments.newer}.", file=sys.stderr)
    return ExitCode.WELL


def _described(cut: NamedCut) -> str:
    return f"{cut.name}: number {cut.through} of the feed, as of {format_instant(cut.at)}"
