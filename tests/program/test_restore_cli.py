"""`daybook restore`: on SQLite from a copied file, on PostgreSQL from an archive."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.cli import main
from app.clock import now
from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.setup.studies import load_study
from app.storage import backups
from tests import postgres
from tests.scenarios.beginnings import open_installation_at


def site(code: str) -> Sequence[str]:
    return ("open-site", "sbrt-nsclc", code, "--name", "H", "--phone", "0571-1", "--hours", "8-17")


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    return tmp_path / "heads.json"


@dataclass
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Daybook = Callable[..., Done]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The owner's address of a migrated database of each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("migrated_sqlite_url"))
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    return cluster.url(request.getfixturevalue("migrated_postgres"))


@pytest.fixture
def daybook(
    heads: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Daybook:
    """Runs a command in this process, with the owner's address of the database."""
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database_url)
    monkeypatch.setenv("DAYBOOK_HEAD_FILE", str(heads))

    def run(*words: object) -> Done:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def begun(daybook: Daybook, database_url: str) -> Daybook:
    """The same with a study, whose feed's head is kept."""
    with open_installation_at(database_url) as installation:
        load_study(StaffContext(installation, SYSTEM, now()), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    done = daybook("restore", "--mark")
    assert done.code == 0, done.err
    return daybook


def backed_up(url: str, target: Path) -> Path:
    """A backup as the manual makes it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.execute("VACUUM INTO ?", (str(target),))
        return target
    address = sa.make_url(url)
    address_text = address.set(drivername="postgresql").render_as_string(hide_password=False)
    dump = shutil.which("pg_dump")
    assert dump is not None
    subprocess.run([dump, "--format=custom", f"--file={target}", address_text], check=True)
    return target


def rows(url: str, query: str) -> list[str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        values = [str(row[0]) for row in connection.execute(sa.text(query))]
    engine.dispose()
    return values


@pytest.mark.req("EDC-04")
def test_a_restored_backup_begins_a_new_feed(
    begun: Daybook, database_url: str, tmp_path: Path, heads: Path
) -> None:
    assert begun(*site("0571")).code == 0
    (feed,) = rows(database_url, "SELECT feed FROM study")
    (trail,) = rows(database_url, "SELECT seq FROM audit_chain WHERE chain = 'study:1'")
    backup = backed_up(database_url, tmp_path / "backup")
    assert begun(*site("0512")).code == 0
    done = begun("restore", backup, "--reason", "disk lost")
    assert (done.code, done.err) == (0, "")
    (new,) = rows(database_url, "SELECT feed FROM study")
    assert new != feed
    assert f"the feed begins anew as {new}" in done.out
    assert rows(database_url, "SELECT code FROM site") == ["0571"]
    query = "SELECT changes FROM audit_entry WHERE event = 'system:feed:restored' ORDER BY id DESC"
    changes = json.loads(rows(database_url, query)[0])
    change = next(each for each in changes if each["record"] == "trail:study:1")
    assert change["old"].startswith(f"{int(trail) + 1}:")
    assert change["new"].startswith(f"{trail}:")
    assert json.loads(heads.read_text("utf-8"))["studies"]["sbrt-nsclc"]["feed"] == new
    assert begun("verify-audit").code == 0
    assert begun(*site("0512")).code == 0


def test_a_database_restored_by_its_own_tools_is_not_served_until_marked(
    begun: Daybook, database_url: str, heads: Path
) -> None:
    known = json.loads(heads.read_text("utf-8"))
    known["studies"]["sbrt-nsclc"] |= {"seq": 7, "hash": "f" * 64}
    heads.write_text(json.dumps(known), "utf-8")
    refused = begun("serve")
    assert (refused.code, "feed_rewound" in refused.err) == (3, True)
    assert "daybook restore --mark" in refused.err
    assert begun("restore", "--mark").code == 0
    query = "SELECT changes FROM audit_entry WHERE event = 'system:feed:restored' ORDER BY id DESC"
    assert f'"old":"7:{"f" * 64}"' in rows(database_url, query)[0]
    assert json.loads(heads.read_text("utf-8"))["studies"]["sbrt-nsclc"]["seq"] == 0


def test_what_is_no_backup_changes_nothing(
    begun: Daybook, database_url: str, tmp_path: Path, heads: Path
) -> None:
    before = rows(database_url, "SELECT feed FROM study"), heads.read_bytes()
    garbage, cut, other = tmp_path / "garbage", tmp_path / "cut", tmp_path / "other"
    garbage.write_bytes(b"no backup at all" * 100)
    whole = backed_up(database_url, tmp_path / "backup").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE t (x)")
    for file in (garbage, cut, other):
        done = begun("restore", file)
        assert (done.code, "[not_a_backup]" in done.err) == (2, True), done.err
        assert done.err.count("\n") == 1
    absent = begun("restore", tmp_path / "nowhere")
    assert (absent.code, "nowhere" in absent.err) == (3, True)
    assert (rows(database_url, "SELECT feed FROM study"), heads.read_bytes()) == before
    assert not list(tmp_path.glob("*.restoring*"))


def test_a_sqlite_file_with_a_bent_page_is_no_backup(migrated_sqlite_url: str, tmp_path: Path) -> None:
    """Migrated, copied, and then one page of it overwritten."""
    backup = backed_up(migrated_sqlite_url, tmp_path / "backup")
    bent = bytearray(backup.read_bytes())
    bent[2 * 4096 : 2 * 4096 + 200] = b"\xff" * 200
    backup.write_bytes(bent)
    database = Path(migrated_sqlite_url.removeprefix("sqlite:///"))
    before = database.read_bytes()
    with pytest.raises(Refused, match="not_a_backup"):
        backups.restore_sqlite(backup, database, lambda _url: None)
    assert database.read_bytes() == before


def test_postgresql_needs_its_own_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(b"PGDMP")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="is not installed"):
        backups.restore_postgresql(archive, "postgresql+psycopg://nobody@/nothing")
