"""What the question runner does when the network, the tab or the phone fails: nothing is lost or made up."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.outbox import item_of_token, item_tokens, record_checksum
from app.patient.forms.event_parser import parse_instant
from tests.faces import page_samples as samples
from tests.faces.phones import Phone, answer_last_two, expect_line, open_form_tab, phone_with
from tests.page_time import take_turns, wait_until

KEY = item_tokens(30, b"x")
CODES = [f"q{number}" for number in range(1, 31)]

OF_ANOTHER_FORM = """() => {
  const [key] = Object.keys(localStorage), box = JSON.parse(localStorage[key]);
  localStorage[key] = JSON.stringify({...box, q: [...box.q, [2, 0, '~', 1, box.q[0][4], 0, 1]]});
}"""
"""Puts a sign into the box that no question of this form has."""


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    """The QLQ-C30 answered up to the 28th question."""
    answers = dict.fromkeys(CODES[:28], 2)
    yield from phone_with(chromium, samples.form(samples.QLQ, "en", answers))


@pytest.mark.req("OFF-00", "OFF-01", "OFF-02", "OFF-04")
def test_answers_wait_for_the_network_and_arrive_in_order_before_the_form(phone: Phone) -> None:
    phone.context.set_offline(True)
    answer_last_two(phone)
    expect_line(phone, "will be sent later. You can carry on.")
    phone.next()
    expect_line(phone, "Open this page again when you have a connection.")
    assert phone.desk.submissions == []
    phone.context.set_offline(False)
    phone.page.wait_for_url("**/done")
    assert [(event["seq"], event["item"], event["offline"]) for event in phone.desk.events] == [
        (1, "q29", True),
        (2, "q30", True),
    ]
    assert [submission["offline"] for submission in phone.desk.submissions] == ["1"]
    assert phone.stored() == {}


@pytest.mark.req("OFF-00", "OFF-01", "OFF-03")
@pytest.mark.parametrize("then", [204, 409, 503])
def test_nobody_waits_for_a_save_under_way(phone: Phone, then: int) -> None:
    """The form brings along what was not acknowledged; the save's own answer comes too late to matter."""
    phone.desk.holds = True
    answer_last_two(phone)
    with phone.page.expect_response("**/answers") as saved:
        phone.next()
        phone.page.wait_for_url("**/done")
        assert phone.desk.events == []
        assert phone.stored() == {}
        phone.desk.save, phone.desk.holds = then, False
    assert saved.value.status == then
    carried = json.loads(phone.desk.submissions[0]["events"])
    assert [(seq, item, offline) for seq, _, item, _, _, _, offline in carried] == [
        (1, "q29", 0),
        (2, "q30", 0),
    ]
    take_turns(phone.page)
    assert (phone.page.inner_text("h1"), phone.page.url, phone.stored()) == (
        "Thanks",
        f"{phone.url}/f/x/done",
        {},
    )


def test_a_form_that_is_not_taken_leaves_its_answers_waiting(phone: Phone) -> None:
    """Neither the save nor the form came through: both are told again, the answers first."""
    phone.desk.holds = True
    answer_last_two(phone)
    phone.desk.submit = 503
    phone.next()
    expect_line(phone, "Open this page again when you have a connection.")
    phone.desk.save, phone.desk.submit, phone.desk.holds = 503, 200, False
    take_turns(phone.page)
    assert [len(json.loads(record)["q"]) for record in phone.stored().values()] == [2]
    phone.desk.save = 204
    phone.page.wait_for_url("**/done")
    assert [(event["seq"], event["offline"]) for event in phone.desk.events] == [(1, True), (2, True)]
    assert ["events" in submission for submission in phone.desk.submissions] == [True, False]
    assert phone.stored() == {}


@pytest.mark.req("OFF-01", "OFF-02", "OFF-03", "OFF-04")
def test_an_offline_submission_survives_a_restart(phone: Phone, chromium: Browser) -> None:
    phone.context.set_offline(True)
    answer_last_two(phone)
    phone.next()
    expect_line(phone, "Open this page again")
    (name, stored_record), *others = phone.stored().items()
    assert others == []
    assert "q29" not in name + stored_record
    record = json.loads(stored_record)["q"][0]
    assert item_of_token(record[2], KEY, CODES) == "q29"
    again = phone.restarted(chromium)
    again.page.wait_for_url("**/done")
    assert [(event["item"], event["value"]) for event in again.desk.events] == [("q29", 5), ("q30", 7)]
    assert [submission["q30"] for submission in again.desk.submissions] == ["7"]
    assert again.desk.submissions[0]["at"] == json.loads(stored_record)["w"]
    assert again.stored() == {}
    again.context.close()


def test_stored_answers_are_restored_on_reopening(phone: Phone, chromium: Browser) -> None:
    phone.context.set_offline(True)
    phone.choose(4)
    expect_line(phone, "kept on this phone")
    phone.page.evaluate(OF_ANOTHER_FORM)
    again = phone.restarted(chromium)
    expect(again.page).to_have_title("Question 30 of 30 - Quality of life")
    expect(again.page.locator('[name=q29][value="5"]')).to_be_checked()
    again.expect_values(5)
    assert [(event["seq"], event["item"], event["offline"]) for event in again.desk.events] == [
        (1, "q29", True)
    ]
    again.choose(0)
    again.next()
    assert again.question == "Check your answers"
    assert again.desk.bodies[0]["client"] != again.desk.bodies[-1]["client"]
    again.context.close()


