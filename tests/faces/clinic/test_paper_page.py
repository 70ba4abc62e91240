"""The page on which a paper form is entered: plain radio buttons, and nothing typed is ever lost."""

import pytest

from app.web import urls
from app.web.acts import FIELD
from tests.faces.acting import PRESSES
from tests.faces.callers import SiteFixture
from tests.faces.valid_acts import Press, press_as_staff
from tests.markup import Element, parse_page

DAY = {"collected_on_year": "２０２６", "collected_on_month": "3", "collected_on_day": "2"}
ALL = {f"a_q{number}": "2" for number in range(1, 31)} | {"paper": "binder 2", "reason": "no_device"}


def chosen(page: Element, item: str) -> list[str]:
    radios = page.all("input", type="radio", name=f"a_{item}")
    return [each["value"] for each in radios if each.get("checked") is not None]


def send(press: Press, **changed: str) -> tuple[int, Element]:
    answer = press.client.post(press.address, data={**ALL, **DAY, **changed, FIELD: press.key()})
    return answer.status_code, parse_page(answer.text)


@pytest.mark.req("CAP-21")
def test_what_is_wrong_is_named_and_everything_else_stays_as_it_was_typed(here: SiteFixture) -> None:
    press = press_as_staff(here, urls.PAPER_ENTRY)
    page = parse_page(press.client.get(press.address).text)
    assert [each["value"] for each in page.all("input", name="a_q1")] == ["1", "2", "3", "4", "blank"]
    assert chosen(page, "q1") == []
    status, page = send(press, a_q7="", a_q8="blank", paper="binder 2, p. 9")
    assert status == 422
    assert page.one("div", role="alert").one("a")["href"] == "#item_q7"
    assert "7" in page.one("div", role="alert").text
    assert (chosen(page, "q7"), chosen(page, "q8"), chosen(page, "q9")) == ([], ["blank"], ["2"])
    assert page.one("input", id="paper")["value"] == "binder 2, p. 9"
    assert page.one("fieldset", id="item_q7")["class"] == "bad"
    status, page = send(press, collected_on_day="31", collected_on_month="2")
    assert (status, page.one("div", role="alert").one("a")["href"]) == (422, "#collected_on")
    assert page.one("input", id="collected_on_day")["value"] == "31"


@pytest.mark.req("IAM-09")
def test_the_page_of_the_form_says_that_it_came_from_paper_and_who_entered_it(here: SiteFixture) -> None:
    press = press_as_staff(here, urls.PAPER_ENTRY)
    answer = press.client.post(press.address, data={**ALL, **DAY, FIELD: press.key()})
    form = parse_page(press.client.get(answer.headers["location"]).text)
    text = form.one("main").text
    assert "The paper form is entered." in text
    assert "filled in on Monday, 2 March 2026 · “ binder 2 ” · Has no suitable phone" in text
    assert "Shown as on paper, entered by staff" in text
    assert "Entered from paper · version 1" in text
    assert "Started ·" not in text
    choices = parse_page(press.client.get(press.address.partition("/forms/")[0] + "/paper").text)
    assert "No form of this participant is open or missed" in choices.one("main").text
    assert press.client.get(press.address).status_code == 409


def test_a_choice_between_two_entries_keeps_what_was_chosen(here: SiteFixture) -> None:
    press = PRESSES["POST", urls.PAPER_DIFFERENCES](here)
    text = parse_page(press.client.get(press.address).text).one("main").text
    assert "first entry · nurse-0" in text
    assert "second entry · nurse-1" in text
    news = press.client.get(f"{press.address.partition('/paper')[0]}?done=paper").text
    assert "A second person has entered the sheet, and differently" in news
    assert "The second entry is stored" not in news, "which is for who made it"
    status = press.client.post(press.address, data={**press.body, "c_q1": "", FIELD: press.key()})
    page = parse_page(status.text)
    assert (status.status_code, page.one("div", role="alert").one("a")["href"]) == (422, "#choice_q1")
    assert page.one("input", id="reason")["value"] == "as it is"
    done = press.client.post(press.address, data={**press.body, FIELD: press.key()})
    settled = parse_page(press.client.get(done.headers["location"]).text).one("main").text
    assert "The differences are settled. The answers you chose" in settled
    assert (
        "settled, and became the form's answers: “ as it is ”" in settled
    )  # a decision's reason, no entry's
    assert ("differed from the first entry" in settled, "outside the window" in settled) == (True, False)
    assert press.client.get(press.address).status_code == 409
