"""What an installation may be told, and what it refuses to start with."""

from pathlib import Path

import pytest

from app.domain.refusal import BadDefinition
from app.settings import DEMO_KEY, VARIABLES, Settings

KEY = "A" * 43 + "="
LIVE = {"DAYBOOK_MODE": "live", "DAYBOOK_KEY": KEY, "DAYBOOK_PUBLIC_URL": "https://daybook.example"}


def test_the_demonstration_needs_nothing() -> None:
    settings = Settings.from_environment({})
    assert (settings.mode, settings.workers, settings.on_sqlite, settings.key) == ("demo", 1, True, DEMO_KEY)
    assert settings.trusted_hosts == ("*",)


def test_a_trial_brings_its_own_key_and_address() -> None:
    settings = Settings.from_environment(LIVE)
    assert not settings.demo
    assert settings.trusted_hosts == ("daybook.example", "127.0.0.1", "localhost")


@pytest.mark.req("SEC-12", "SEC-15")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAYBOOK_MODE", "test"),
        ("DAYBOOK_KEY", ""),
        ("DAYBOOK_KEY", DEMO_KEY.decode()),
        ("DAYBOOK_KEY", "short"),
        ("DAYBOOK_KEY", "not base64!"),
        ("DAYBOOK_PUBLIC_URL", "http://daybook.example"),
        ("DAYBOOK_PUBLIC_URL", "https://daybook.example/path"),
        ("DAYBOOK_PUBLIC_URL", "https:///x"),
        ("DAYBOOK_CHANNEL", "mail_server"),
        ("DAYBOOK_WORKERS", "0"),
        ("DAYBOOK_WORKERS", "many"),
        ("DAYBOOK_WORKERS", "2"),
        ("DAYBOOK_KEY_FILE", "/nowhere/key"),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment({**LIVE, name: value})
    assert bad.value.key == name
    assert value == "" or name != "DAYBOOK_KEY" or value not in str(bad.value)


def test_mail_needs_a_server() -> None:
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment({"DAYBOOK_CHANNEL": "smtp", "DAYBOOK_SMTP_URL": "http://s3cret"})
    assert bad.value.key == "DAYBOOK_SMTP_URL"
    assert "s3cret" not in str(bad.value)


@pytest.mark.req("SEC-15")
def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n", "utf-8")
    told = {**LIVE, "DAYBOOK_KEY": "", "DAYBOOK_KEY_FILE": str(file)}
    assert Settings.from_environment(told).key == KEY.encode()


def test_several_workers_and_named_hosts_go_with_postgresql() -> None:
    told = {
        "DAYBOOK_DATABASE_URL": "postgresql+psycopg://x",
        "DAYBOOK_WORKERS": "4",
        "DAYBOOK_TRUSTED_HOSTS": "a, b",
    }
    settings = Settings.from_environment(told)
    assert (settings.workers, settings.migration_url) == (4, "postgresql+psycopg://x")
    assert settings.trusted_hosts == ("a", "b", "127.0.0.1", "localhost")


def test_every_variable_says_what_it_means() -> None:
    assert all(each.meaning and each.name.startswith("DAYBOOK_") for each in VARIABLES)


@pytest.mark.req("EDC-04")
def test_a_trial_keeps_the_heads_of_its_feeds_outside_the_database() -> None:
    assert Settings.from_environment({}).head_file is None
    assert Settings.from_environment(LIVE).head_file == Path("data/daybook.sqlite3.heads.json")
    on_postgresql = {**LIVE, "DAYBOOK_DATABASE_URL": "postgresql+psycopg://x"}
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment(on_postgresql)
    assert bad.value.key == "DAYBOOK_HEAD_FILE"
    told = {**on_postgresql, "DAYBOOK_HEAD_FILE": "/var/lib/daybook/heads.json"}
    assert Settings.from_environment(told).head_file == Path("/var/lib/daybook/heads.json")
