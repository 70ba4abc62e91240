"""`amend`: a running study follows another version of its plan."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.clock import now
from app.domain.people.names import parse_reason
from app.domain.plans.rescheduling import SlotMove
from app.domain.plans.windows import Window
from app.services.core.context import StaffContext
from app.services.schedule.amendment.amendments import (
    Amendment,
    ParticipantMove,
    begin_amendment,
    follow_amendment,
    open_amendment,
    preview_moves,
)

NAMED = 4
"""So many forms are named one by one; of more the first ones and the last."""


def declare_amend(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `amend`."""
    parser.add_argument("study")
    parser.add_argument("--plan", required=True, metavar="VERSION", help="the version to follow from now on")
    parser.add_argument("--reason", required=True, help="what the trail says of it")
    parser.add_argument("--dry-run", action="store_true", help="show what it would do, and change nothing")
    parser.add_argument(
        "--confirm-missed",
        action="store_true",
        help="make forms missed whose new window is over; without it nothing is changed",
    )
    parser.set_defaults(run=run_amend)


def run_amend(arguments: argparse.Namespace) -> int:
    """Show what it would do; then move the study, and each participant who does not follow it yet."""
    parse_reason(arguments.reason)
    with operator_context() as context:
        amendment = open_amendment(context, arguments.study, arguments.plan)
        if amendment.begun and not amendment.waiting:
            print(f"{arguments.study} follows plan {arguments.plan} already; there is nothing to do.")
            return ExitCode.WELL
        print(_headline(arguments.study, amendment))
        missed = _preview(context, amendment, shown=arguments.dry_run)
        if missed and not arguments.confirm_missed:
            print(
                f"daybook: {missed} forms would be missed at once; --confirm-missed lets them be",
                file=sys.stderr,
            )
        if arguments.dry_run:
            print("Nothing was changed.")
            return ExitCode.WELL
        if missed and not arguments.confirm_missed:
            return ExitCode.FAULT_FOUND
        return _amend(context, amendment, arguments)


def _headline(study: str, amendment: Amendment) -> str:
    people = f"{len(amendment.waiting)} participants"
    if amendment.begun:
        return f"{study} follows plan {amendment.plan.version}; {people} do not yet."
    return f"{study} follows plan {amendment.present}; plan {amendment.plan.version} is for {people}."


def _preview(context: StaffContext, amendment: Amendment, *, shown: bool) -> int:
    """How many forms would be missed at once by it."""
    missed = 0
    for move in preview_moves(context, amendment):
        missed += len(move.proposal.would_be_missed)
        if shown:
            print(_describe(move, amendment.plan.version))
    return missed


def _amend(context: StaffContext, amendment: Amendment, arguments: argparse.Namespace) -> int:
    """Begin, and let one after another follow; whoever was enrolled meanwhile too."""
    if not amendment.begun:
        begin_amendment(context, amendment, arguments.reason)
    while amendment.waiting:
        for participant_id in amendment.waiting:
            current = replace(context, at=now())
            move = follow_amendment(
                current, amendment, participant_id, arguments.reason, arguments.confirm_missed
            )
            if move is not None:
                print(_describe(move, amendment.plan.version))
        amendment = open_amendment(context, arguments.study, arguments.plan)
    print(f"{arguments.study} and everybody in it follow plan {arguments.plan}.")
    return ExitCode.WELL


def _describe(move: ParticipantMove, version: str) -> str:
    """One line: how many forms follow, and which are new, moved, gone or would be missed."""
    parts = [f"{len(move.following)} forms follow {version}"]
    for label, moves in (("new", move.appearing), ("moved", move.moving), ("gone", move.vanishing)):
        if moves:
            parts.append(f"{label}: {_list([_name(move) for move in moves])}")
    if missed := move.proposal.would_be_missed:
        parts.append(f"missed at once: {_list([f'{visit} {form}' for visit, form in missed])}")
    return f"{move.subject}: {'; '.join(parts)}"


def _name(move: SlotMove) -> str:
    visit, instrument = move.key
    old = move.standing.planned.window if move.standing is not None else None
    new = move.planned.window if move.planned is not None else None
    days = " to ".join(_days(window) for window in (old, new) if window is not None)
    return f"{visit} {instrument} {days}".rstrip()


def _days(window: Window) -> str:
    return f"{window.opens_on}/{window.closes_on}"


def _list(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: NAMED - 1])}, … {names[-1]} ({len(names)} in all)"
