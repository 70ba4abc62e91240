"""A demonstration shows how a licence ends by made-up ones, of our own words; a trial takes none of them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet

from app.definitions.library import Library, load_library
from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import PackValidity
from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES
from app.services.core.context import StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.setup.packs import (
    check_pack,
    import_pack,
    import_sample_pack,
    list_all_pack_statuses,
    list_pack_statuses,
    refresh_packs,
)
from app.storage.engine import open_engine
from tests.refusals import expect_refusal
from tests.scenarios.licensed_trial import ENDS, STUDY, open_trial, pack_of, write_definitions
from tests.scenarios.people import START, days
from tests.statement_log import record_statements


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return load_library(write_definitions(tmp_path_factory.mktemp("moon") / "questionnaires"), LANGUAGE_CODES)


@pytest.fixture
def empty(migrated_sqlite_url: str, library: Library) -> Iterator[Installation]:
    engine = open_engine(migrated_sqlite_url)
    secret_box = SecretBox(Fernet.generate_key(), HashCost(1, 8, 1))
    yield Installation(engine, library, secret_box, "https://d.test", "0")
    engine.dispose()


@pytest.fixture
def licensed(library: Library) -> Instrument:
    return library.get_instrument("moon-6", "1.0")


@pytest.mark.req("VAL-08")
def test_a_demonstration_takes_no_licensed_words_and_pays_nothing_for_its_own(
    empty: Installation, licensed: Instrument
) -> None:
    open_trial(empty, START, StudyMode.DEMO)
    with expect_refusal("demo_takes_no_pack"):
        import_pack(StaffContext(empty, SYSTEM, START), STUDY, pack_of("en"), "licensed.toml")
    assert empty.get_text(STUDY, licensed, "en").wording == "demonstration"
    assert (list_pack_statuses(empty, STUDY, "1.0", START), list_all_pack_statuses(empty, START)) == ([], [])
    made_up = pack_of("en", ENDS).replace("official", "demonstration")
    system = StaffContext(empty, SYSTEM, START)
    import_sample_pack(system, STUDY, made_up, "made-up.toml")
    with pytest.raises(BadDefinition):
        import_sample_pack(system, STUDY, pack_of("zh_CN"), "licensed.toml")
    empty.refresh_packs(STUDY)
    ends = datetime(ENDS.year, ENDS.month, ENDS.day, tzinfo=UTC)
    for at, standing in ((ends - days(30), PackValidity.ENDS_SOON), (ends + days(2), PackValidity.EXPIRED)):
        (status,) = list_pack_statuses(empty, STUDY, "1.0", at)
        assert (status.language, status.standing) == ("en", standing)
        check_pack(empty, empty.library.get_plan(STUDY, "1.0"), licensed, "en", at)  # it stops nobody
    with record_statements(empty.engine) as statements:
        assert empty.get_text(STUDY, licensed, "zh_CN", START + days(1)).wording == "demonstration"
        refresh_packs(empty, START)
    assert list(statements) == []


@pytest.mark.req("VAL-08")
def test_a_trial_takes_no_made_up_licence(empty: Installation) -> None:
    open_trial(empty, START)
    made_up = pack_of("en").replace("official", "demonstration")
    with expect_refusal("demo_takes_no_pack"):
        import_sample_pack(StaffContext(empty, SYSTEM, START), STUDY, made_up, "made-up.toml")
