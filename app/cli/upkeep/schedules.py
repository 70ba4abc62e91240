"""`check-schedules`."""

import argparse
import sys

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.domain.plans.schedule_faults import ScheduleFaultKind
from app.services.schedule.schedule_check import check_schedules, mend_schedule

_SENTENCES = {
    ScheduleFaultKind.empty_day: "the diary has no form {one} for {other}",
    ScheduleFaultKind.moved_window: "{one} would open at {other} by the plan; it is stored otherwise",
    ScheduleFaultKind.overlap: "{one} and {other} are open on one day",
    ScheduleFaultKind.contradiction: "{one} is dated before {other}",
    ScheduleFaultKind.earlier_plan: "follows plan {one}, the study {other}: `amend` is not finished",
}


def declare_check_schedules(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check-schedules`."""
    parser.add_argument(
        "--mend",
        action="store_true",
        help="make missing diary days that can still be entered, move windows that nobody has begun",
    )
    parser.set_defaults(run=run_check_schedules)


def run_check_schedules(arguments: argparse.Namespace) -> int:
    """Compare every participant's forms with the plan and name what differs."""
    count = 0
    with operator_context() as context:
        for faults in check_schedules(context):
            for fault in faults.faults:
                sentence = _SENTENCES[fault.kind].format(one=fault.one, other=fault.other)
                print(f"{faults.subject}: {sentence}", file=sys.stderr)
            mended = arguments.mend and mend_schedule(context, faults)
            count += 0 if mended else 1
    print(f"{count} participants to look at." if count else "All forms are as the plan promises.")
    return ExitCode.FAULT_FOUND if count else ExitCode.WELL
