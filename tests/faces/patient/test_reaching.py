"""The page on which staff change how a participant is reached."""

import re

import pytest

from app.domain.records.access import Role
from app.services.core.context import StaffContext
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.staff_settings import get_participant_reach
from app.storage.tables.participants import Contact
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.beginnings import PERSON
from tests.scenarios.people import START
from tests.scenarios.reminders import WORDS, MailServer
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return PERSON


@pytest.mark.req("PRI-01")
def test_staff_change_the_contact_and_pause_reminders_on_one_page(clinic: ClinicFixture) -> None:
    nurse, server = clinic.browser(Role.NURSE), MailServer()
    clinic.app.state.sender = MessageSender({"email": server}, WORDS)
    url, who = f"{clinic.url}/reminders", clinic.person.row().id
    assert f'href="{url}"' in nurse.get(clinic.url).text
    assert page(nurse, url).one("h1").text == "Contact and reminders"
    typed = {"channel": "email", "address": "li", "reason": "new address"}
    wrong = nurse.post(f"{url}/contact", data=typed)
    assert (wrong.status_code, 'href="#contact-address"' in wrong.text) == (422, True)
    assert 'value="new address"' in wrong.text
    done = nurse.post(f"{url}/contact", data=typed | {"address": "li.na@example.org"})
    assert done.headers["location"] == f"{clinic.url}?done=new_contact"
    assert "the contact details are changed" in nurse.get(done.headers["location"]).text
    assert [letter.to for letter in server.letters] == ["li.na@example.org"]
    with clinic.person.installation.read() as session:
        assert session.get_one(Contact, who).channel == "email"
    for shown in (clinic.url, url):
        assert "entered by staff on Monday, 2 March 2026" in nurse.get(shown).text
    for day, field in ((("2026", "3", "32"), "until"), (("２０２６", "5", "1"), "until")):
        boxes = dict(zip(("until_year", "until_month", "until_day"), day, strict=True))
        wrong = nurse.post(f"{url}/pause", data=boxes | {"reason": "in hospital"})
        assert (wrong.status_code, f'href="#pause-{field}' in wrong.text) == (422, True)
        assert 'value="in hospital"' in wrong.text
    paused = nurse.post(f"{url}/pause", data={"until": "2026-03-05", "reason": "hospital"})
    assert paused.headers["location"] == f"{clinic.url}?done=paused"
    assert re.search("paused until the end of [^<]*5 March 2026", nurse.get(clinic.url).text)
    ended = [nurse.post(f"{url}/pause/end").headers["location"] for _ in range(2)]
    assert ended == [f"{clinic.url}?done=unpaused", clinic.url]
    context = StaffContext(clinic.person.installation, clinic.person.nurse, START)
    assert get_participant_reach(context, who).paused_until is None
    refused = nurse.post(f"{url}/contact/remove", data={"reason": " "})
    assert (refused.status_code, 'href="#removal-reason"' in refused.text) == (422, True)
    removed = nurse.post(f"{url}/contact/remove", data={"reason": "wants none"})
    assert "The contact details are removed." in nurse.get(removed.headers["location"]).text
    assert "There is no address for this person." in nurse.get(url).text
    assert "Remove the contact details" not in nurse.get(url).text
    monitor = clinic.browser(Role.MONITOR)
    assert {monitor.get(url).status_code, monitor.post(f"{url}/pause").status_code} == {403}
    for page_url in (f"{clinic.url}/history", f"/desk/trail?participant={clinic.person.row().subject}"):
        assert "hospital" in page(monitor, page_url).text, page_url  # a reason of one word is nobody's code
