"""Instrument packs: `import-pack` and `check-packs`."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from app.cli.commands import OPERATOR, Commands, add_command
from app.clock import now
from app.domain.instruments.pack import PackValidity
from app.domain.refusal import BadDefinition
from app.main import open_installation
from app.services.core.context import StaffContext
from app.services.setup.packs import PackStatus, import_pack, list_all_pack_statuses, packs_needing_attention
from app.settings import Settings

_TOLD = {
    PackValidity.MISSING: "MISSING: nobody can be enrolled",
    PackValidity.ALTERED: "ALTERED in the database: it is not shown",
    PackValidity.EXPIRED: "EXPIRED on {on}: begun forms may be finished, no other may begin",
    PackValidity.ENDS_SOON: "ends soon: valid until {on}, days left: {left}",
    PackValidity.VALID: "valid until {on}, days left: {left}",
}


def add_to(commands: Commands) -> None:
    """Add these commands."""
    told = "store the official wording of a licensed instrument for a study"
    importing = add_command(commands, "import-pack", told, run_import)
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--study", required=True)
    told = "list the packs that every trial needs, and how long they are valid"
    add_command(commands, "check-packs", told, run_check)


def run_import(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    content = _read(arguments.file)
    pack, is_new = import_pack(
        StaffContext(installation, OPERATOR, now()), arguments.study, content, arguments.file.name
    )
    words = f"{pack.text.instrument} {pack.text.version} in {pack.text.lang}"
    if not is_new:
        print(f"{words}: this very pack is there already; nothing was changed.")
        return 0
    print(f"{words}: imported for {pack.study}, valid until {pack.valid_until}.\nSHA-256 {pack.text.sha256}")
    return 0


def run_check(_arguments: argparse.Namespace) -> int:
    found = list_all_pack_statuses(open_installation(Settings.from_environment()), now())
    print_statuses(found)
    if not found:
        print("No trial here needs a pack.")
    return (
        1
        if any(each.standing is not PackValidity.ENDS_SOON for each in packs_needing_attention(found))
        else 0
    )


def print_statuses(found: Iterable[PackStatus]) -> None:
    """One line for each instrument and language."""
    for each in found:
        how = _TOLD[each.standing].format(on=each.valid_until, left=each.days_left)
        print(f"{each.study}: {each.instrument} {each.version} in {each.language}: {how}")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as unreadable:
        raise BadDefinition(path.name, "file", str(unreadable), "a readable file in UTF-8") from unreadable
