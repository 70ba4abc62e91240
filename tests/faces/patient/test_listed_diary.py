"""A diary that begins with a list: without a script on the phone, on paper and at the desk."""

import re
from dataclasses import replace

import pytest
from sqlmodel import col, select

from app.domain.instruments.responses import NOT_TICKED, OPEN
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.patient.forms.screens import answers_leading_to, complete_answers, list_screens
from app.services.accounts.participant_session import lock_device
from app.services.core.context import ParticipantContext
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.participants import Device
from tests.faces import page_samples as samples
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import hidden_of, page
from tests.faces.participant_browsers import Phone, event, heading, invite
from tests.markup import parse_page
from tests.scenarios.people import PIN, START, library

ANSWERED = {"tick_pain": "1", "tick_fever": "1", "pain": "4", "temperature": "38.5"}


@pytest.fixture
def phone(clinic: ClinicFixture) -> Phone:
    clinic.person.randomise(START.date(), START)
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    return phone


def stored_events(phone: Phone) -> list[tuple[str, int | None]]:
    with phone.person.installation.read() as session:
        events = select(AnswerEvent).order_by(col(AnswerEvent.revision))
        return [(row.item, row.value) for row in session.exec(events)]


def stored_answers(phone: Phone) -> dict[str, int | None]:
    """What the draft holds of each item."""
    return dict(stored_events(phone))


def shown_without_script(html: str) -> set[str]:
    """The questions that a reader without a script sees."""
    return {
        code for look, code in re.findall(r'<section class="q( js-only)?" id="s-(\w+)"', html) if not look
    }


@pytest.mark.req("CAP-20")
def test_without_a_script_the_list_comes_first_then_what_is_ticked(phone: Phone) -> None:
    slot = phone.begin("D0")
    assert shown_without_script(phone.client.get(f"/f/{slot}").text) == {"any_symptom"}
    empty = phone.review(slot, {})
    assert "Question 1: you have not answered" in empty.text
    assert "Skip all" not in empty.text, "the list itself has to be answered"
    both = phone.send(slot, {"tick_sleep": "1", "any_symptom": "0"}, reviewed="")
    assert (both.status_code, "You ticked “None of these” and something else." in both.text) == (422, True)
    listed = phone.send(slot, {"tick_pain": "1", "tick_fever": "1"}, reviewed="")
    assert (listed.status_code, listed.headers["location"]) == (303, f"/f/{slot}#s-pain")
    assert shown_without_script(phone.client.get(f"/f/{slot}").text) == {"any_symptom", "pain", "temperature"}
    assert (stored_answers(phone)["pain"], stored_answers(phone)["cough"]) == (OPEN, NOT_TICKED)
    forgot = phone.review(slot, {"tick_pain": "1", "tick_fever": "1"})
    assert re.findall(r"Question (\d): you have not answered", forgot.text) == ["2", "3"], (
        "as they stand there"
    )
    assert "Skip all unanswered questions" in forgot.text
    hot = phone.send(slot, {**ANSWERED, "temperature": "50"}, reviewed="")
    assert (hot.status_code, "Question 3: please check this answer." in hot.text) == (422, True)
    assert parse_page(hot.text).one("input", name="temperature")["value"] == "50", "what was typed stays"
    review = phone.review(slot, ANSWERED)
    assert (review.status_code, heading(review)) == (200, "Check your answers")
    rows = parse_page(review.text).one("dl", id="rows").text
    assert "1. Which of these did you have on this day? Pain · Fever" in rows
    assert ("2. How bad was your pain? 4" in rows, "3. What was your highest" in rows) == (True, True)
    assert "call now" in review.text
    taken_back = phone.review(slot, {**ANSWERED, "tick_fever": ""} | {"blank_pain": "1"})
    assert taken_back.status_code == 200
    fields = {name: value for name, value in hidden_of(taken_back).items() if name not in ("reviewed",)}
    assert phone.send(slot, fields).status_code == 303


def test_unticked_items_are_not_submitted(clinic: ClinicFixture, phone: Phone) -> None:
    slot = phone.begin("D0")
    phone.send(slot, ANSWERED, reviewed="")
    unticked = {name: value for name, value in ANSWERED.items() if name != "tick_pain"}
    review = phone.review(slot, unticked)  # the radio button of the pain is still chosen
    assert "How bad was your pain" not in parse_page(review.text).one("dl", id="rows").text
    assert phone.send(slot, hidden_of(review)).status_code == 303
    with phone.person.installation.read() as session:
        answers = session.exec(select(Response)).one().answers
    assert (answers["pain"], answers["fever"], answers["temperature"]) == (NOT_TICKED, 1, 385)
    nurse, reader = clinic.browser(Role.NURSE), clinic.browser(Role.MONITOR)
    form = f"{clinic.url}/forms/{slot}"
    card = page(reader, form).one("main").text
    assert re.search("Not ticked *: Tiredness · Chest pain · Cough · Shortness of breath", card), card
    assert "3. How bad was your pain? Not ticked Changed once before sending" in card
    proposal = page(nurse, f"{form}/correction?item=pain&item=fever")
    values = [each["value"] for each in proposal.one("select", id="new_fever").all("option")]
    assert values == ["", str(NOT_TICKED), "1"]
    assert proposal.one("select", id="new_pain").all("option")[1].text == "Not ticked"


