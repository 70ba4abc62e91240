"""The page of an open form: sending a reminder, or why none can go; on both databases."""

from app.web import urls
from app.web.acts import FIELD
from tests.faces.acting import PRESSES
from tests.faces.callers import SiteFixture, caller_as
from tests.faces.rights import Who
from tests.faces.valid_acts import press_as_staff
from tests.markup import parse_page

ROW = ("POST", urls.STAFF_REMINDER)


def test_a_second_press_queues_one_reminder(hospitals: SiteFixture) -> None:
    press = PRESSES[ROW](hospitals)
    form = press.address.removesuffix("/reminder")
    offered = parse_page(press.client.get(form).text)
    assert [each.text for each in offered.all("form", action=press.address)] != []
    first = press.post(press.key())
    assert first.headers["location"].endswith("?done=reminded")
    assert "The reminder is on its way." in press.client.get(first.headers["location"]).text
    after = parse_page(press.client.get(form).text)
    assert not after.all("form", action=press.address)
    assert "Staff have already sent this person a reminder today." in after.text


def test_a_second_colleague_sees_that_a_reminder_was_queued(hospitals: SiteFixture) -> None:
    press = PRESSES[ROW](hospitals)
    old = press.key()
    assert press.post(press.key()).status_code == 303
    answer = press.post(old)
    assert answer.status_code == 409
    (summary,) = parse_page(answer.text).all("div", role="alert")
    assert [link["href"] for link in summary.all("a")] == ["#reminder"]
    assert parse_page(answer.text).all("h2", id="reminder")


def test_where_none_can_go_the_page_says_why_and_offers_nothing(hospitals: SiteFixture) -> None:
    """This person has no address. The words are those of the reader's language."""
    press = press_as_staff(hospitals, urls.STAFF_REMINDER)
    form = press.address.removesuffix("/reminder")
    assert "want reminders, or there is no address" in press.client.get(form).text
    assert not parse_page(press.client.get(form).text).all("form", action=press.address)
    assert press.post(press.key()).status_code == 409
    chosen = {"lang": "zh_CN", FIELD: press.key()}
    assert press.client.post(urls.STAFF_LANGUAGE, data=chosen).status_code == 303
    assert "请改为电话联系。" in press.client.get(form).text


def test_those_who_only_read_are_offered_none(hospitals: SiteFixture) -> None:
    press = PRESSES[ROW](hospitals)
    monitor = caller_as(hospitals, Who.monitor)
    page = monitor.ask("GET", urls.PARTICIPANT_FORM, press.address.removesuffix("/reminder"))
    assert page.status_code == 200
    assert not parse_page(page.text).all("h2", id="reminder")
