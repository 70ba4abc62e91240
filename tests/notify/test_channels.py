"""Letters leave whole and in the reader's language, and every failure says whether it left."""

from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest

from app.i18n.catalogues import Catalogues
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.notify.console import ConsoleChannel
from app.notify.smtp import SmtpChannel
from app.services.reminders.reminder_texts import ReminderContent, ReminderTexts
from app.settings import ROOT
from tests.notify.relays import misbehaving_relay
from tests.servers import Mailbox, free_socket

LETTER = MessageText(
    key="k1",
    to="reader@example.org",
    subject="Daybook study: a form is ready",
    text="您的研究问卷已可填写。\n\nhttps://d.test/",
    language="zh_CN",
    at=datetime(2026, 3, 4, 11, tzinfo=UTC),
)
SENDER = "Daybook <daybook@hospital.test>"


def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    SmtpChannel(mailbox.url, SENDER).send(LETTER)
    (arrived,) = mailbox.letters
    assert arrived["To"] == "reader@example.org"
    assert arrived["From"] == SENDER
    assert arrived["Subject"] == LETTER.subject
    assert arrived["Message-ID"] == "<k1@hospital.test>"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived["Date"] == "Wed, 04 Mar 2026 11:00:00 +0000"
    assert arrived.get_content().replace("\r\n", "\n").strip() == LETTER.text


def test_the_same_letter_has_the_same_name_for_ever(mailbox: Mailbox) -> None:
    channel = SmtpChannel(mailbox.url, "daybook")
    channel.send(LETTER)
    channel.send(replace(LETTER, at=datetime(2026, 3, 5, tzinfo=UTC)))
    assert [arrived["Message-ID"] for arrived in mailbox.letters] == ["<k1@daybook>"] * 2


@pytest.mark.parametrize(
    ("replies", "code", "lasting"),
    [
        ({"hello": "554 go away"}, "unreachable", False),
        ({"hello": ""}, "unreachable", False),
        ({"MAIL": "451 later"}, "sender_refused", False),
        ({"MAIL": "550 never"}, "sender_refused", True),
        ({"RCPT": "450 later"}, "recipient_refused", False),
        ({"RCPT": "550 nobody"}, "recipient_refused", True),
        ({"RCPT": ""}, "broken_off", False),
        ({"DATA": "451 later"}, "text_refused", False),
        ({".": "452 full"}, "text_refused", False),
        ({".": "554 never"}, "text_refused", True),
    ],
)
def test_what_did_not_leave_says_so(replies: dict[str, str], code: str, lasting: bool) -> None:
    with misbehaving_relay(replies) as address, pytest.raises(SendFailed) as failed:
        SmtpChannel(f"smtp://{address}", SENDER).send(LETTER)
    assert (failed.value.code, failed.value.lasting) == (code, lasting)
    assert LETTER.to not in str(failed.value)


def test_silence_after_the_text_is_not_taken_for_a_failure() -> None:
    with misbehaving_relay({".": ""}) as address, pytest.raises(Unconfirmed):
        SmtpChannel(f"smtp://{address}", SENDER).send(LETTER)


def test_a_relay_may_ask_for_a_name_and_password() -> None:
    with misbehaving_relay({}) as address:
        SmtpChannel(f"smtp://me:p%40ss@{address}", SENDER).send(LETTER)
    with (
        misbehaving_relay({"AUTH": "535 wrong"}) as address,
        pytest.raises(SendFailed, match="sign_in_refused"),
    ):
        SmtpChannel(f"smtp://me:wrong@{address}", SENDER).send(LETTER)


def test_beyond_this_machine_nothing_travels_in_clear(mailbox: Mailbox) -> None:
    elsewhere = mailbox.url.replace(
        "127.0.0.1", "127.1"
    )  # the same server, by a name that is not known as near
    for url in (elsewhere, mailbox.url.replace("smtp:", "smtps:")):
        with pytest.raises(SendFailed, match="unreachable"):
            SmtpChannel(url, SENDER, patience_seconds=3).send(LETTER)
    assert mailbox.letters == []


def test_nobody_at_the_address_of_the_relay() -> None:
    listener = free_socket()
    with listener, pytest.raises(SendFailed, match="unreachable"):
        SmtpChannel(f"smtp://127.0.0.1:{listener.getsockname()[1]}", SENDER).send(LETTER)


def test_an_address_that_cannot_be_written_is_a_lasting_failure(mailbox: Mailbox) -> None:
    with pytest.raises(SendFailed) as failed:
        SmtpChannel(mailbox.url, SENDER).send(replace(LETTER, to="读者@example.org"))
    assert (failed.value.code, failed.value.lasting) == ("bad_address", True)


@pytest.mark.req("PRI-01")
def test_the_console_shows_the_letter_without_its_address() -> None:
    stream = StringIO()
    ConsoleChannel(stream).send(LETTER)
    assert LETTER.text in stream.getvalue()
    assert LETTER.to not in stream.getvalue()


@pytest.mark.req("PRI-04")
@pytest.mark.parametrize("diary", [True, False])
@pytest.mark.parametrize("code", ["en", "zh_CN", "xx"])
def test_a_reminder_says_all_it_must_and_nothing_of_health(code: str, diary: bool) -> None:
    words = ReminderTexts.load(Catalogues.load(ROOT / "locales"))
    note = ReminderContent("研究", diary, 1, date(2026, 11, 27), "https://d.test/", "0571-0000000", "8-17")
    subject, text = words.write_reminder(note, code)
    assert "研究" in subject
    assert "\n" not in subject
    for part in ("1", "27", "https://d.test/", "0571-0000000", "8-17"):
        assert part in text
    for never in ("cancer", "symptom", "forgot", "!", "癌", "症状", "忘", "！"):
        assert never not in subject + text


@pytest.mark.req("PRI-04")
def test_messages_have_one_template_each() -> None:
    names = {path.name for path in (Path(ROOT) / "app/templates/messages").iterdir()}
    to_staff = {"staff_link.txt", "alert.txt"}
    assert names == {"reminder.txt", "contact_check.txt", "address_code.txt"} | to_staff
