"""Settings of an installation, read once from the environment, by main, cli and app.installation alone."""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from app.domain.people.names import FEWEST_DIGITS, MOST_DIGITS, parse_optional_phone
from app.domain.records.studies import StudyMode
from app.domain.refusal import BadDefinition, Refused

ProxyNetwork = IPv4Network | IPv6Network

ROOT = Path(__file__).parents[1]
SOURCE = "environment"
DEMO_DATABASE_URL = "sqlite:///data/demo.sqlite3"
DEMO_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"Daybook demonstration").digest())
"""Known to everybody who has the source: real data is refused with it."""
_MOST_DAYS = 3650
_MOST_MEGABYTES = 1_000_000
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
"""Values of libpq's `sslmode` with which it never talks in clear."""


class MessageTransport(StrEnum):
    """How messages leave."""

    CONSOLE = "console"
    SMTP = "smtp"


class Variable(NamedTuple):
    """One variable of the environment; secret ones may also be given as the path in `<name>_FILE`."""

    name: str
    default: str
    meaning: str
    secret: bool = False


VARIABLES = (
    Variable(
        "DAYBOOK_MODE", "demo", "demo or live; live refuses defaults, plain http and the demonstration key"
    ),
    Variable(
        "DAYBOOK_DATABASE_URL",
        "sqlite:///data/daybook.sqlite3",
        "where the rows are: sqlite or postgresql",
        True,
    ),
    Variable("DAYBOOK_MIGRATION_URL", "", "the same database as its owner, who may change its shape", True),
    Variable(
        "DAYBOOK_HEAD_FILE",
        "",
        "file that shows, after a restore, how far feeds were; a trial on PostgreSQL needs it",
    ),
    Variable(
        "DAYBOOK_EXPORTS",
        "",
        "folder of requested exports; empty: `….exports` beside a SQLite file, `data/exports` otherwise",
    ),
    Variable("DAYBOOK_EXPORTS_MB", "4000", "megabytes that requested exports may take together"),
    Variable("DAYBOOK_PUBLIC_URL", "http://127.0.0.1:8000", "what links on paper and in messages begin with"),
    Variable(
        "DAYBOOK_HELP_PHONE",
        "",
        "telephone shown to whoever opens a link that does not work; empty: they are told of their sheet",
    ),
    Variable("DAYBOOK_KEY", "", "Fernet key that encrypts contacts and second factors", True),
    Variable("DAYBOOK_CHANNEL", "console", "console or smtp: how reminders leave"),
    Variable("DAYBOOK_SMTP_URL", "", "smtp://user:password@host:port or smtps://…", True),
    Variable("DAYBOOK_MAIL_FROM", "daybook@localhost", "sender of reminders"),
    Variable("DAYBOOK_WORKERS", "1", "server processes; SQLite allows one"),
    Variable(
        "DAYBOOK_TRUSTED_HOSTS", "", "host names answered to, by comma; empty: that of the public address"
    ),
    Variable(
        "DAYBOOK_TRUSTED_PROXIES",
        "",
        "proxies, as addresses or networks by comma, whose X-Forwarded-For is believed; empty: none",
    ),
    Variable(
        "DAYBOOK_CLOCK_GAP_DAYS",
        "7",
        "days without an entry after which a start awaits `daybook clock confirm`",
    ),
    Variable("DAYBOOK_QUESTIONNAIRES", str(ROOT / "questionnaires"), "folder of instruments and plans"),
    Variable("DAYBOOK_LOCALES", str(ROOT / "locales"), "folder of interface words"),
    Variable("DAYBOOK_COMMIT", "", "commit that was built, shown under /about"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation was told; made by `from_environment`, which refuses what cannot work.

    What may be secret is not shown, whoever prints the settings.
    """

    mode: StudyMode
    database_url: str = field(repr=False)
    migration_url: str = field(repr=False)
    head_file: Path | None
    export_folder: Path
    export_room: int
    public_url: str
    help_phone: str
    key: bytes = field(repr=False)
    channel: MessageTransport
    smtp_url: str = field(repr=False)
    mail_from: str
    workers: int
    trusted_hosts: tuple[str, ...]
    trusted_proxies: tuple[ProxyNetwork, ...]
    clock_gap: timedelta
    questionnaires: Path
    locales: Path
    version: str
    commit: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises BadDefinition naming the variable and what is allowed; never a secret's value."""
        _refuse_unknown_names(environ)
        values = {variable.name: _stated(variable, environ) for variable in VARIABLES}
        mode = StudyMode(_one_of("DAYBOOK_MODE", values["DAYBOOK_MODE"], tuple(StudyMode)))
        public_url = _public_url(values["DAYBOOK_PUBLIC_URL"], mode)
        settings = cls(
            mode=mode,
            database_url=values["DAYBOOK_DATABASE_URL"],
            migration_url=values["DAYBOOK_MIGRATION_URL"] or values["DAYBOOK_DATABASE_URL"],
            head_file=_head_file(values["DAYBOOK_HEAD_FILE"], values["DAYBOOK_DATABASE_URL"], mode),
            export_folder=_export_folder(values["DAYBOOK_EXPORTS"], values["DAYBOOK_DATABASE_URL"]),
            export_room=_megabytes("DAYBOOK_EXPORTS_MB", values["DAYBOOK_EXPORTS_MB"]),
            public_url=public_url,
            help_phone=_phone("DAYBOOK_HELP_PHONE", values["DAYBOOK_HELP_PHONE"]),
            key=_key(values["DAYBOOK_KEY"], mode),
            channel=MessageTransport(
                _one_of("DAYBOOK_CHANNEL", values["DAYBOOK_CHANNEL"], tuple(MessageTransport))
            ),
            smtp_url=values["DAYBOOK_SMTP_URL"],
            mail_from=values["DAYBOOK_MAIL_FROM"],
            workers=_workers(values["DAYBOOK_WORKERS"]),
            trusted_hosts=_hosts(values["DAYBOOK_TRUSTED_HOSTS"], public_url, mode),
            trusted_proxies=_proxies(values["DAYBOOK_TRUSTED_PROXIES"]),
            clock_gap=_days("DAYBOOK_CLOCK_GAP_DAYS", values["DAYBOOK_CLOCK_GAP_DAYS"]),
            questionnaires=Path(values["DAYBOOK_QUESTIONNAIRES"]),
            locales=Path(values["DAYBOOK_LOCALES"]),
            version=_read_version(),
            commit=values["DAYBOOK_COMMIT"],
        )
        settings.check()
        return settings

    @classmethod
    def for_demo(cls, port: int, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The demonstration's: a file and an address of its own unless told otherwise; never live."""
        own = {
            "DAYBOOK_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DAYBOOK_CLOCK_GAP_DAYS": str(_MOST_DAYS),  # one that was put away for a year goes on
        }
        if not environ.get("DAYBOOK_DATABASE_URL_FILE"):
            own["DAYBOOK_DATABASE_URL"] = DEMO_DATABASE_URL
        settings = cls.from_environment({**own, **environ})
        if not settings.demo:
            raise BadDefinition(SOURCE, "DAYBOOK_MODE", settings.mode.value, "demo, for the demonstration")
        return settings

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def demo(self) -> bool:
        return self.mode is StudyMode.DEMO

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works, but hardly as it was meant."""
        if self.demo or self.trusted_proxies:
            return ()
        return ("DAYBOOK_TRUSTED_PROXIES is empty: everybody behind a proxy counts as one address",)

    def check(self) -> None:
        """Refuse what does not work together; the command line asks again after its options."""
        for name, url in (
            ("DAYBOOK_DATABASE_URL", self.database_url),
            ("DAYBOOK_MIGRATION_URL", self.migration_url),
        ):
            _check_database_url(name, url, self.mode)
        if self.on_sqlite and self.workers > 1:
            raise BadDefinition(
                SOURCE,
                "DAYBOOK_WORKERS",
                self.workers,
                "1 on SQLite, which has one writer; take PostgreSQL for more",
            )
        if self.channel is MessageTransport.SMTP and urlsplit(self.smtp_url).scheme not in ("smtp", "smtps"):
            raise BadDefinition(
                SOURCE, "DAYBOOK_SMTP_URL", "(not shown)", "smtp://… or smtps://… for the smtp channel"
            )


@cache
def _read_version() -> str:
    """That of the installed program; it is read from a file."""
    return version("daybook")


def _stated(variable: Variable, environ: Mapping[str, str]) -> str:
    file = environ.get(f"{variable.name}_FILE", "") if variable.secret else ""
    if file:
        try:
            return Path(file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as unreadable:
            raise BadDefinition(SOURCE, f"{variable.name}_FILE", file, "a readable file") from unreadable
    return environ.get(variable.name, "") or variable.default


def _refuse_unknown_names(environ: Iterable[str]) -> None:
    """A setting with a slip in its name would else be a default that nobody meant."""
    known = [variable.name for variable in VARIABLES] + [
        f"{variable.name}_FILE" for variable in VARIABLES if variable.secret
    ]
    for name in environ:
        if name.startswith("DAYBOOK_") and name not in known:
            nearest = get_close_matches(name, known, 1, 0.0)[0]
            raise BadDefinition(SOURCE, name, "(not shown)", f"no such setting; the nearest is {nearest}")


def _check_database_url(name: str, url: str, mode: StudyMode) -> None:
    if not re.match(r"sqlite:///.|postgresql\+psycopg://", url):
        raise BadDefinition(
            SOURCE, name, "(not shown)", "sqlite:///file or postgresql+psycopg://name@host/database"
        )
    if mode is StudyMode.LIVE and url.startswith("postgresql") and not _is_private(url):
        raise BadDefinition(
            SOURCE,
            name,
            "(not shown)",
            "over TCP with sslmode=verify-full, verify-ca or require; a socket needs none",
        )


def _is_private(url: str) -> bool:
    """Whether nobody on the network can read what goes to this PostgreSQL."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    hosts = [parts.hostname or "", *options.get("host", "").split(","), options.get("hostaddr", "")]
    on_this_machine = all(host.startswith("/") for host in hosts if host)
    return on_this_machine or options.get("sslmode") in _ENCRYPTED


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadDefinition(SOURCE, name, value, " or ".join(allowed))
    return value


def _head_file(value: str, database_url: str, mode: StudyMode) -> Path | None:
    if value or mode is not StudyMode.LIVE:
        return Path(value) if value else None
    if not database_url.startswith("sqlite"):
        raise BadDefinition(
            SOURCE, "DAYBOOK_HEAD_FILE", "", "a file that a restored database cannot bring along"
        )
    return Path(f"{database_url.removeprefix('sqlite:///')}.heads.json")


def _export_folder(value: str, database_url: str) -> Path:
    if value or not database_url.startswith("sqlite"):
        return Path(value or "data/exports")
    return Path(f"{database_url.removeprefix('sqlite:///')}.exports")


def _public_url(value: str, mode: StudyMode) -> str:
    parts = urlsplit(value)
    schemes = ("https",) if mode is StudyMode.LIVE else ("http", "https")
    if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadDefinition(
            SOURCE, "DAYBOOK_PUBLIC_URL", value, f"{' or '.join(schemes)}://host without a path"
        )
    return value.rstrip("/")


def _phone(name: str, value: str) -> str:
    try:
        return parse_optional_phone(value, name) or ""
    except Refused as refused:
        digits = f"{FEWEST_DIGITS} to {MOST_DIGITS} digits"
        raise BadDefinition(SOURCE, name, value, f"a telephone that can be dialled: {digits}") from refused


def _key(value: str, mode: StudyMode) -> bytes:
    key = value.encode()
    if not key and mode is StudyMode.DEMO:
        return DEMO_KEY
    if mode is StudyMode.LIVE and key in (b"", DEMO_KEY):
        raise BadDefinition(SOURCE, "DAYBOOK_KEY", "(missing or the demonstration's)", "a key of your own")
    try:
        size = len(base64.urlsafe_b64decode(key))
    except ValueError:
        size = 0
    if size != 32:
        raise BadDefinition(SOURCE, "DAYBOOK_KEY", "(not shown)", "32 random bytes in URL-safe base64")
    return key


def _workers(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 64:
        raise BadDefinition(SOURCE, "DAYBOOK_WORKERS", value, "a number from 1 to 64")
    return int(value)


def _megabytes(name: str, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= _MOST_MEGABYTES:
        raise BadDefinition(SOURCE, name, value, f"a number of megabytes from 1 to {_MOST_MEGABYTES}")
    return int(value) * 1_000_000


def _days(name: str, value: str) -> timedelta:
    if not value.isdecimal() or not 1 <= int(value) <= _MOST_DAYS:
        raise BadDefinition(SOURCE, name, value, f"a number of days from 1 to {_MOST_DAYS}")
    return timedelta(days=int(value))


def _hosts(value: str, public_url: str, mode: StudyMode) -> tuple[str, ...]:
    named = tuple(host.strip() for host in value.split(",") if host.strip())
    if not named and mode is StudyMode.DEMO:
        return ("*",)
    # The health check of a container calls its own loopback address.
    return (*(named or (urlsplit(public_url).hostname or "",)), "127.0.0.1", "localhost")


def _proxies(value: str) -> tuple[ProxyNetwork, ...]:
    try:
        networks = tuple(ip_network(network.strip()) for network in value.split(",") if network.strip())
    except ValueError:
        networks = None
    if networks is None or any(network.prefixlen == 0 for network in networks):
        raise BadDefinition(
            SOURCE,
            "DAYBOOK_TRUSTED_PROXIES",
            value,
            "addresses or networks such as 127.0.0.1, 10.0.0.0/24; never the whole internet",
        )
    return networks
