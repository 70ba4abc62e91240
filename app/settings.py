"""Settings of an installation, read once from the environment, by main, cli and app.installation alone."""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from app.domain.records.studies import StudyMode
from app.domain.refusal import BadDefinition

ROOT = Path(__file__).parents[1]
SOURCE = "environment"
DEMO_DATABASE_URL = "sqlite:///data/demo.sqlite3"
DEMO_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"Daybook demonstration").digest())
"""Known to everybody who has the source: real data is refused with it."""


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
    Variable("DAYBOOK_PUBLIC_URL", "http://127.0.0.1:8000", "what links on paper and in messages begin with"),
    Variable("DAYBOOK_KEY", "", "Fernet key that encrypts contacts and second factors", True),
    Variable("DAYBOOK_CHANNEL", "console", "console or smtp: how reminders leave"),
    Variable("DAYBOOK_SMTP_URL", "", "smtp://user:password@host:port or smtps://…", True),
    Variable("DAYBOOK_MAIL_FROM", "daybook@localhost", "sender of reminders"),
    Variable("DAYBOOK_WORKERS", "1", "server processes; SQLite allows one"),
    Variable(
        "DAYBOOK_TRUSTED_HOSTS", "", "host names answered to, by comma; empty: that of the public address"
    ),
    Variable("DAYBOOK_QUESTIONNAIRES", str(ROOT / "questionnaires"), "folder of instruments and plans"),
    Variable("DAYBOOK_LOCALES", str(ROOT / "locales"), "folder of interface words"),
    Variable("DAYBOOK_COMMIT", "", "commit that was built, shown under /about"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation was told; made by `from_environment`, which refuses what cannot work."""

    mode: StudyMode
    database_url: str
    migration_url: str
    head_file: Path | None
    public_url: str
    key: bytes
    channel: MessageTransport
    smtp_url: str
    mail_from: str
    workers: int
    trusted_hosts: tuple[str, ...]
    questionnaires: Path
    locales: Path
    version: str
    commit: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises BadDefinition naming the variable and what is allowed; never a secret's value."""
        values = {each.name: _told(each, environ) for each in VARIABLES}
        mode = StudyMode(_one_of("DAYBOOK_MODE", values["DAYBOOK_MODE"], tuple(StudyMode)))
        public_url = _public_url(values["DAYBOOK_PUBLIC_URL"], mode)
        settings = cls(
            mode=mode,
            database_url=values["DAYBOOK_DATABASE_URL"],
            migration_url=values["DAYBOOK_MIGRATION_URL"] or values["DAYBOOK_DATABASE_URL"],
            head_file=_head_file(values["DAYBOOK_HEAD_FILE"], values["DAYBOOK_DATABASE_URL"], mode),
            public_url=public_url,
            key=_key(values["DAYBOOK_KEY"], mode),
            channel=MessageTransport(
                _one_of("DAYBOOK_CHANNEL", values["DAYBOOK_CHANNEL"], tuple(MessageTransport))
            ),
            smtp_url=values["DAYBOOK_SMTP_URL"],
            mail_from=values["DAYBOOK_MAIL_FROM"],
            workers=_workers(values["DAYBOOK_WORKERS"]),
            trusted_hosts=_hosts(values["DAYBOOK_TRUSTED_HOSTS"], public_url, mode),
            questionnaires=Path(values["DAYBOOK_QUESTIONNAIRES"]),
            locales=Path(values["DAYBOOK_LOCALES"]),
            version=version("daybook"),
            commit=values["DAYBOOK_COMMIT"],
        )
        settings.check()
        return settings

    @classmethod
    def for_demo(cls, port: int, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The demonstration's: a file and an address of its own unless told otherwise; never live."""
        own = {"DAYBOOK_PUBLIC_URL": f"http://127.0.0.1:{port}"}
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

    def check(self) -> None:
        """Refuse what does not work together; the command line asks again after its options."""
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


def _told(variable: Variable, environ: Mapping[str, str]) -> str:
    file = environ.get(f"{variable.name}_FILE", "") if variable.secret else ""
    if file:
        try:
            return Path(file).read_text("utf-8").strip()
        except OSError as unreadable:
            raise BadDefinition(SOURCE, f"{variable.name}_FILE", file, "a readable file") from unreadable
    return environ.get(variable.name, "") or variable.default


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


def _public_url(value: str, mode: StudyMode) -> str:
    parts = urlsplit(value)
    schemes = ("https",) if mode is StudyMode.LIVE else ("http", "https")
    if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadDefinition(
            SOURCE, "DAYBOOK_PUBLIC_URL", value, f"{' or '.join(schemes)}://host without a path"
        )
    return value.rstrip("/")


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


def _hosts(value: str, public_url: str, mode: StudyMode) -> tuple[str, ...]:
    named = tuple(host.strip() for host in value.split(",") if host.strip())
    if not named and mode is StudyMode.DEMO:
        return ("*",)
    # The health check of a container calls its own loopback address.
    return (*(named or (urlsplit(public_url).hostname or "",)), "127.0.0.1", "localhost")
