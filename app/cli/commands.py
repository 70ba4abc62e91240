"""What the groups of commands share."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.domain.records.access import Actor, ActorKind

if TYPE_CHECKING:  # argparse's own name is generic only for type checkers
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name
else:
    Commands = argparse.Action

Run = Callable[[argparse.Namespace], int]

OPERATOR = Actor(ActorKind.SYSTEM, "command-line", "operator")
"""Whoever may start programs on the server; the trail says that it was done there."""


def add_command(commands: Commands, name: str, told: str, run: Run) -> argparse.ArgumentParser:
    """Add one command with its one-line description."""
    added = commands.add_parser(name, help=told, description=told)
    added.set_defaults(run=run)
    return added