@pytest.mark.req("OFF-02")
def test_the_checksum_is_the_one_that_the_server_makes(phone: Phone) -> None:
    phone.choose(3)
    expect(phone.page.locator("#net")).to_have_text("")
    phone.next()
    phone.next()
    phone.page.click("#leave")
    phone.page.wait_for_selector("#review", state="visible")
    phone.expect_values(4, None)
    for body in phone.desk.bodies:
        for event in body["events"]:  # type: ignore[attr-defined]  # JSON
            at = parse_instant(event["at"], "at")
            answer = SubmittedAnswer(
                event["seq"], event["base"], event["item"], event["value"], at, None, True, event["sum"]
            )
            sign = KEY[CODES.index(event["item"])]
            assert record_checksum(KEY, str(body["client"]), sign, answer) == event["sum"]


def test_changes_after_an_offline_submission_are_not_submitted_alone(phone: Phone, chromium: Browser) -> None:
    phone.context.set_offline(True)
    answer_last_two(phone)
    phone.next()
    expect_line(phone, "Open this page again")
    phone.page.click("#back")
    again = phone.restarted(chromium)
    expect(again.page.locator("#review")).to_be_visible()
    again.expect_values(5, 7)
    assert again.desk.submissions == []
    again.context.close()


def test_two_tabs_keep_a_box_each(phone: Phone) -> None:
    other = open_form_tab(phone.desk, phone.context, phone.url)
    phone.context.set_offline(True)
    phone.choose(3)
    expect_line(phone, "kept on this phone")
    other.choose(5)
    expect_line(other, "kept on this phone")
    # Each tab sees its own box at once, and that of another process a moment later.
    assert len(phone.stored() | other.stored()) == 2
    phone.context.set_offline(False)
    for tab in (phone, other):
        expect(tab.page.locator("#net")).to_have_class("vh")
    wait_until(phone.page, lambda: len(phone.desk.events) >= 2)
    assert sorted(str(event["value"]) for event in phone.desk.events) == ["4", "6"]
    assert phone.stored() == {}


@pytest.mark.req("OFF-05")
def test_an_answer_rests_on_what_this_page_has_seen(phone: Phone) -> None:
    with phone.page.expect_response("**/answers"):
        phone.choose(3)
    phone.desk.others = 1
    with phone.page.expect_response("**/answers"):
        phone.choose(4)
    phone.next()
    with phone.page.expect_response("**/answers"):
        phone.choose(2)
    assert [event["base"] for event in phone.desk.events[:3]] == [0, 1, 1]


def test_a_server_error_keeps_the_answer_until_it_is_taken(phone: Phone) -> None:
    phone.desk.save = 503
    phone.choose(3)
    expect_line(phone, "kept on this phone")
    phone.desk.save = 204
    phone.next()
    phone.choose(2)
    phone.expect_values(4, 3)
    assert [event["item"] for event in phone.desk.events] == ["q29", "q30"]


def test_one_refused_answer_does_not_hold_up_the_others(phone: Phone) -> None:
    phone.desk.save = 503
    answer_last_two(phone)
    phone.desk.save = 422
    take_turns(phone.page)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    expect(phone.page.locator("#net")).to_have_class("warn")
    phone.desk.save = 204
    phone.next()
    phone.page.wait_for_url("**/done")
    assert phone.desk.submissions[0]["q30"] == "7"


def test_an_ended_session_asks_who_it_is_in_the_same_tab(phone: Phone) -> None:
    phone.desk.save = 401
    phone.choose(3)
    phone.page.wait_for_selector("#login", state="visible")
    phone.desk.save = 204
    phone.page.click("#login a")
    expect(phone.page).to_have_title("Question 30 of 30 - Quality of life")
    batches = {(str(body["client"]), len(body["events"])) for body in phone.desk.bodies}  # type: ignore[arg-type]  # JSON
    assert len(batches) == 1  # once while leaving and once again: the server stores it once


@pytest.mark.req("OFF-00")
def test_what_was_said_of_earlier_answers_is_not_said_of_a_later_one(phone: Phone) -> None:
    phone.desk.save = 503
    phone.choose(3)
    expect_line(phone, "kept on this phone")
    phone.desk.save = 204
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    expect(phone.page.locator("#net")).to_have_text("All answers sent")
    phone.desk.save = 401
    phone.choose(4)
    phone.page.wait_for_selector("#login", state="visible")
    assert phone.page.inner_text("#net") == ""


@pytest.mark.req("CAP-14")
def test_a_form_submitted_elsewhere_redirects_to_the_notice(phone: Phone) -> None:
    phone.desk.save = 409
    phone.choose(3)
    expect(phone.page).to_have_title("Closed")
    assert len(phone.stored()) == 1  # for that page's script to deliver
