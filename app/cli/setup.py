"""Setting up an installation: study, sites and staff."""

import argparse
import getpass
import sys

from app.cli import ExitCode
from app.cli.operator import operator_context
from app.cli.packs import print_statuses
from app.domain.records.access import Role
from app.domain.records.staff_links import LinkPurpose
from app.domain.typed_text import narrow_address
from app.i18n.languages import ENGLISH, LANGUAGES
from app.services.people.staff_links import InvitationEntry, invite_person, reset_person
from app.services.setup import studies
from app.services.setup.packs import list_all_pack_statuses, packs_needing_attention
from app.services.setup.site_words import set_urgent_words
from app.settings import Settings
from app.storage.queries.staff import get_staff_by_address

_RESETS = (LinkPurpose.BOTH, LinkPurpose.PASSWORD, LinkPurpose.SECOND_FACTOR)


def declare_load_study(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `load-study`."""
    parser.add_argument("study")
    parser.add_argument("--plan", required=True, metavar="VERSION")
    parser.set_defaults(run=run_load_study)


def declare_open_site(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `open-site`."""
    parser.add_argument("study")
    parser.add_argument("site")
    for name in ("--name", "--phone", "--hours"):
        parser.add_argument(name, required=True)
    parser.add_argument("--zone", default="Asia/Shanghai", help="IANA time zone of the site's patients")
    parser.set_defaults(run=run_open_site)


def declare_set_urgent_words(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `set-urgent-words`."""
    parser.add_argument("study")
    parser.add_argument("site")
    parser.add_argument("--language", required=True, choices=[known.code for known in LANGUAGES])
    parser.add_argument("--words", required=True, help="at most 120 characters; empty: ours are shown again")
    parser.set_defaults(run=run_set_urgent)


def declare_create_user(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `create-user`."""
    _declare_person(parser)
    parser.set_defaults(run=run_create_user)


def declare_invite_user(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `invite-user`."""
    _declare_person(parser)
    parser.add_argument("--reason", required=True)
    parser.set_defaults(run=run_invite_user)


def _declare_person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email")
    parser.add_argument("--name", required=True)
    parser.add_argument("--role", required=True, type=Role, choices=tuple(Role), metavar="|".join(Role))
    parser.add_argument("--study", required=True)
    parser.add_argument("--site", help="without it, every site of the study")
    parser.add_argument("--language", default=ENGLISH.code, choices=[known.code for known in LANGUAGES])


def declare_disable_user(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `disable-user`."""
    parser.add_argument("email")
    parser.add_argument("--reason", required=True)
    parser.set_defaults(run=run_disable_user)


def declare_enable_user(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `enable-user`."""
    parser.add_argument("email")
    parser.add_argument("--reason", required=True)
    parser.set_defaults(run=run_enable_user)


def declare_reset_user(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `reset-user`."""
    parser.add_argument("email")
    parser.add_argument(
        "--what", default=LinkPurpose.BOTH, type=LinkPurpose, choices=_RESETS, metavar="|".join(_RESETS)
    )
    parser.add_argument("--reason", required=True)
    parser.set_defaults(run=run_reset_user)


def run_load_study(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    with operator_context(settings) as context:
        studies.load_study(context, arguments.study, arguments.plan, settings.mode)
        print(f"Study {arguments.study} follows plan {arguments.plan} ({settings.mode}).")
        print_statuses(packs_needing_attention(list_all_pack_statuses(context.installation, context.at)))
    return ExitCode.WELL


def run_open_site(arguments: argparse.Namespace) -> int:
    entry = studies.SiteEntry(
        arguments.site, arguments.name, arguments.phone, arguments.hours, arguments.zone
    )
    with operator_context() as context:
        studies.open_site(context, arguments.study, entry)
    print(f"Site {arguments.site} of {arguments.study} is open.")
    return ExitCode.WELL


def run_set_urgent(arguments: argparse.Namespace) -> int:
    study, site, language = arguments.study, arguments.site, arguments.language
    with operator_context() as context:
        set_urgent_words(context, study, site, language, arguments.words)
    print(f"The urgent words of site {site} of {study} in {language} are kept.")
    return ExitCode.WELL


def run_create_user(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        account = studies.create_granted_staff(
            context,
            email=arguments.email,
            name=arguments.name,
            password=_read_password(),
            language=arguments.language,
            role=arguments.role,
            study=arguments.study,
            site=arguments.site,
        )
    print(f"{arguments.email}: {arguments.role}. Authenticator secret, shown once: {account.totp_secret}")
    return ExitCode.WELL


def run_invite_user(arguments: argparse.Namespace) -> int:
    entry = InvitationEntry(
        email=arguments.email,
        name=arguments.name,
        language=arguments.language,
        study=arguments.study,
        roles=(arguments.role,),
        sites=(arguments.site,) if arguments.site else (),
        ends_on=None,
        reason=arguments.reason,
    )
    with operator_context() as context:
        issued = invite_person(context, entry)
    print(f"{issued.email}: {arguments.role}. Link to set up the sign-in, shown once: {issued.url}")
    return ExitCode.WELL


def run_disable_user(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        studies.disable_staff(context, arguments.email, arguments.reason)
    print(f"{arguments.email} is disabled.")
    return ExitCode.WELL


def run_enable_user(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        studies.enable_staff(context, arguments.email, arguments.reason)
    print(f"{arguments.email} is enabled.")
    return ExitCode.WELL


def run_reset_user(arguments: argparse.Namespace) -> int:
    with operator_context() as context:
        with context.read() as session:
            staff_id = get_staff_by_address(session, narrow_address(arguments.email)).id
        issued = reset_person(context, staff_id, arguments.what, arguments.reason)
    print(f"{issued.email} is reset. Link to choose anew, shown once: {issued.url}")
    return ExitCode.WELL


def _read_password() -> str:
    """Read without echo, or the first line of the input when nobody sits there."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