def test_what_hangs_on_a_tick_is_asked_anew_when_it_is_ticked_again(phone: Phone) -> None:
    """As by the runner: neither the review nor a page shows the answer of before."""
    slot = phone.begin("D0")
    phone.send(slot, ANSWERED, reviewed="")
    phone.send(
        slot, {"any_symptom": "0", "temperature": "38.5"}, reviewed=""
    )  # it is still in its hidden box
    assert (stored_answers(phone)["fever"], stored_answers(phone)["temperature"]) == (NOT_TICKED, OPEN)
    again = phone.send(slot, {"tick_fever": "1"}, reviewed="")
    assert again.headers["location"] == f"/f/{slot}#s-temperature"
    assert parse_page(phone.client.get(f"/f/{slot}").text).one("input", name="temperature")["value"] == ""
    phone.send(slot, {"any_symptom": "0"}, reviewed="")
    number = len(stored_events(phone))
    phone.send(slot, {"any_symptom": "0"}, reviewed="")
    assert len(stored_events(phone)) == number


def test_a_list_without_ticks_that_the_runner_saved_is_reviewed_without_it(phone: Phone) -> None:
    slot = phone.begin("D0")
    phone.save(slot, event(1, "any_symptom", 0))
    review = phone.client.get(f"/f/{slot}/review")
    assert (heading(review), review.text.count("<dt")) == ("Check your answers", 1)


@pytest.mark.req("CAP-21")
def test_paper_offers_not_ticked_beside_each_answer(clinic: ClinicFixture, phone: Phone) -> None:
    nurse, url = clinic.browser(Role.NURSE), f"{clinic.url}/forms/{phone.slot('D0')}/paper"
    paper_page = page(nurse, url)
    labels = [each.text for each in paper_page.one("fieldset", id="item_vomiting").all("label")]
    assert labels[:2] == ["Not ticked", "0: None"]
    assert "A full stop means not ticked." in paper_page.one("main").text
    typed = {"collected_on_year": "2026", "collected_on_month": "3", "collected_on_day": "2"}
    typed |= {"paper": "sheet 2", "reason": "prefers_paper", "a_any_symptom": "1"}
    items = [
        each["id"].removeprefix("item_")
        for each in paper_page.all("fieldset")
        if (each.get("id") or "").startswith("item_")
    ]
    typed |= {f"a_{code}": str(NOT_TICKED) for code in items if code not in ("any_symptom", "temperature")}
    refused = nurse.post(url, data=hidden_of(nurse.get(url)) | typed)
    assert (refused.status_code, "Please tick what was there" in refused.text) == (422, True)
    done = nurse.post(url, data=hidden_of(nurse.get(url)) | typed | {"a_cough": "6"})
    assert done.status_code == 303, parse_page(done.text).one("main").text


def test_the_picture_of_an_item_opens_at_that_item() -> None:
    listed, text = samples.instrument(samples.LISTED, "en")
    at = {item.code: answers_leading_to(listed, item) for item in listed.items}
    assert at["any_symptom"] == {}
    assert at["pain"] == {"any_symptom": 1, "fatigue": 0, "pain": OPEN}
    assert (at["temperature"]["fever"], "temperature" in at["temperature"]) == (1, False)
    assert (at["rash"]["fever"], at["rash"]["rash"]) == (NOT_TICKED, OPEN)
    assert complete_answers(listed)["fever"] == 1
    shown = [
        screen.name
        for screen in list_screens(listed, text, library().get_plan("sbrt-nsclc", "1.1"), samples.assets())
    ]
    assert (shown[:2], "fever" in shown) == (["begin", "any_symptom"], False)


def test_helper_is_asked_weekly_and_after_a_change_of_hands(clinic: ClinicFixture, phone: Phone) -> None:
    """And never carried on unseen: it stands on the card and on the review, with Change."""
    none = {"any_symptom": "0"}
    slot = phone.begin("D0")
    assert 'value="confirmed"' not in phone.client.get("/home").text.replace("\n", "")  # begun already
    changed = phone.client.post(f"/f/{slot}/who", data={"who": "scribe", "scribe": "family"})
    assert changed.headers["location"] == f"/f/{slot}"
    assert phone.client.post(f"/f/{slot}/who", data={"who": "scribe"}).status_code == 422
    assert "Someone else decides" not in phone.client.post(f"/f/{slot}/who", data={"who": "proxy"}).text
    review = phone.review(slot, none)
    assert "You answer, someone else types." in review.text
    phone.send(slot, none)
    with phone.person.installation.read() as session:
        events = session.exec(select(AuditEntry.event).where(AuditEntry.event == AuditEvent.HELPER_CONFIRMED))
        assert len(events.all()) == 1
    days = {}
    for day in range(1, 8):
        clinic.clock.forward(days=1)
        phone.client.post("/unlock", data={"pin": PIN})
        card = phone.client.get("/home").text
        days[day] = "You answer, someone else types." in card
        begin = f"/f/{phone.slot(f'D{day}')}/begin"
        # A page of before somebody else was said to fill in.
        assert phone.client.post(begin, data={"who": "confirmed", "scribe": "self"}).status_code == 422
        response = phone.client.post(begin, data={"who": "confirmed", "scribe": "family"})
        assert response.status_code == (303 if days[day] else 422)
    assert days == {**dict.fromkeys(range(1, 7), True), 7: False}
    third, seventh = phone.person.slot("D3"), phone.person.slot("D7")
    assert (third.helped_by, third.helper_on, seventh.begun_at) == ("family", START.date(), None)
    phone.begin("D7")
    at = clinic.clock.at
    with phone.person.installation.read() as session:
        here = session.exec(select(Device.id).where(Device.helper == "self")).one()
    participant = replace(phone.person.participant(at), device_id=here or 0)
    lock_device(ParticipantContext(phone.person.installation, participant, at))  # as whoever switches does
    clinic.clock.forward(days=1)
    phone.client.post("/unlock", data={"pin": PIN})
    assert "by yourself" not in phone.client.get("/home").text
