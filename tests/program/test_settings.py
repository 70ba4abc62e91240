"""What an installation may be told, and what it refuses to start with."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.refusal import BadDefinition
from app.services.core.clock_watch import DEFAULT_GAP
from app.settings import DEMO_KEY, VARIABLES, Settings

KEY = "A" * 43 + "="
LIVE = {"DAYBOOK_MODE": "live", "DAYBOOK_KEY": KEY, "DAYBOOK_PUBLIC_URL": "https://daybook.example"}


def test_the_demonstration_needs_nothing() -> None:
    settings = Settings.from_environment({})
    assert (settings.mode, settings.workers, settings.on_sqlite, settings.key) == ("demo", 1, True, DEMO_KEY)
    assert settings.trusted_hosts == ("*",)
    assert settings.clock_gap == DEFAULT_GAP
    assert Settings.for_demo(8000, {}).clock_gap > timedelta(days=3000)  # one that was put away goes on


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
        ("DAYBOOK_CLOCK_GAP_DAYS", "0"),
        ("DAYBOOK_CLOCK_GAP_DAYS", "-1"),
        ("DAYBOOK_CLOCK_GAP_DAYS", "3651"),
        ("DAYBOOK_KEY_FILE", "/nowhere/key"),
        ("DAYBOOK_TRUSTED_PROXIES", "proxy.example"),
        ("DAYBOOK_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1, 0.0.0.0/0"),
        ("DAYBOOK_TRUSTED_PROXIES", "::/0"),
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


def test_trusted_proxies_are_addresses_and_networks() -> None:
    assert Settings.from_environment({}).trusted_proxies == ()
    settings = Settings.from_environment({"DAYBOOK_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/24,::1"})
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/24", "::1/128"]


def test_a_trial_without_a_trusted_proxy_is_warned() -> None:
    assert [each.split()[0] for each in Settings.from_environment(LIVE).warnings] == [
        "DAYBOOK_TRUSTED_PROXIES"
    ]
    assert Settings.from_environment({**LIVE, "DAYBOOK_TRUSTED_PROXIES": "127.0.0.1"}).warnings == ()
    assert Settings.from_environment({}).warnings == ()


def test_every_variable_says_what_it_means() -> None:
    assert all(each.meaning and each.name.startswith("DAYBOOK_") for each in VARIABLES)
