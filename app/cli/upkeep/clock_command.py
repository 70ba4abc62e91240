"""`clock confirm`: an operator says that the wall clock is right."""

import argparse

from app.cli import ExitCode
from app.cli.operator import OPERATOR, configured_installation
from app.clock import read_boot_id, read_clocks
from app.domain.records.audit import format_instant
from app.services.audit.clock_confirmation import confirm_clock
from app.services.core.context import StaffContext


def declare_clock(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `clock`: `confirm` is its one act."""
    acts = parser.add_subparsers(required=True, metavar="confirm")
    summary = "say that this machine's clock is right as it shows now"
    confirm = acts.add_parser("confirm", help=summary, description=summary)
    confirm.add_argument("--reason", required=True, help="why it was in doubt; it stands in the audit trail")
    confirm.set_defaults(run=run_confirm)


def run_confirm(arguments: argparse.Namespace) -> int:
    reading = read_clocks()
    with configured_installation() as installation:
        context = StaffContext(installation, OPERATOR, reading.wall)
        confirm_clock(context, reading, read_boot_id(), arguments.reason)
    print(f"The clock of this machine is confirmed: {format_instant(reading.wall)}.")
    return ExitCode.WELL
