"""EDC clients: `create-client`, `add-secret`, `retire-secret`, `disable-client`."""

import argparse

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.domain.records.access import Scope
from app.services.accounts.edc_clients import add_secret, disable_client, retire_secret
from app.services.setup.studies import create_client


def declare_create_client(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `create-client`."""
    parser.add_argument("study")
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--scope", action="append", type=Scope, choices=tuple(Scope), metavar="SCOPE", required=True
    )
    parser.add_argument("--site", action="append", help="without it, every site of the study")
    parser.set_defaults(run=run_create_client)


def declare_add_secret(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `add-secret`."""
    parser.add_argument("client")
    parser.set_defaults(run=run_add_secret)


def declare_retire_secret(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `retire-secret`."""
    parser.add_argument("client")
    parser.set_defaults(run=run_retire_secret)


def declare_disable_client(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `disable-client`."""
    parser.add_argument("client")
    parser.add_argument("--reason", required=True)
    parser.set_defaults(run=run_disable_client)


def run_create_client(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        client = create_client(context, arguments.study, arguments.name, arguments.scope, arguments.site)
    print(f"client_id {client.client_id}\nclient_secret {client.secret} (shown once)")
    return ExitCode.WELL


def run_add_secret(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        print(f"client_secret {add_secret(context, arguments.client)}")
    return ExitCode.WELL


def run_retire_secret(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        retire_secret(context, arguments.client)
    print(f"Only the newer secret of {arguments.client} works now.")
    return ExitCode.WELL


def run_disable_client(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        disable_client(context, arguments.client, arguments.reason)
    print(f"{arguments.client} is disabled.")
    return ExitCode.WELL
