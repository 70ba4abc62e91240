"""EDC clients after their creation: `add-secret`, `retire-secret`, `disable-client`."""

import argparse

from app.cli.commands import OPERATOR, Commands, add_command
from app.clock import now
from app.main import open_installation
from app.services.accounts.edc_clients import add_secret, disable_client, retire_secret
from app.services.core.context import StaffContext
from app.settings import Settings


def add_to(commands: Commands) -> None:
    """Add these commands."""
    adding = add_command(
        commands, "add-secret", "give an EDC client a second secret, shown once", run_add_secret
    )
    retiring = add_command(
        commands, "retire-secret", "stop the older of a client's two secrets", run_retire_secret
    )
    disabling = add_command(commands, "disable-client", "stop an EDC client at once", run_disable_client)
    for each in (adding, retiring, disabling):
        each.add_argument("client")
    disabling.add_argument("--reason", required=True)


def run_add_secret(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    print(f"client_secret {add_secret(StaffContext(installation, OPERATOR, now()), arguments.client)}")
    return 0


def run_retire_secret(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    retire_secret(StaffContext(installation, OPERATOR, now()), arguments.client)
    print(f"Only the newer secret of {arguments.client} works now.")
    return 0


def run_disable_client(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    disable_client(StaffContext(installation, OPERATOR, now()), arguments.client, arguments.reason)
    print(f"{arguments.client} is disabled.")
    return 0
