"""Official words reach a trial by packs alone: imported whole, kept for ever, never in a demonstration."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlmodel import col, select

from app.definitions.library import Library, load_library
from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import PackValidity
from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.domain.records.studies import StudyMode
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES
from app.jobs.ticker import run_tick
from app.services.clinic.study.overviews import list_instruments
from app.services.core.context import EdcClientSession, EdcContext, ParticipantContext, StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.pack_registry import PackRegistry
from app.services.core.secrets import SecretBox
from app.services.datasets.cuts import make_cut
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.services.edc.entity_tags import Preconditions
from app.services.edc.participants import ParticipantBody, receive_participant
from app.services.edc.requests import EdcRequest
from app.services.patient.home import get_home
from app.services.patient.submitted_forms import get_submitted_form
from app.services.reminders.staff_reminder import queue_staff_reminder
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.packs import (
    check_pack,
    import_pack,
    list_all_pack_statuses,
    list_pack_statuses,
    packs_needing_attention,
    refresh_packs,
)
from app.services.setup.readiness import find_readiness_warnings
from app.services.setup.studies import load_study, open_site
from app.storage.engine import open_engine, write_engine
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.messages import Message
from app.storage.tables.packs import InstrumentPack
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.refusals import expect_refusal
from tests.scenarios.licensed_trial import (
    ENDS,
    OTHER,
    STUDY,
    import_packs_of_trial,
    open_trial,
    pack_of,
    write_definitions,
)
from tests.scenarios.people import (
    START,
    Person,
    bind_browser,
    days,
    enrol_person,
    enrolment_entry,
    site_entry,
    staff_member,
)
from tests.scenarios.reminders import MailServer, enrol_with_reminders, message_sender, shanghai
from tests.statement_log import record_statements
from tests.unaudited_writes import allow_everything

SOON = date(2026, 3, 10)
OVER = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)  # midnight after that day in Shanghai
LAST = OVER - timedelta(minutes=1)


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
def trial(empty: Installation) -> Installation:
    """A trial that asks a licensed instrument, without any pack yet."""
    open_trial(empty, START)
    return empty


@pytest.fixture
def site(trial: Installation) -> Site:
    return open_site(StaffContext(trial, SYSTEM, START), STUDY, site_entry("0571"))


@pytest.fixture
def licensed(library: Library) -> Instrument:
    return library.get_instrument("moon-6", "1.0")


def brought(trial: Installation, content: str, study: str = STUDY, at: datetime = START) -> bool:
    return import_pack(StaffContext(trial, SYSTEM, at), study, content, "pack.toml")[1]


def another_process(trial: Installation) -> Installation:
    """The same installation as another worker sees it."""
    return replace(trial, pack_registry=PackRegistry())


def answers_of_six(value: int = 2) -> dict[str, int | str | None]:
    return {f"m{number}": value for number in range(1, 7)}


@pytest.mark.req("CAP-01", "AUD-01")
def test_an_imported_pack_is_stored_and_audited(trial: Installation) -> None:
    assert brought(trial, pack_of("en"))
    with trial.read() as session:
        row = session.exec(select(InstrumentPack)).one()
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.PACK_IMPORTED)).one()
    assert (row.content, row.lang, row.valid_until) == (pack_of("en"), "en", ENDS)
    assert (row.licensee, row.permission, row.imported_by) == ("Lunar Hospital", "MOON-2026-17", "daybook")
    assert row.sha256 in entry.changes
    assert "How bright" not in entry.changes


def test_the_same_file_twice_changes_nothing(trial: Installation) -> None:
    assert [brought(trial, pack_of("en")), brought(trial, pack_of("en"))] == [True, False]
    with trial.read() as session:
        assert len(session.exec(select(InstrumentPack)).all()) == 1


@pytest.mark.req("CAP-01", "CAP-03")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pack_of("en", study=OTHER), "pack_of_other_study"),
        (pack_of("en", date(2026, 3, 1)), "pack_expired"),
        (pack_of("en").replace('lang = "en"', 'lang = "fr"'), "no_language"),
        (pack_of("en").replace('"moon-6"', '"sun-6"'), "unknown_instrument"),
    ],
)
def test_a_pack_that_does_not_fit_is_refused(trial: Installation, content: str, code: str) -> None:
    with expect_refusal(code):
        brought(trial, content)
    with expect_refusal("unknown_study"):
        brought(trial, pack_of("en"), "mars-trial")
    with pytest.raises(BadDefinition, match=r"items\.m1"):
        brought(trial, pack_of("en").replace("m1 = ", "m9 = "))
    with trial.read() as session:
        assert session.exec(select(InstrumentPack)).all() == []


def test_a_pack_that_the_plan_does_not_use_is_refused(trial: Installation) -> None:
    plans = dict(trial.library.plans)
    plan = plans[STUDY, "1.0"]
    free = tuple(used for used in plan.instruments if used.id == "symptom-diary")
    plans[STUDY, "1.0"] = replace(plan, instruments=free)
    without = replace(trial, library=replace(trial.library, plans=plans))
    with expect_refusal("not_in_plan"):
        brought(without, pack_of("en"))


@pytest.mark.req("CAP-01", "CAP-15")
def test_nobody_is_enrolled_before_every_language_is_there(trial: Installation, site: Site) -> None:
    nurse = Person(trial, site, "0571-001").nurse
    for lang in ("zh_CN", "en"):
        with expect_refusal("pack_missing") as refused:
            enrol_participant(StaffContext(trial, nurse, START), site, enrolment_entry("0571-001"))
        assert refused.value.details == {"instrument": "moon-6", "language": lang}
        brought(another_process(trial), pack_of(lang))
    assert (
        enrol_participant(StaffContext(trial, nurse, START), site, enrolment_entry("0571-001")).subject
        == "0571-001"
    )


@pytest.mark.req("CAP-03")
def test_no_language_stands_in_for_another(trial: Installation, licensed: Instrument) -> None:
    brought(trial, pack_of("en"))
    assert trial.get_text(STUDY, licensed, "en").items["m1"] == "How bright 1?"
    with expect_refusal("pack_missing"):
        trial.get_text(STUDY, licensed, "zh_CN")
    assert trial.name_instrument(STUDY, licensed, "en") == "Moonlight"
    assert trial.name_instrument(STUDY, licensed, "zh_CN") == "月光"  # staff read a name of ours; no question
    with expect_refusal("unknown_study"):
        trial.get_text("mars-trial", licensed, "en")


@pytest.mark.req("CAP-01", "CAP-03")
def test_answers_and_responses_name_their_text_version(trial: Installation, site: Site) -> None:
    import_packs_of_trial(trial, START)
    person = enrol_person(trial, site, "0571-001")
    slot = person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "m1", 3))
    person.submit("BL", START, answers_of_six())
    with trial.read() as session:
        answers = session.exec(select(AnswerEvent)).all()
        response = session.exec(select(Response)).one()
    official = trial.get_text(STUDY, trial.library.get_instrument("moon-6", "1.0"), "en").sha256
    assert {answer.text_sha256 for answer in answers} == {response.text_sha256} == {official}
    assert (
        get_submitted_form(
            ParticipantContext(trial, person.participant(START), person.participant(START).seen_at), slot
        ).name
        == "Moonlight"
    )


@pytest.mark.req("CAP-15")
def test_a_begun_form_keeps_its_words_and_a_new_one_has_the_newest(
    trial: Installation, site: Site, licensed: Instrument
) -> None:
    import_packs_of_trial(trial, START)
    person = enrol_person(trial, site, "0571-001")
    begun, later = START + timedelta(minutes=1), START + timedelta(minutes=5)
    person.begin("BL", begun)
    worker = another_process(trial)
    assert worker.get_text(STUDY, licensed, "en", begun).items["m1"] == "How bright 1?"
    import_packs_of_trial(trial, later, date(2029, 12, 31), " *")
    for process in (trial, worker):
        assert process.get_text(STUDY, licensed, "en", begun).items["m1"] == "How bright 1?"
        assert process.get_text(STUDY, licensed, "en", later).items["m1"] == "How bright 1? *"
    assert worker.get_text(STUDY, licensed, "en").items["m1"] == "How bright 1? *"


def test_a_language_that_came_after_the_beginning_keeps_its_first_words(
    trial: Installation, licensed: Instrument
) -> None:
    import_packs_of_trial(trial, START + days(1), ENDS, "", "en")
    import_packs_of_trial(trial, START + days(2), ENDS, " *", "en")
    assert trial.get_text(STUDY, licensed, "en", START).items["m1"] == "How bright 1?"


def test_a_running_process_sees_a_new_pack_at_its_next_tick(
    trial: Installation, licensed: Instrument
) -> None:
    import_packs_of_trial(trial, START)
    worker = another_process(trial)
    assert worker.get_text(STUDY, licensed, "en").items["m1"] == "How bright 1?"
    import_packs_of_trial(trial, START + days(1), ENDS, " *")
    refresh_packs(worker, START + days(1))
    with record_statements(trial.engine) as statements:
        assert worker.get_text(STUDY, licensed, "en").items["m1"] == "How bright 1? *"
        assert worker.get_text(STUDY, licensed, "en", START + days(1)).items["m1"] == "How bright 1? *"
    assert list(statements) == []


@pytest.mark.req("CAP-01", "CAP-15")
def test_when_the_licence_is_over_begun_forms_are_finished_and_none_begins(
    trial: Installation, site: Site, licensed: Instrument
) -> None:
    import_packs_of_trial(trial, START, SOON)
    first, second = enrol_person(trial, site, "0571-001"), enrol_person(trial, site, "0571-002")
    first.cookie, second.cookie = bind_browser(first, LAST), bind_browser(second, LAST)
    first.begin("BL", LAST)
    assert get_home(ParticipantContext(trial, second.participant(OVER), OVER)).due == ()
    with expect_refusal("pack_expired") as refused:
        second.begin("BL", OVER)
    assert refused.value.details["day"] == SOON
    assert [form.name for form in get_home(ParticipantContext(trial, first.participant(OVER), OVER)).due] == [
        "Moonlight"
    ]
    first.save("BL", OVER, SubmittedAnswer(1, 0, "m1", 3))
    first.submit("BL", OVER, answers_of_six())
    with expect_refusal("pack_expired"):
        enrol_participant(StaffContext(trial, first.nurse, OVER), site, enrolment_entry("0571-003"))
    import_packs_of_trial(another_process(trial), OVER, ENDS, " *")
    second.begin("BL", OVER)
    assert trial.get_text(STUDY, licensed, "en", second.slot("BL").begun_at).items["m1"] == "How bright 1? *"


def test_nobody_is_reminded_of_a_form_that_cannot_begin(trial: Installation, site: Site) -> None:
    import_packs_of_trial(trial, START, SOON)
    person = enrol_with_reminders(trial, site)
    person.randomise(date(2026, 3, 2), START)
    mail_server, opened = MailServer(), shanghai(date(2026, 4, 6), 9, 1)
    run_tick(trial, message_sender(mail_server), lambda: opened)
    with trial.read() as session:
        settled = select(Slot.instrument, Message.state, Message.failure).join(
            Message, col(Message.slot_id) == col(Slot.id)
        )
        kinds = set(session.exec(settled))
    assert ("moon-6", MessageState.dropped, "no_wording") in kinds
    assert {(instrument, state) for instrument, state, _ in kinds if state != MessageState.dropped} <= {
        ("symptom-diary", MessageState.sent)
    }
    with trial.read() as session:
        open_now = select(Slot.public_id).where(Slot.instrument == "moon-6", col(Slot.opens_at) <= opened)
        slot_id = session.exec(open_now.where(col(Slot.closes_at) > opened)).one()
    with expect_refusal("pack_expired"):
        queue_staff_reminder(StaffContext(trial, person.nurse, opened), person.row().id, slot_id)


@pytest.mark.req("CAP-01")
@pytest.mark.parametrize(
    ("change", "study", "lang"),
    [
        ("content = replace(content, '多亮', '多暗')", STUDY, "zh_CN"),
        ("lang = 'en'", STUDY, "en"),
        (f"study_id = (SELECT id FROM study WHERE code = '{OTHER}')", OTHER, "zh_CN"),
    ],
)
def test_a_stored_pack_that_was_altered_is_not_shown(
    trial: Installation, licensed: Instrument, change: str, study: str, lang: str
) -> None:
    load_study(StaffContext(trial, SYSTEM, START), OTHER, "1.0", StudyMode.LIVE)
    import_packs_of_trial(trial, START)
    with write_engine(trial.engine).begin() as connection, allow_everything(connection):
        connection.exec_driver_sql("DROP TRIGGER instrument_pack_no_update")
        connection.exec_driver_sql(f"UPDATE instrument_pack SET {change} WHERE lang = 'zh_CN'")
    with expect_refusal("pack_altered"):
        trial.get_text(study, licensed, lang)
    with expect_refusal("pack_altered"):
        check_pack(trial, trial.library.get_plan(study, "1.0"), licensed, lang, START)
    altered = [each for each in list_all_pack_statuses(trial, START) if each.standing is PackValidity.ALTERED]
    assert [(each.study, each.language) for each in altered] == [(study, lang)]
    assert "pack_altered" in find_readiness_warnings(trial, START)
    if "content" in change:
        assert trial.get_text(study, licensed, "en").items["m1"] == "How bright 1?"


def test_packs_needing_attention_are_listed_in_time(trial: Installation) -> None:
    import_packs_of_trial(trial, START, date(2026, 5, 31), "", "en")
    for at, standing, remaining in (
        (datetime(2026, 3, 31, 15, 59, tzinfo=UTC), ["pack_missing"], 61),
        (datetime(2026, 3, 31, 16, 1, tzinfo=UTC), ["pack_ends_soon", "pack_missing"], 60),
        (datetime(2026, 5, 31, 15, 59, tzinfo=UTC), ["pack_ends_soon", "pack_missing"], 0),
        (datetime(2026, 5, 31, 16, 1, tzinfo=UTC), ["pack_expired", "pack_missing"], -1),
    ):
        assert find_readiness_warnings(trial, at) == standing
        by_language = {each.language: each for each in list_all_pack_statuses(trial, at)}
        assert by_language["en"].remaining_days == remaining
        assert by_language["zh_CN"].valid_until is None
    import_packs_of_trial(trial, at := datetime(2026, 6, 1, tzinfo=UTC), ENDS, " *")
    assert (
        find_readiness_warnings(trial, at),
        packs_needing_attention(list_pack_statuses(trial, STUDY, "1.0", at)),
    ) == ([], [])


def test_an_administrator_reads_how_each_study_stands_with_a_licence(trial: Installation, site: Site) -> None:
    import_packs_of_trial(trial, START, ENDS, "", "en")
    reader = StaffContext(trial, staff_member(Role.ADMIN, site, everywhere=True), START)
    moon, diary, later = list_instruments(reader)
    assert [each.licensed for each in (moon, diary, later)] == [True, False, False]
    assert [each.studies for each in (moon, diary, later)] == [(STUDY,), (STUDY,), ()]
    assert diary.packs == later.packs == ()
    assert {each.language: each.valid_until for each in moon.packs} == {"en": ENDS, "zh_CN": None}


@pytest.mark.req("VAL-07")
def test_a_cut_of_forms_without_scales_has_no_rates_to_compute_again(trial: Installation, site: Site) -> None:
    import_packs_of_trial(trial, START)
    enrol_person(trial, site, "0571-001").randomise(START.date(), START)
    context = StaffContext(trial, SYSTEM, START + days(90))
    make_cut(context, STUDY, "FINAL", "final analysis")
    rates = recheck_cut(context, STUDY, "FINAL")[-1]
    assert (rates.kind, rates.total) == ("rates", 0)


@pytest.mark.req("CAP-01")
def test_the_edc_registers_nobody_before_the_words_are_there(trial: Installation, site: Site) -> None:
    scopes, sites = frozenset(scope.value for scope in Scope), frozenset({site.id})
    caller = EdcClientSession("c", "EDC", site.study_id, STUDY, "f", scopes, None, sites, START + days(1))
    request = EdcRequest(EdcContext(trial, caller, START), "0571-001", START, Preconditions())
    body = ParticipantBody("0571", "en", START.date())
    with expect_refusal("pack_missing"):
        receive_participant(request, body)
    import_packs_of_trial(trial, START)
    assert receive_participant(request, body).acts
