"""The command line: `daybook <command>`.

Only the module of the chosen command is imported, and by its name: whoever asks for help or for the
health of a server does not wait for the web framework and the database library.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from app.cli.loading import load_module
from app.domain.refusal import (
    BadDefinition,
    DatabaseFault,
    DatabaseUnavailable,
    Refused,
    UnreadableDefinition,
    make_printable,
)

LONGEST_LINE = 2000


class ExitCode(IntEnum):
    """How every command ends; the manual's table says which of these is what."""

    WELL = 0
    FAULT_FOUND = 1
    UNUSABLE = 2
    COULD_NOT_LOOK = 3


_FAULTS = {
    DatabaseFault.AWAY: "the database cannot be used",
    DatabaseFault.BUSY: "the database is busy",
    DatabaseFault.CANNOT_WRITE: "the database cannot write",
}

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serving:declare_serve", "serve participants, staff and the EDC"),
    "health": ("health:declare_health", "ask a running server whether it is ready"),
    "demo": (
        "demonstration:declare_demo",
        "make a study with people who do not exist, print how to sign in, and serve it",
    ),
    "restore": (
        "upkeep.restore:declare_restore",
        "put a backup in the place of the database and begin its feeds anew",
    ),
    "migrate": ("databases:declare_migrate", "bring the database to this version's shape"),
    "check-questionnaires": (
        "checks:declare_check",
        "read every instrument, text and plan, and run the golden rows",
    ),
    "check-schedules": (
        "upkeep.schedules:declare_check_schedules",
        "compare every participant's forms with the plan",
    ),
    "amend": ("upkeep.amend:declare_amend", "let a running study follow another version of its plan"),
    "verify-audit": (
        "checks:declare_verify",
        "check every link of the audit trail and the feed, and every record against it",
    ),
    "clock": ("upkeep.clock_command:declare_clock", "confirm that the clock is right after it was in doubt"),
    "cut": ("datasets.cuts:declare_cut", "make a named data cut of a study"),
    "cuts": ("datasets.cuts:declare_cuts", "list the data cuts of a study"),
    "compare-cuts": ("datasets.cuts:declare_compare_cuts", "write what changed between two data cuts as CSV"),
    "export": ("datasets.export:declare_export", "write the datasets of a data cut to a folder"),
    "recheck": (
        "datasets.export:declare_recheck",
        "compute every score, baseline, change and rate of a data cut a second time",
    ),
    "score": ("scoring:declare_score", "score a CSV file of answers"),
    "screens": ("screens.export:declare_screens", "make pictures of every screen of an instrument"),
    "load-study": ("setup:declare_load_study", "open a study under a plan of the library"),
    "open-site": ("setup:declare_open_site", "open a site of a study"),
    "set-urgent-words": (
        "setup:declare_set_urgent_words",
        "set a site's words beside an answer that means call now",
    ),
    "create-user": (
        "setup:declare_create_user",
        "create a staff account; the password is read, never shown",
    ),
    "invite-user": (
        "setup:declare_invite_user",
        "create a staff account whose person chooses how to sign in; prints a link, once",
    ),
    "disable-user": ("setup:declare_disable_user", "close a staff account and its sessions at once"),
    "enable-user": ("setup:declare_enable_user", "open a disabled account again for the same person"),
    "reset-user": (
        "setup:declare_reset_user",
        "reset what somebody signs in with; prints a link to choose anew, once",
    ),
    "create-client": ("clients:declare_create_client", "create an EDC client; its secret is shown once"),
    "import-pack": (
        "packs:declare_import_pack",
        "store the official wording of a licensed instrument for a study",
    ),
    "check-packs": (
        "packs:declare_check_packs",
        "list the packs that every trial needs, and how long they are valid",
    ),
    "add-secret": ("clients:declare_add_secret", "give an EDC client a second secret, shown once"),
    "retire-secret": ("clients:declare_retire_secret", "stop the older of a client's two secrets"),
    "disable-client": ("clients:declare_disable_client", "stop an EDC client at once"),
}
"""Name → where its arguments are declared (`module:function` of this package) and its line of help.

The function adds the command's arguments to its parser and sets `run`, which takes the parsed arguments
and returns the exit code.
"""


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse what was typed after `daybook`; exits with 2 when it cannot be understood."""
    whole = argparse.ArgumentParser(
        prog="daybook",
        description="Patient-reported outcomes for trials. Settings come from DAYBOOK_… variables.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="command")
    for name, (target, summary) in COMMANDS.items():
        parser = commands.add_parser(name, help=summary, description=summary)
        if name in words[:1]:
            _load(target)(parser)
    return whole.parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return an `ExitCode`: 0 if all is well, 1 for a fault that it found, 2 for what it
    was given wrongly, and 3 if it could not look: what it needs is away, taken, full or of another version.
    """
    words = sys.argv[1:] if argv is None else argv
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        return _stop(f"unknown command {words[0]!r}; expected one of {', '.join(COMMANDS)}")
    try:
        arguments = parse_arguments(words)
        code: int = arguments.run(arguments)
        # Here, not when the interpreter ends: what cannot be printed was not done.
        sys.stdout.flush()
    except Refused as refused:
        return _stop(load_module("app.web.refusal_messages").explain_refusal(refused))
    except UnreadableDefinition as away:
        return _stop(str(away), ExitCode.COULD_NOT_LOOK)
    except BadDefinition as bad:
        return _stop(str(bad))
    except DatabaseUnavailable as away:
        return _stop(f"{_FAULTS[away.fault]}: {away.reason}", ExitCode.COULD_NOT_LOOK)
    except OSError as unusable:
        return _stop(_explain_os_error(unusable), ExitCode.COULD_NOT_LOOK)
    return code


def _load(target: str) -> Callable[..., str]:
    """Import the module that `module:function` names in this package; return its function."""
    module, _, name = target.partition(":")
    function: Callable[..., str] = getattr(load_module(f"{__name__}.{module}"), name)
    return function


def _explain_os_error(error: OSError) -> str:
    """Which file could not be used, and why, without the number that the system has for it."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def _stop(why: str, code: ExitCode = ExitCode.UNUSABLE) -> ExitCode:
    line = make_printable(" ".join(why.split()))
    print(f"daybook: {line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + '...'}", file=sys.stderr)
    return code
