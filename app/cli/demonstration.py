"""`demo`: make the demonstration where there is none, print how to sign in, and serve it."""

import argparse
import io
import json
import os
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyotp

from app.cli import ExitCode
from app.cli.databases import prepare_database
from app.cli.serving import require_free_port, serve_application
from app.cli.worker import load_application
from app.clock import now
from app.demo.demonstration import (
    Demonstration,
    DemoSecrets,
    demonstration_exists,
    list_sign_ins,
    make_demonstration,
)
from app.domain.refusal import BadDefinition, Refused
from app.i18n.catalogues import Catalogues
from app.installation import open_installation
from app.notify.console import ConsoleChannel
from app.services.accounts.contacts import ContactChannel
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import ReminderTexts
from app.services.setup.key_canary import lay_canary
from app.settings import Settings
from app.storage.database.sqlite_file import serving_lock
from app.storage.revisions import current_revision
from app.web.middleware.logs import configure_logging

HOST = "127.0.0.1"
QUICK = HashCost(passes=1, memory_kib=8, lanes=1)
"""Protects nothing: every PIN and password of the demonstration is printed."""
TOKEN_PATH = "/api/edc/v1/oauth/token"  # noqa: S105 - an address, no secret
_COMPANIONS = ("", "-wal", "-shm")


@dataclass(slots=True)
class ProgressLines:
    """Prints a line on standard error for each tenth of the work: readable in a terminal and in a log."""

    tenths: int = 0

    def print_progress(self, done: int, total: int, reached: datetime) -> None:
        """Print a line when another tenth is done."""
        tenths = 10 * done // total
        if tenths > self.tenths:
            self.tenths = tenths
            print(f"  {tenths * 10:3} %: until {reached:%Y-%m-%d}", file=sys.stderr, flush=True)


