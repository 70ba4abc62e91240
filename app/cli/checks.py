"""`check-questionnaires` and `verify-audit`."""

import argparse
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.cli import ExitCode
from app.cli.operator import configured_installation
from app.definitions.golden import check_golden
from app.definitions.library import load_library
from app.definitions.publishing import list_drafts, publish_definitions
from app.definitions.reading import read_definition
from app.domain.refusal import BadDefinition, UnreadableDefinition
from app.domain.toml_section import WHOLE_FILE
from app.i18n.languages import LANGUAGE_CODES
from app.services.audit.audit_verification import FACTS_SINCE, TrailReport, inspect_trail
from app.services.audit.external_heads import BadHeads, ExternalHead, list_heads, parse_heads
from app.settings import Settings

MOST_HEADS = 256 * 1024 * 1024
"""So many bytes a file of heads may have: those of a million participants."""


def declare_check(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check-questionnaires`."""
    parser.add_argument(
        "--publish", action="store_true", help="lock the digests of new files; locked ones never change"
    )
    parser.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    root = Settings.from_environment().questionnaires
    try:
        _check(root, arguments.publish)
    except UnreadableDefinition:
        raise
    except BadDefinition as bad:
        print(f"daybook: {bad}", file=sys.stderr)
        return ExitCode.FAULT_FOUND
    return ExitCode.WELL


def _check(root: Path, publishing: bool) -> None:
    library = load_library(root, LANGUAGE_CODES)
    agreed = check_golden(library)
    print(f"{len(library.instruments)} instruments, {len(library.texts)} texts, {len(library.plans)} plans")
    for agreement in agreed:
        print(f"{agreement.instrument}: {agreement.rows} golden rows, {agreement.values} scores agree.")
    for name in list_drafts(library):
        print(f"draft, for the demonstration alone: {name}")
    for name in publish_definitions(library) if publishing else ():
        print(f"published {name}")


def declare_verify(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `verify-audit`."""
    parser.add_argument(
        "--heads", type=Path, metavar="FILE", help="compare with heads that were kept elsewhere, too"
    )
    parser.add_argument(
        "--save-heads", type=Path, metavar="FILE", help="write the heads of today, to be kept elsewhere"
    )
    parser.set_defaults(run=run_verify)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify, and say what was found.

    Raises DatabaseUnavailable for a database that is away, BadDefinition for an unusable file of heads.
    """
    heads = _read_heads(arguments.heads) if arguments.heads else []
    try:
        with configured_installation() as installation:
            report = inspect_trail(installation, heads, show_progress)
            lines = list_heads(installation) if arguments.save_heads else []
    except SQLAlchemyError as unreadable:  # a table or column is gone: no fault of the trail was found
        why = str(getattr(unreadable, "orig", None) or unreadable).strip().splitlines()[0]
        print(f"daybook: the database could not be read: {why}", file=sys.stderr)
        return ExitCode.COULD_NOT_LOOK
    for fault in report.faults:
        where = f" {fault.record} {fault.field}" if fault.record else ""
        print(f"{fault.chain} {fault.seq}:{where} {fault.what}", file=sys.stderr)
    if arguments.save_heads:
        arguments.save_heads.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    print_report(report, len(heads))
    return ExitCode.FAULT_FOUND if report.faults else ExitCode.WELL


def _read_heads(path: Path) -> list[ExternalHead]:
    text = read_definition(path, str(path), MOST_HEADS)
    try:
        return parse_heads(text)
    except BadHeads as bad:
        raise BadDefinition(str(path), WHOLE_FILE, str(bad), "heads as --save-heads writes them") from bad


def show_progress(entries: int) -> None:
    """Say how far the reading has come."""
    print(f"{entries:,} entries", file=sys.stderr, flush=True)


def print_report(report: TrailReport, heads: int) -> None:
    """Say what was compared, what could not be proven, and what was found."""
    print(f"{report.entries:,} entries, {report.records:,} records, {heads:,} external heads compared.")
    if report.old_entries:
        print(
            f"Not provable before version {FACTS_SINCE}: {report.old_entries:,} entries do not say what they"
            f" left, so {report.unproven:,} records are not wholly proven."
        )
    if report.unscored:
        print(f"Not scored again: {report.unscored:,} responses, whose instrument or plan is not here.")
    if report.redacted:
        print(f"Taken away: the words of {report.redacted:,} reasons.")
    if not heads:
        print("Without external heads (--heads FILE) a wholly rewritten trail cannot be seen.")
    print(f"{len(report.faults):,} faults in the trail." if report.faults else "The trail is whole.")
