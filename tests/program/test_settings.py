"""What an installation may be told, and what it refuses to start with."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.refusal import BadDefinition
from app.installation import open_installation
from app.main import build_channels
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
        ("DAYBOOK_HELP_PHONE", "the nurse"),
        ("DAYBOOK_HELP_PHONE", "12"),
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


def test_the_number_for_strangers_is_narrowed_like_every_other() -> None:
    settings = Settings.from_environment({"DAYBOOK_HELP_PHONE": " ４００-555  0100 "})
    assert (settings.help_phone, Settings.from_environment({}).help_phone) == ("400-555 0100", "")


def test_mail_needs_a_server() -> None:
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment({"DAYBOOK_CHANNEL": "smtp", "DAYBOOK_SMTP_URL": "http://s3cret"})
    assert bad.value.key == "DAYBOOK_SMTP_URL"
    assert "s3cret" not in str(bad.value)


@pytest.mark.req("SEC-15")
def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n", "utf-8")
    environ = {**LIVE, "DAYBOOK_KEY": "", "DAYBOOK_KEY_FILE": str(file)}
    assert Settings.from_environment(environ).key == KEY.encode()


def test_several_workers_and_named_hosts_go_with_postgresql() -> None:
    environ = {
        "DAYBOOK_DATABASE_URL": "postgresql+psycopg://x",
        "DAYBOOK_WORKERS": "4",
        "DAYBOOK_TRUSTED_HOSTS": "a, b",
    }
    settings = Settings.from_environment(environ)
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


SOCKETS = (
    "postgresql+psycopg://u:test-only@/daybook",
    "postgresql+psycopg://u:test-only@/daybook?host=/run/postgresql",
    "postgresql+psycopg://u:test-only@/daybook?host=/run/a,/run/b",
)
PLACES = ("u:test-only@db.example/daybook", "u:test-only@127.0.0.1:5433/daybook", "u:test-only@[::1]/daybook")
QUERIES = (
    "host=db.example",
    "host=/run/postgresql,db.example",
    "hostaddr=192.0.2.1",
    "host=db.example&port=5433",
)
MODES = ("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@pytest.mark.req("SEC-12")
@pytest.mark.parametrize("name", ["DAYBOOK_DATABASE_URL", "DAYBOOK_MIGRATION_URL"])
@pytest.mark.parametrize("mode", MODES)
def test_a_trial_reaches_postgresql_by_a_socket_or_encrypted(name: str, mode: str) -> None:
    by_network = [f"postgresql+psycopg://{host}?sslmode={mode}" for host in PLACES]
    by_network += [f"postgresql+psycopg://u:test-only@/daybook?{query}&sslmode={mode}" for query in QUERIES]
    for url in by_network:
        environ = {"DAYBOOK_DATABASE_URL": SOCKETS[0], "DAYBOOK_HEAD_FILE": "heads.json", name: url}
        assert Settings.from_environment(environ).database_url, "a demonstration may do as it likes"
        if mode in ("require", "verify-ca", "verify-full"):
            assert Settings.from_environment({**LIVE, **environ}).database_url
            continue
        with pytest.raises(BadDefinition) as bad:
            Settings.from_environment({**LIVE, **environ})
        assert bad.value.key == name
        assert "test-only" not in str(bad.value)
    for url in SOCKETS:
        environ = {"DAYBOOK_HEAD_FILE": "heads.json", name: url}
        assert Settings.from_environment({**LIVE, **environ}).database_url


@pytest.mark.parametrize(
    "url",
    ["postgres://u:test-only@h/d", "postgresql://u:test-only@h/d", "sqlite://", "mysql://h/d", "d.sqlite3"],
)
def test_another_kind_of_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment({"DAYBOOK_DATABASE_URL": url})
    assert bad.value.key == "DAYBOOK_DATABASE_URL"
    assert "test-only" not in str(bad.value)


KNOWN = [each.name for each in VARIABLES] + [f"{each.name}_FILE" for each in VARIABLES if each.secret]


@given(st.sampled_from(KNOWN), st.integers(0, 40), st.sampled_from("ABCXYZ_"), st.booleans())
def test_a_misspelt_setting_is_refused_with_the_likely_name(
    meant: str, index: int, letter: str, replaced: bool
) -> None:
    index = len("DAYBOOK_") + index % (len(meant) - len("DAYBOOK_"))
    slip = meant[:index] + letter + meant[index + replaced :]
    if slip in KNOWN:
        return
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment({slip: "s3cret"})
    assert bad.value.key == slip
    assert meant in str(bad.value)
    assert "s3cret" not in str(bad.value)


def test_foreign_variables_are_ignored() -> None:
    assert Settings.from_environment({"DAYBOOKS_MODE": "live", "daybook_mode": "live", "PATH": "/"}).demo


@pytest.mark.req("SEC-15")
def test_settings_never_show_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite3"
    environ = {
        "DAYBOOK_DATABASE_URL": "postgresql+psycopg://me:test-only@/daybook",
        "DAYBOOK_MIGRATION_URL": f"sqlite:///{file}?s3cret",
        "DAYBOOK_KEY": KEY,
        "DAYBOOK_CHANNEL": "smtp",
        "DAYBOOK_SMTP_URL": "smtp://me:s3cret@mail.example",
    }
    settings = Settings.from_environment(environ)
    shown = [repr(settings), str(settings), repr(open_installation(settings)), repr(build_channels(settings))]
    assert [
        text
        for text in shown
        if "s3cret" in text or "test-only" in text or KEY in text or str(KEY.encode()) in text
    ] == []


@pytest.mark.req("EDC-04")
def test_a_trial_keeps_the_heads_of_its_feeds_outside_the_database() -> None:
    assert Settings.from_environment({}).head_file is None
    assert Settings.from_environment(LIVE).head_file == Path("data/daybook.sqlite3.heads.json")
    on_postgresql = {**LIVE, "DAYBOOK_DATABASE_URL": "postgresql+psycopg:///x"}
    with pytest.raises(BadDefinition) as bad:
        Settings.from_environment(on_postgresql)
    assert bad.value.key == "DAYBOOK_HEAD_FILE"
    environ = {**on_postgresql, "DAYBOOK_HEAD_FILE": "/var/lib/daybook/heads.json"}
    assert Settings.from_environment(environ).head_file == Path("/var/lib/daybook/heads.json")