def declare_demo(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `demo`."""
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--reset", action="store_true", help="throw the demonstration's file away and begin anew"
    )
    parser.add_argument("--no-serve", action="store_true", help="make it and print, but do not serve")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write how to sign in as JSON too")
    parser.set_defaults(run=run_demo)


def run_demo(arguments: argparse.Namespace) -> int:
    settings = Settings.for_demo(arguments.port)
    file = _file(settings)
    if arguments.reset and file is None:
        raise BadDefinition(
            "command line", "--reset", True, "SQLite files only; empty the server's database yourself"
        )
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    # Printing how to sign in disturbs no server; serving beside one or clearing under it would.
    alone = arguments.reset or not arguments.no_serve
    with serving_lock(settings.database_url) if alone else nullcontext():
        if not arguments.no_serve:
            require_free_port(HOST, arguments.port)  # before anything is made or cleared, not after it
        if arguments.reset and file is not None:
            _clear(settings, file)
        _present(settings, arguments)
    return ExitCode.WELL


def _present(settings: Settings, arguments: argparse.Namespace) -> None:
    """Make the demonstration where there is none, print how to sign in, and serve it."""
    demonstration = _prepared(settings)
    # Flushed: a file or a pipe would else show the links only once the server has stopped.
    print("\n".join(describe_for_people(settings, demonstration)), flush=True)
    if arguments.json is not None:
        _write(arguments.json, describe_as_json(settings, demonstration))
    if not arguments.no_serve:
        configure_logging()
        serve_application(load_application(replace(settings, workers=1)), HOST, arguments.port)


def _clear(settings: Settings, file: Path) -> None:
    """Remove the demonstration's file; a trial's, and one that is none of ours, stays."""
    if file.exists():
        installation = open_installation(settings, QUICK)
        try:
            if current_revision(installation.engine) is None:
                raise Refused("not_a_demonstration", database=str(file))
            demonstration_exists(installation)
        finally:
            installation.engine.dispose()
    _remove(file)
    _memory(settings).unlink(missing_ok=True)


def _remove(file: Path) -> None:
    for companion in _COMPANIONS:
        Path(f"{file}{companion}").unlink(missing_ok=True)


def _prepared(settings: Settings) -> Demonstration:
    """The demonstration, made first where there is none; an interrupted one never stands in the file."""
    file = _file(settings)
    if file is not None and not file.exists():
        unfinished = file.with_name(f"{file.name}.unfinished")
        _remove(unfinished)
        demonstration = _opened(
            replace(settings, database_url=f"sqlite:///{unfinished}", migration_url=f"sqlite:///{unfinished}")
        )
        unfinished.replace(file)
        return demonstration
    return _opened(settings)


def _opened(settings: Settings) -> Demonstration:
    prepare_database(settings)
    installation = open_installation(settings, QUICK, statement_seconds=0)
    try:
        lay_canary(installation, now())
        secrets = (
            _read_secrets(settings) if demonstration_exists(installation) else _make(installation, settings)
        )
        demonstration = list_sign_ins(installation, secrets, now())
    finally:
        installation.engine.dispose()
    _write(_memory(settings), asdict(demonstration.secrets))
    return demonstration


def _make(installation: Installation, settings: Settings) -> DemoSecrets:
    print("Making the demonstration; this takes less than a minute:", file=sys.stderr, flush=True)
    letters = ConsoleChannel(io.StringIO())  # what left in the past is read by nobody
    outbox = MessageSender(
        {ContactChannel.email.value: letters}, ReminderTexts.load(Catalogues.load(settings.locales))
    )
    return make_demonstration(installation, outbox, now(), ProgressLines().print_progress)


def _file(settings: Settings) -> Path | None:
    return Path(settings.database_url.removeprefix("sqlite:///")) if settings.on_sqlite else None


def _memory(settings: Settings) -> Path:
    """Where the secrets are kept that the database has as digests only: beside it."""
    file = _file(settings) or Path("data/demo.sqlite3")
    return file.with_name(f"{file.name.removesuffix('.unfinished')}.json")


def _read_secrets(settings: Settings) -> DemoSecrets | None:
    try:
        return DemoSecrets(**json.loads(_memory(settings).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(document, out, ensure_ascii=False, indent=2)
        out.write("\n")


def describe_as_json(settings: Settings, demonstration: Demonstration) -> dict[str, Any]:
    """How to sign in, for programs."""
    participants = [asdict(participant) for participant in demonstration.participants]
    for participant in participants:
        del participant["shows"]
    return {
        "base_url": settings.public_url,
        "edc": {
            "client_id": demonstration.secrets.client_id,
            "client_secret": demonstration.secrets.client_secret,
            "token_url": settings.public_url + TOKEN_PATH,
            "study": demonstration.study,
        },
        "staff": [asdict(person) for person in demonstration.staff],
        "participants": participants,
    }


def _both_studies(demonstration: Demonstration) -> list[str]:
    """Who sees both studies; nobody in a demonstration that was made with one."""
    if not demonstration.both:
        return []
    names = (address.partition("@")[0] for address in demonstration.both)
    return [f"  both studies   {', '.join(names)}; all others see {demonstration.study} alone"]


def describe_for_people(settings: Settings, demonstration: Demonstration) -> list[str]:
    """How to sign in, for people."""
    staff = [
        f"  {person.email:28} {person.role:13} {person.site or 'all':5} {person.totp_secret}"
        f"  code now {pyotp.TOTP(person.totp_secret).at(now())}"
        for person in demonstration.staff
    ]
    people = [
        line
        for person in demonstration.participants
        for line in (
            f"  {person.subject}  {person.state.value:13} PIN {person.pin or '-':7} {person.shows}",
            f"{'':12}{person.activation_url or 'no link: not expected any more'}",
        )
    ]
    return [
        "A demonstration: nobody in it exists, and its wording is not the questionnaire's.",
        f"\nAddress          {settings.public_url}",
        f"Site staff       {settings.public_url}/desk  password: {demonstration.staff[0].password}",
        "  e-mail                       role          site  authenticator secret",
        *staff,
        *_both_studies(demonstration),
        "\nParticipants: a link binds a browser once, with a PIN of your choice",
        *people,
        f"\nEDC client       {demonstration.secrets.client_id}  secret {demonstration.secrets.client_secret}",
        f"  token          {settings.public_url}{TOKEN_PATH}",
        f"  study          {demonstration.study}",
    ]
