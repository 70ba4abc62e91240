"""Setting up an installation: study, sites, staff and EDC clients."""

import argparse
import getpass
import sys

from app.cli.commands import OPERATOR, Commands, add_command
from app.cli.packs import print_statuses
from app.clock import now
from app.domain.records.access import Role, Scope
from app.i18n.languages import ENGLISH, LANGUAGES
from app.main import open_installation
from app.services.core.context import StaffContext
from app.services.setup import studies
from app.services.setup.packs import list_all_pack_statuses, packs_needing_attention
from app.services.setup.site_words import set_urgent_words
from app.settings import Settings
from app.storage.queries.participants import get_site_by_code, get_study


def add_to(commands: Commands) -> None:
    """Add these commands."""
    study = add_command(commands, "load-study", "open a study under a plan of the library", run_load_study)
    study.add_argument("study")
    study.add_argument("--plan", required=True, metavar="VERSION")
    _add_sites(commands)
    user = add_command(
        commands, "create-user", "create a staff account; the password is read, never shown", run_create_user
    )
    user.add_argument("email")
    user.add_argument("--name", required=True)
    user.add_argument("--role", required=True, type=Role, choices=tuple(Role), metavar="|".join(Role))
    user.add_argument("--study", required=True)
    user.add_argument("--site", help="without it, every site of the study")
    user.add_argument("--language", default=ENGLISH.code, choices=[known.code for known in LANGUAGES])
    leaver = add_command(
        commands, "disable-user", "close a staff account and its sessions at once", run_disable_user
    )
    leaver.add_argument("email")
    leaver.add_argument("--reason", required=True)
    client = add_command(
        commands, "create-client", "create an EDC client; its secret is shown once", run_create_client
    )
    client.add_argument("study")
    client.add_argument("--name", required=True)
    client.add_argument(
        "--scope", action="append", type=Scope, choices=tuple(Scope), metavar="SCOPE", required=True
    )
    client.add_argument("--site", action="append", help="without it, every site of the study")


def _add_sites(commands: Commands) -> None:
    site = add_command(commands, "open-site", "open a site of a study", run_open_site)
    site.add_argument("study")
    site.add_argument("site")
    for name in ("--name", "--phone", "--hours"):
        site.add_argument(name, required=True)
    site.add_argument("--zone", default="Asia/Shanghai", help="IANA time zone of the site's patients")
    urgent = add_command(
        commands,
        "set-urgent-words",
        "set a site's words beside an answer that means call now",
        run_set_urgent,
    )
    urgent.add_argument("study")
    urgent.add_argument("site")
    urgent.add_argument("--language", required=True, choices=[known.code for known in LANGUAGES])
    urgent.add_argument("--words", required=True, help="at most 120 characters; empty: ours are shown again")


def run_load_study(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    installation = open_installation(settings)
    studies.load_study(
        StaffContext(installation, OPERATOR, now()), arguments.study, arguments.plan, settings.mode
    )
    print(f"Study {arguments.study} follows plan {arguments.plan} ({settings.mode}).")
    print_statuses(packs_needing_attention(list_all_pack_statuses(installation, now())))
    return 0


def run_open_site(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    entry = studies.SiteEntry(
        arguments.site, arguments.name, arguments.phone, arguments.hours, arguments.zone
    )
    studies.open_site(StaffContext(installation, OPERATOR, now()), arguments.study, entry)
    print(f"Site {arguments.site} of {arguments.study} is open.")
    return 0


def run_set_urgent(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    study, site, language = arguments.study, arguments.site, arguments.language
    set_urgent_words(StaffContext(installation, OPERATOR, now()), study, site, language, arguments.words)
    print(f"The urgent words of site {site} of {study} in {language} are kept.")
    return 0


def run_create_user(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    with (
        installation.read() as session
    ):  # an account made for a mistyped place would keep its address for ever
        study_id = get_study(session, arguments.study).id or 0
        if arguments.site:
            get_site_by_code(session, study_id, arguments.site)
    at, password = now(), _password()
    made = studies.create_staff(
        StaffContext(installation, OPERATOR, at),
        arguments.email,
        arguments.name,
        password,
        arguments.language,
    )
    studies.grant_role(
        StaffContext(installation, OPERATOR, at),
        made.staff_id,
        arguments.role,
        arguments.study,
        arguments.site,
    )
    print(f"{arguments.email}: {arguments.role}. Authenticator secret, shown once: {made.totp_secret}")
    return 0


def run_disable_user(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    studies.disable_staff(StaffContext(installation, OPERATOR, now()), arguments.email, arguments.reason)
    print(f"{arguments.email} is disabled.")
    return 0


def run_create_client(arguments: argparse.Namespace) -> int:
    installation = open_installation(Settings.from_environment())
    made = studies.create_client(
        StaffContext(installation, OPERATOR, now()),
        arguments.study,
        arguments.name,
        arguments.scope,
        arguments.site,
    )
    print(f"client_id {made.client_id}\nclient_secret {made.secret} (shown once)")
    return 0


def _password() -> str:
    """Typed without echo, or the first line of the input when nobody sits there."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
