"""Instrument packs: `import-pack` and `check-packs`."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from app.cli import ExitCode
from app.cli.operator import configured_installation, operator_context
from app.clock import now
from app.definitions.reading import read_definition
from app.domain.instruments.pack import PackValidity
from app.services.setup.packs import PackStatus, import_pack, list_all_pack_statuses, packs_needing_attention

_SENTENCES = {
    PackValidity.MISSING: "MISSING: nobody can be enrolled",
    PackValidity.ALTERED: "ALTERED in the database: it is not shown",
    PackValidity.EXPIRED: "EXPIRED on {on}: begun forms may be finished, no other may begin",
    PackValidity.ENDS_SOON: "ends soon: valid until {on}, days left: {left}",
    PackValidity.VALID: "valid until {on}, days left: {left}",
}


def declare_import_pack(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `import-pack`."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--study", required=True)
    parser.set_defaults(run=run_import)


def declare_check_packs(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check-packs`: there are none."""
    parser.set_defaults(run=run_check)


def run_import(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        content = read_definition(arguments.file, arguments.file.name)
        pack, is_new = import_pack(context, arguments.study, content, arguments.file.name)
    words = f"{pack.text.instrument} {pack.text.version} in {pack.text.lang}"
    if not is_new:
        print(f"{words}: this very pack is there already; nothing was changed.")
        return ExitCode.WELL
    print(f"{words}: imported for {pack.study}, valid until {pack.valid_until}.\nSHA-256 {pack.text.sha256}")
    return ExitCode.WELL


def run_check(_arguments: argparse.Namespace) -> int:
    with configured_installation() as installation:
        statuses = list_all_pack_statuses(installation, now())
    print_statuses(statuses)
    if not statuses:
        print("No trial here needs a pack.")
    pressing = packs_needing_attention(statuses)
    return (
        ExitCode.FAULT_FOUND
        if any(status.standing is not PackValidity.ENDS_SOON for status in pressing)
        else ExitCode.WELL
    )


def print_statuses(statuses: Iterable[PackStatus]) -> None:
    """Print one line for each instrument and language."""
    for status in statuses:
        how = _SENTENCES[status.standing].format(on=status.valid_until, left=status.remaining_days)
        print(f"{status.study}: {status.instrument} {status.version} in {status.language}: {how}")
