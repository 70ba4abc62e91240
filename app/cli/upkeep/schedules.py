"""`check-schedules`."""

import argparse
import sys

from app.cli.operator import operator_context
from app.services.schedule.schedule_check import check_schedules, mend_schedule


def declare_check_schedules(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check-schedules`."""
    parser.add_argument(
        "--mend", action="store_true", help="make diary days that are missing and can still be entered"
    )
    parser.set_defaults(run=run_check_schedules)


def run_check_schedules(arguments: argparse.Namespace) -> int:
    """Compare every participant's forms with the plan and name what differs."""
    context = operator_context()
    count = 0
    for found in check_schedules(context):
        for fault in found.faults:
            print(f"{found.subject}: {fault.kind.value} {fault.one} {fault.other}", file=sys.stderr)
        mended = arguments.mend and mend_schedule(context, found)
        count += 0 if mended else 1
    print(f"{count} participants to look at." if count else "All forms are as the plan promises.")
    return 1 if count else 0
