"""An installation knows its key, and refuses another one before anything is written with it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.setup.key_canary import check_key, lay_canary
from app.services.setup.studies import create_staff
from app.storage.engine import write_engine
from app.storage.tables.studies import KeyCanary
from tests.scenarios.people import START
from tests.unaudited_writes import allow_everything


@pytest.fixture
def stranger(installation: Installation) -> Installation:
    """The same database with another key."""
    return replace(installation, secret_box=SecretBox(Fernet.generate_key()))


def canaries(installation: Installation) -> list[KeyCanary]:
    with installation.read() as session:
        return list(session.exec(select(KeyCanary)))


@pytest.mark.req("SEC-15")
def test_the_key_that_came_first_is_the_installation_s(
    installation: Installation, stranger: Installation
) -> None:
    check_key(stranger)
    assert canaries(installation) == [], "looking lays none"
    for _ in range(2):
        lay_canary(installation, START)
        check_key(installation)
    assert len(canaries(installation)) == 1
    for act in (check_key, lambda other: lay_canary(other, START)):
        with pytest.raises(Refused, match="wrong_key"):
            act(stranger)


def test_an_older_database_is_judged_by_the_secrets_that_it_holds(
    installation: Installation, stranger: Installation
) -> None:
    create_staff(
        StaffContext(installation, SYSTEM, START), "n@site.example", "N", "correct horse battery", "en"
    )
    with pytest.raises(Refused, match="wrong_key"):
        lay_canary(stranger, START)
    assert canaries(installation) == []
    lay_canary(installation, START)
    assert len(canaries(installation)) == 1


def test_words_of_another_kind_are_no_canary(installation: Installation) -> None:
    row = {"id": 1, "sealed": installation.secret_box.encrypt("nothing"), "laid_at": START}
    with write_engine(installation.engine).begin() as connection, allow_everything(connection):
        connection.execute(sa.insert(KeyCanary), row)
    with pytest.raises(Refused, match="wrong_key"):
        check_key(installation)


def test_of_two_that_lay_it_at_once_the_second_finds_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, looks = Installation.open_work, list[object]()

    def overtaken(self: Installation, actor: object, at: object) -> object:
        if not looks:
            looks.append(at)
            lay_canary(installation, START)
        return usual(self, actor, at)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(Installation, "open_work", overtaken)
    lay_canary(installation, START)
    assert len(canaries(installation)) == 1
