"""The alarm clock does all that is owed, goes on after a fault, and rings in the background."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select
from structlog.testing import capture_logs

from app.domain.records.access import SYSTEM, Role
from app.domain.records.acts import STORED_EPOCHS, KeyedAct
from app.domain.records.audit import AuditEvent
from app.jobs.ticker import Ticker, run_due_work, run_mail_round, run_tick
from app.notify.breaker import FAILURES, CircuitBreaker
from app.notify.channel import MessageText, SendFailed
from app.notify.smtp import SmtpChannel
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import PATIENCE, MessageSender
from app.storage.act_keys import read_page_epoch
from app.storage.tables.acts import ActKey
from app.storage.tables.studies import Site
from tests.scenarios.alerts import person_with_alert_rules, submit_severe_pain
from tests.scenarios.beginnings import open_installation_at, site_of, stage_of_fixtures
from tests.scenarios.correction_signer import Signer
from tests.scenarios.people import START, enrol_person, with_short_diary
from tests.scenarios.reminders import (
    WORDS,
    MailServer,
    count_entries,
    enrol_with_reminders,
    feed_types,
    message_sender,
    messages,
    shanghai,
)
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage
from tests.statement_log import record_statements
from tests.unaudited_writes import allow_everything

EVENING = shanghai(date(2026, 3, 4), 19)
GUARD_SECONDS = 120.0
"""Only against hanging."""


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    return stage_of_fixtures(request.fixturenames)


@pytest.fixture
def installation(migrated_url: str) -> Iterator[Installation]:
    with open_installation_at(migrated_url) as running:
        yield running


@pytest.fixture
def site(installation: Installation) -> Site:
    return site_of(installation)


@pytest.fixture
def reader() -> None:
    """Asked for: somebody is enrolled who wants reminders."""


@pytest.fixture
def randomised() -> None:
    """Asked for beside it: their diary begins on the fourth of March."""


@pytest.mark.usefixtures("reader", "randomised")
@pytest.mark.req("AVL-05")
def test_one_tick_tells_reminds_and_seals(installation: Installation) -> None:
    mail_server = MailServer()
    run_tick(installation, message_sender(mail_server), lambda: EVENING)
    assert feed_types(installation, "D0") == ["diary.opened"]
    assert len(mail_server.letters) == 1
    assert count_entries(installation, AuditEvent.TRAIL_SEALED) == 1
    with record_statements(installation.engine) as statements:
        run_tick(installation, message_sender(mail_server), lambda: EVENING)
    assert len(statements) == 1
    assert verify_trail(installation) == []


@pytest.mark.req("ALR-02")
def test_an_alert_of_a_dead_worker_is_delivered_once_by_the_next(
    installation: Installation, site: Site
) -> None:
    person = person_with_alert_rules(enrol_person(installation, site, "0571-001"))
    Signer(installation, site, "li", Role.NURSE)
    submit_severe_pain(person, START)
    mail_server = MailServer()
    run_due_work(person.installation, lambda: START)  # queued, and the worker is gone
    for _restart in range(2):
        run_tick(person.installation, message_sender(mail_server), lambda: START)
    assert [letter.to for letter in mail_server.letters] == ["li@example.org"]


@pytest.mark.req("ALR-02")
def test_alerts_are_delivered_before_remaining_reminders(
    installation: Installation, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised while a long row of reminders leaves."""
    monkeypatch.setattr("app.jobs.ticker.SHARE", 1)
    installation = with_short_diary(installation)
    for number in (1, 2, 3):
        enrol_with_reminders(installation, site, number).randomise(
            date(2026, 3, 4), shanghai(date(2026, 3, 4), 10)
        )
    person = person_with_alert_rules(enrol_person(installation, site, "0571-004"))
    Signer(installation, site, "li", Role.NURSE)

    class AlertedServer(MailServer):
        def send(self, letter: MessageText) -> None:
            if not self.letters:
                submit_severe_pain(person, EVENING)
                run_due_work(person.installation, lambda: EVENING)
            super().send(letter)

    mail_server = AlertedServer()
    run_tick(person.installation, message_sender(mail_server), lambda: EVENING)
    assert [letter.to for letter in mail_server.letters].index("li@example.org") == 1
    assert len(mail_server.letters) == 4


def tick_at(installation: Installation, moment: datetime) -> None:
    run_tick(installation, message_sender(MailServer()), lambda: moment)


def test_keys_of_acts_are_purged_once_a_day(installation: Installation) -> None:
    with installation.open_work(SYSTEM, START, KeyedAct("k" * 64, True, "nurse", "b" * 64, "/done")):
        pass
    remaining = []
    for day in range(STORED_EPOCHS + 1):
        for hour in (1, 2):
            tick_at(installation, START + timedelta(days=day, hours=hour))
        with installation.read() as session:
            remaining.append((len(session.exec(select(ActKey)).all()), read_page_epoch(session.connection())))
    assert remaining == [
        *((1, day) for day in range(1, STORED_EPOCHS)),
        (0, STORED_EPOCHS),
        (0, STORED_EPOCHS + 1),
    ]
    assert count_entries(installation, AuditEvent.TRAIL_SEALED) == STORED_EPOCHS + 1
    assert verify_trail(installation) == []


def test_a_bad_participant_stops_nobody_else(installation: Installation, site: Site) -> None:
    for number in (1, 2, 3):
        enrol_person(with_short_diary(installation), site, f"0571-{number:03d}")
    with installation.open_work(SYSTEM, START) as work:  # a plan that is not in the library
        bad = sa.text("UPDATE slot SET plan_version = '0.9' WHERE participant_id = 2")
        connection = work.session.connection()
        with allow_everything(connection):
            connection.execute(bad)
    with capture_logs() as logs:
        run_tick(installation, message_sender(MailServer()), lambda: START)
    assert [(log["part"], log["participant"]) for log in logs if log["log_level"] == "error"] == [("push", 2)]
    assert feed_types(installation, "BL") == ["assessment.opened"] * 2


@pytest.mark.usefixtures("reader", "randomised")
def test_a_letter_that_fails_is_logged_without_its_address(installation: Installation) -> None:
    with capture_logs() as logs:
        run_tick(
            installation,
            message_sender(MailServer(fails=SendFailed("nobody", lasting=True))),
            lambda: EVENING,
        )
    assert [log["event"] for log in logs] == ["failed"]
    assert "example.org" not in str(logs)
    assert messages(installation)[0].failure == "nobody"


@pytest.mark.usefixtures("reader", "randomised")
def test_claims_of_a_dead_worker_are_released(installation: Installation) -> None:
    dying = MailServer(fails=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_tick(installation, message_sender(dying), lambda: EVENING)
    with capture_logs() as logs:
        run_tick(installation, message_sender(MailServer()), lambda: EVENING + PATIENCE)
    assert {"event": "unconfirmed", "messages": 1, "log_level": "warning"} in logs
    assert messages(installation)[0].state == "unconfirmed"


def test_without_a_database_it_waits_for_the_next_tick(installation: Installation) -> None:
    with installation.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    nowhere = Installation(
        sa.create_engine("sqlite:////nowhere/at/all"),
        installation.library,
        installation.secret_box,
        "https://d.test",
        "0",
    )
    with capture_logs() as logs:
        run_tick(nowhere, message_sender(MailServer()), lambda: EVENING)
    assert [log["part"] for log in logs] == ["look"]


def test_it_rings_in_the_background_until_it_is_stopped(installation: Installation, site: Site) -> None:
    enrol_person(installation, site, "0571-001")
    rounds = threading.Semaphore(0)

    def clock() -> datetime:
        rounds.release()
        return START

    ticker = Ticker(installation, message_sender(MailServer()), clock, timedelta(milliseconds=50))
    ticker.start()
    while not feed_types(installation, "BL"):
        assert rounds.acquire(timeout=GUARD_SECONDS)
    ticker.stop()
    assert feed_types(installation, "BL") == ["assessment.opened"]


@contextmanager
def silent_relay() -> Iterator[str]:
    """A mail server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"smtp://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_mail_server_costs_three_letters_and_holds_no_other(
    installation: Installation, site: Site
) -> None:
    """The breaker opens; the rest of the batch goes back into the queue, untried, for whoever comes next."""
    installation = with_short_diary(installation)
    for number in range(1, FAILURES + 2):
        enrol_with_reminders(installation, site, number).randomise(
            date(2026, 3, 4), shanghai(date(2026, 3, 4), 10)
        )
    with silent_relay() as url:
        breaker = CircuitBreaker(SmtpChannel(url, "daybook@hospital.test", patience_seconds=0.1))
        silent = MessageSender({"email": breaker}, WORDS)
        run_tick(installation, silent, lambda: EVENING)
        assert [each.attempts for each in messages(installation)] == [1] * FAILURES + [0]
        assert {each.state for each in messages(installation)} == {"queued"}
        run_mail_round(installation, silent, lambda: EVENING, lambda: False)
    assert [each.attempts for each in messages(installation)] == [1] * FAILURES + [0]
    mail_server = MailServer()
    run_mail_round(installation, message_sender(mail_server), lambda: EVENING, lambda: False)
    assert len(mail_server.letters) == 1, "what was given back is sent at once when somebody can"


@pytest.mark.usefixtures("reader", "randomised")
def test_a_stop_begins_no_other_letter(installation: Installation, site: Site) -> None:
    enrol_with_reminders(installation, site, 2).randomise(date(2026, 3, 4), shanghai(date(2026, 3, 4), 10))
    run_due_work(installation, lambda: EVENING)
    mail_server = MailServer()
    run_mail_round(
        installation, message_sender(mail_server), lambda: EVENING, lambda: len(mail_server.letters) > 0
    )
    assert len(mail_server.letters) == 1
    assert [each.state for each in messages(installation)] == ["sent", "queued"]
    run_mail_round(installation, message_sender(mail_server), lambda: EVENING, lambda: False)
    assert len(mail_server.letters) == 2


@pytest.mark.usefixtures("reader", "randomised")
@pytest.mark.req("AVL-07")
def test_a_letter_that_never_ends_holds_neither_the_clock_nor_answers_nor_the_stop(
    installation: Installation, site: Site
) -> None:
    """The mail server says one word and then nothing, for longer than anybody waits."""
    run_due_work(installation, lambda: EVENING)
    answering = enrol_with_reminders(installation, site, 2)
    sending, end, ticks = threading.Event(), threading.Event(), threading.Semaphore(0)

    class Endless:
        def send(self, _letter: MessageText) -> None:
            sending.set()
            end.wait()

    def clock() -> datetime:
        if threading.current_thread().name != "mail":
            ticks.release()
        return EVENING

    ticker = Ticker(
        installation, MessageSender({"email": Endless()}, WORDS), clock, timedelta(milliseconds=50)
    )
    ticker.start()
    assert sending.wait(300)
    for _ in range(6):
        assert ticks.acquire(timeout=300), "the clock goes on"
    answering.begin("BL", START)
    assert not answering.submit("BL", START).repeated, "and forms are sent meanwhile"
    ticker.stop(patience_seconds=0.1)
    assert messages(installation)[0].state == "sending", "nobody knows, so it is never sent again"
    end.set()
    ticker.stop()
