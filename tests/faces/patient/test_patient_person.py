"""The pages around the forms: home, what was sent, help, settings, notices."""

import gzip
import shutil
from datetime import date
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import select

from app.domain.people.week_hours import WEEKDAYS
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM
from app.domain.records.dispositions import DispositionKind
from app.i18n.formats import format_receipt
from app.services.accounts.contacts import ContactChannel
from app.services.clinic.open_requests import OpenRequest, close_request, list_open_requests
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.services.people.site_desk import SiteDetails, digest_details, get_site_details, update_site
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.enrolment import EnrolmentEntry, IdentityCheck, enrol_participant
from app.settings import ROOT
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.tables import capture
from tests.applications import Clock, application, open_browser
from tests.faces.participant_browsers import Phone, enrol_only, event, heading, invite, set_up_study
from tests.markup import Element, parse_page
from tests.scenarios.after_baseline import correct_baseline
from tests.scenarios.people import START, Person
from tests.scenarios.site_hours import keep_hours

TODAY = date(2026, 3, 2)


def page(phone: Phone, path: str, status: int = 200) -> Element:
    answer = phone.client.get(path)
    assert answer.status_code == status, answer.text[:500]
    return parse_page(answer.text)


def led(phone: Phone, answer: Response) -> Element:
    """The page that an accepted form leads to."""
    assert answer.status_code == 303, answer.text[:500]
    return page(phone, answer.headers["location"].partition("#")[0])


def link_to(shown: Element, address: str) -> str:
    """The address, which a link of this page leads to."""
    assert shown.all("a", href=address)
    return address


def list_requests(phone: Phone) -> tuple[OpenRequest, ...]:
    return list_open_requests(StaffContext(phone.person.installation, phone.person.nurse, START))


def reached_by_mail(app: FastAPI, person: Person) -> Phone:
    """The phone of somebody who gave an e-mail address when they were enrolled."""
    entry = EnrolmentEntry(
        person.subject,
        "en",
        TODAY,
        "2.1",
        TODAY,
        IdentityCheck.id_card,
        ContactChannel.email,
        "li@example.org",
    )
    enrol_participant(StaffContext(person.installation, person.nurse, START), person.site, entry)
    phone = invite(app, person)
    phone.activate()
    return phone


def leaves(phone: Phone, kind: DispositionKind) -> None:
    person, entry = phone.person, DispositionEntry(kind, TODAY.isoformat(), Owner.site)
    record_disposition(
        StaffContext(person.installation, person.nurse, START), person.site.study_id, person.subject, entry
    )


@pytest.mark.req("CAP-10")
@pytest.mark.parametrize("spoken", ["en", "zh_CN"])
def test_home_is_one_small_request_and_its_stylesheet(phone: Phone, clock: Clock, spoken: str) -> None:
    phone.person.randomise(TODAY, START)
    phone.save(phone.begin(), *(event(number, f"q{number}", 1) for number in range(1, 13)))
    clock.forward(days=1)
    phone.client.post("/unlock", data={"pin": "135790"})
    phone.client.post("/language", data={"lang": spoken})
    answer = phone.client.get("/home", headers={"accept-encoding": "gzip"})
    assert int(answer.headers["content-length"]) <= 3_000
    assert len(gzip.compress(answer.content, 9)) <= 3_000
    shown = parse_page(answer.text)
    loaded = [
        each.get("src") or each["href"]
        for each in shown.walk()
        if each.tag in ("script", "img") or each.get("rel") == "stylesheet"
    ]
    assert [name[-15:] for name in loaded if not name.endswith(("/js/unsent.js", "/js/register.js"))] == [
        "css/daybook.css"
    ]
    cards = shown.all("section", class_="card")
    assert len(cards) == 3
    assert [len(card.all("a", class_="btn")) for card in cards] == [1, 1, 1]
    assert ("12 of 30 answered" in shown.text) is (spoken == "en")
    # Of a diary the answers decide how many questions it has.
    questions, minutes = {"en": ("question", "About "), "zh_CN": ("个问题", "约 ")}[spoken]
    assert [questions in card.text for card in cards] == [True, False, False]
    assert [minutes in card.text for card in cards] == [False, True, True]
    assert {"en": "Quality of life · At the start", "zh_CN": "生活质量 · 研究开始时"}[spoken] in shown.text
    assert shown.one("div", id="unsent", role="status").text == ""
    links = [each["href"] for each in shown.one("ul", class_="links").all("a")]
    assert links == ["/sent", "/calendar", "/settings", "/help/call"]
    words = answer.text
    assert words.index("card") < words.index('class="sos"') < words.index('class="links"')


def test_home_says_what_comes_next_and_promises_a_reminder_only_to_who_gets_one(
    app: FastAPI, phone: Phone
) -> None:
    person = Person(phone.person.installation, phone.person.site, "0571-009")
    reader = reached_by_mail(app, person)
    for each in (phone, reader):
        each.send(each.begin())
        each.person.randomise(TODAY, START)
        each.send(each.begin("D0"), {"any_symptom": "0"})
    assert "Nothing to fill in today. Next form: Tuesday, 3 March 2026." in page(phone, "/home").text
    assert "remind you" not in page(phone, "/home").text
    assert "Next form: Tuesday, 3 March 2026. We will remind you." in page(reader, "/home").text


def test_who_completed_the_study_is_thanked(phone: Phone) -> None:
    phone.send(phone.begin())
    assert "You have completed the study." not in page(phone, "/home").text
    leaves(phone, DispositionKind.completed)
    assert "You have completed the study. Thank you very much." in page(phone, "/home").text


@pytest.mark.req("CAP-04")
def test_the_first_page_names_the_recall_period(phone: Phone) -> None:
    assert page(phone, f"/f/{phone.slot()}").one("b", class_="recall").text == "In the last seven days"


@pytest.mark.req("COR-01", "COR-02")
def test_submitted_forms_are_listed_and_a_correction_requested(phone: Phone) -> None:
    slot = phone.begin()
    assert phone.client.post(f"/sent/{slot}/correction").status_code == 404
    phone.send(slot)
    shown = page(phone, "/sent")
    assert "Quality of life" in shown.text
    assert "2 March 2026, 09:30" in shown.text
    assert "See my answers" not in shown.text
    assert phone.client.get(f"/sent/{slot}").status_code == 404
    assert phone.client.get(f"/sent/{slot}/asked").headers["location"] == "/sent"
    asks = page(phone, link_to(shown, f"/sent/{slot}/correction"))
    assert asks.one("main").one("b").text == "Quality of life · At the start"
    assert "Sent on 2 March 2026, 09:30" in asks.text
    assert asks.one("button", form="act-form").text == "Report a mistake"
    assert list_requests(phone) == ()
    for _ in range(2):
        next_page = led(phone, phone.client.post(f"/sent/{slot}/correction"))
        assert next_page.one("h1").text == "Thank you. We will call you."
        assert "We'll call during these hours: 8-17 ." in next_page.text
    assert len(list_requests(phone)) == 1
    again = page(phone, "/sent")
    assert again.all("a", href=f"/sent/{slot}/correction") == []
    assert "On 2 March 2026, 09:30 you told us that there is a mistake." in again.text
    assert phone.client.put(f"/f/{slot}/answers").status_code == 405
    assert phone.save(slot, event(1, "q1", 4)).status_code == 409
    close_request(
        StaffContext(phone.person.installation, phone.person.nurse, START),
        list_requests(phone)[0].request_id,
        "noted",
    )
    assert page(phone, "/sent").all("a", href=f"/sent/{slot}/correction")
    keep_hours(phone.person, "120", tue="08:00-17:00")  # nobody promises a call on a Monday
    next_page = led(phone, phone.client.post(f"/sent/{slot}/correction"))
    for shown in (next_page, page(phone, "/help/call")):
        assert "Your study team is back on Tuesday, 3 March 2026 and will call you then." in shown.text
        assert "during these hours" not in shown.text


@pytest.mark.req("COR-02", "AUD-01")
def test_a_report_is_withdrawn_until_somebody_acts_on_it(phone: Phone) -> None:
    slot = phone.begin()
    phone.send(slot)
    ask, back = f"/sent/{slot}/correction", f"/sent/{slot}/correction/withdrawal"
    assert page(phone, back).one("h1").text == "There is nothing to withdraw"
    assert phone.client.post(back).status_code == 409
    led(phone, phone.client.post(ask))
    assert phone.client.get(ask).headers["location"] == f"/sent/{slot}/asked"
    next_page = page(phone, link_to(page(phone, "/sent"), back))
    assert "On 2 March 2026, 09:30 you told us that there is a mistake." in next_page.text
    assert [each["href"] for each in next_page.all("a", class_="btn sec")] == ["/sent"]
    shown = led(phone, phone.client.post(back))
    assert "Report withdrawn." in shown.text
    assert "Your study team dealt with your report" not in shown.text
    assert list_requests(phone) == ()
    led(phone, phone.client.post(link_to(shown, ask)))
    correct_baseline(phone.person, START)
    assert page(phone, "/sent").all("a", href=back) == []
    refused = phone.client.post(back)
    assert (refused.status_code, heading(refused)) == (409, "Your report can't be withdrawn now")
    assert len(list_requests(phone)) == 1
    assert phone.client.get("/sent/nobodys/correction/withdrawal").status_code == 404


@pytest.fixture
def open_book(migrated_sqlite_url: str, clock: Clock, tmp_path: Path) -> Phone:
    """Somebody of a study whose plan lets people read what they sent."""
    folder = tmp_path / "questionnaires"
    shutil.copytree(ROOT / "questionnaires", folder)
    plan = folder / "plans" / "sbrt-nsclc" / "1.0.toml"
    shown = plan.read_text("utf-8").replace(
        '\nsecond_check = "pin"\n', '\nsecond_check = "pin"\nshows_answers = true\n'
    )
    plan.write_text(shown, "utf-8")
    lock = (folder / "published.toml").read_text("utf-8").splitlines()
    published = [line for line in lock if not line.startswith('"plans/sbrt-nsclc/1.0.toml"')]
    (folder / "published.toml").write_text("\n".join(published), "utf-8")
    clock.at = START
    app = application(migrated_sqlite_url, clock, DAYBOOK_QUESTIONNAIRES=str(folder))
    installation = set_up_study(app)
    with installation.read() as session:
        site = get_site_by_code(session, get_study(session, "sbrt-nsclc").id, "0571")
    phone = invite(app, enrol_only(Person(installation, site, "0571-001")))
    phone.activate()
    return phone


@pytest.mark.req("COR-01")
def test_answers_are_read_only_where_the_plan_shows_them(open_book: Phone) -> None:
    slot = open_book.begin()
    assert open_book.client.get(f"/sent/{slot}").status_code == 404
    rest = {f"q{number}": "2" for number in range(3, 31)}
    open_book.send(slot, {"q1": "4", "blank_q2": "1"} | rest)
    open_book.client.post("/language", data={"lang": "zh_CN"})
    assert page(open_book, "/sent").all("a", href=f"/sent/{slot}")
    shown = page(open_book, f"/sent/{slot}")
    answers = [each.one("dd").text for each in shown.one("dl", id="rows").all("div")]
    assert (len(answers), answers[1], answers[29]) == (30, "未作答（留空）", "2（最高 7）")
    assert shown.one("button", id="print").get("hidden") is not None
    with open_book.person.installation.read() as session:
        receipt = session.exec(select(capture.Response.public_id)).one()
    assert format_receipt(receipt) in shown.text.replace(" ", "\u00a0")
    assert shown.one("dl", id="rows").all("dt")[0]["lang"] == "en"  # in the words that were answered
    typed = [each for each in shown.walk() if each.tag in ("input", "textarea", "select")]
    assert [each for each in typed if each["type"] != "hidden"] == []
    assert open_book.client.get("/sent/nobodys").status_code == 404


def test_help_says_the_hours_by_day_and_the_number_for_emergencies(app: FastAPI, phone: Phone) -> None:
    context = StaffContext(phone.person.installation, SYSTEM, START)
    work_days = dict.fromkeys(WEEKDAYS[:5], "08:00-11:30, 13:30-17:00")
    details = SiteDetails("Ward", "0571-5550000", "8-17", "0571 110", work_days | {"sun": "09:00-12:00"})
    number = phone.person.site.id
    before = digest_details(get_site_details(context, number).details)
    update_site(context, number, details, before, "hours by day")
    shown = page(phone, "/help")
    assert "Monday to Friday 08:00–11:30 and 13:30–17:00" in shown.text
    assert "Sunday 09:00–12:00" in shown.text
    assert "In an emergency, or outside these hours: 0571 110" in shown.text
    assert "tel:0571110" in [a.get("href") for a in shown.all("a")]
    assert "Monday" not in parse_page(open_browser(app).get("/help").text).text


@pytest.mark.req("AUD-01")
def test_help_asks_for_a_call_once_and_says_when(app: FastAPI, phone: Phone) -> None:
    shown = page(phone, "/help")
    assert "We'll call during these hours: 8-17 ." in shown.text
    assert page(phone, "/home").all("a", href="/help/call")
    assert page(phone, "/settings").all("a", href="/help/call")
    asks = page(phone, link_to(shown, "/help/call"))
    assert "We'll call you on the number you gave your study team." in asks.text
    assert "We'll call during these hours: 8-17 ." in asks.text
    assert asks.one("a", class_="btn sec")["href"] == "/help"
    assert list_requests(phone) == ()
    for _ in range(2):
        next_page = led(phone, phone.client.post(str(asks.one("form", action="/help/call")["action"])))
        assert "You asked for a call on 2 March 2026, 09:30." in next_page.text
        assert "We'll call during these hours: 8-17 ." in next_page.text
        assert next_page.all("a", href="/help/call") == []
    assert [each.kind.value for each in list_requests(phone)] == ["call"]
    assert phone.client.get("/help/call").headers["location"] == "/help#call"
    stranger = open_browser(app)
    assert parse_page(stranger.get("/help").text).all("section", id="call") == []
    assert stranger.post("/help/call").status_code == 401


@pytest.mark.req("AUD-01")
def test_a_requested_call_is_withdrawn_once(phone: Phone) -> None:
    shown = led(phone, phone.client.post("/help/call"))
    back = page(phone, link_to(shown, "/help/call/withdrawal"))
    assert "You asked for a call on 2 March 2026, 09:30." in back.text
    shown = led(phone, phone.client.post(str(back.one("form", action="/help/call/withdrawal")["action"])))
    assert "Request withdrawn." in shown.text
    assert list_requests(phone) == ()
    late = phone.client.post("/help/call/withdrawal")
    assert (late.status_code, heading(late)) == (409, "There is nothing to withdraw")


@pytest.mark.req("IAM-06")
def test_a_locked_phone_asks_for_a_call_and_does_not_withdraw_it(phone: Phone, clock: Clock) -> None:
    phone.client.post("/help/call")
    clock.forward(minutes=16)
    assert phone.client.get("/help/call/withdrawal").status_code == 401
    assert phone.client.post("/help/call/withdrawal").status_code == 401
    assert len(list_requests(phone)) == 1
    assert phone.client.post("/help/call/withdrawal", data={"pin": "135790"}).status_code == 303
    assert list_requests(phone) == ()


@pytest.mark.req("IAM-06")
def test_a_call_can_be_requested_after_an_exit_or_without_the_pin(phone: Phone, clock: Clock) -> None:
    clock.forward(minutes=16)
    assert phone.client.get("/home").status_code == 401
    assert phone.client.post("/help/call").status_code == 303
    nurse = StaffContext(phone.person.installation, phone.person.nurse, START)
    log_contact(nurse, phone.person.row().id, "reached_will_do", "", None, answers_call=True)
    leaves(phone, DispositionKind.withdrew_study)
    gone = page(phone, "/home", 403)
    assert gone.one("h1").text == "There are no more forms for you"
    assert "We won't send you any more messages." in gone.text
    assert gone.one("ul", class_="links").one("a")["href"] == "/help/call"
    assert phone.client.post("/help/call").status_code == 303
    assert len(list_requests(phone)) == 1


@pytest.fixture
def addressed(app: FastAPI, founder: Person) -> Phone:
    return reached_by_mail(app, founder)


def chosen(phone: Phone, path: str, **fields: str) -> Element:
    """The page that a choice in the settings leads to."""
    return led(phone, phone.client.post(path, data=fields))


def said(shown: Element) -> str:
    return shown.one("div", class_="note ok", role="status").text


@pytest.mark.req("PRI-03")
def test_the_text_size_and_the_language_change_at_once_and_say_so(addressed: Phone) -> None:
    shown = page(addressed, "/settings")
    assert shown.one("input", name="size", value="standard").get("checked") == ""
    large = chosen(addressed, "/settings/text-size", size="extra_large")
    assert (said(large), large.all("html")[0]["class"]) == ("Text size changed.", " extra_large")
    assert large.one("input", name="size", value="extra_large").get("checked") == ""
    for path in ("/settings", "/settings/saved/hour"):
        referer = {"referer": f"https://testserver{path}"}
        chinese = addressed.client.post("/language", data={"lang": "zh_CN"}, headers=referer)
        assert said(led(addressed, chinese)) == "语言已更改。"


@pytest.mark.req("PRI-03")
def test_each_setting_of_reminders_saves_at_once_and_says_so(addressed: Phone) -> None:
    shown = page(addressed, "/settings")
    assert "E-mail: l***@example.org" in shown.text
    assert "li@example.org" not in shown.text
    hour = chosen(addressed, "/settings/reminders/hour", hour="20:00")
    assert said(hour) == "Reminder time changed."
    assert hour.one("option", selected="").text == "20:00"
    assert addressed.person.row().remind_at == "20:00"
    days_off = [each["value"] for each in hour.one("select", name="until").all("option")]
    assert (days_off[0], days_off[-1]) == ("2026-03-02", "2026-03-08")
    paused = chosen(addressed, "/settings/reminders/pause", until="2026-03-04")
    assert said(paused) == "Reminders are paused now."
    assert "Reminders are paused until the end of Wednesday, 4 March 2026." in paused.text
    assert said(chosen(addressed, "/settings/reminders/pause")) == "Reminders are on again."
    off = chosen(addressed, "/settings/reminders", wanted="no")
    assert (said(off), off.all("select")) == ("Reminders are off now.", [])
    assert said(chosen(addressed, "/settings/reminders", wanted="yes")) == "Reminders are on now."


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/settings/text-size", {"size": "huge"}, 422),
        ("/settings/reminders", {"wanted": "perhaps"}, 422),
        ("/settings/reminders", {"wanted": "yes"}, 409),
        ("/settings/reminders/hour", {"hour": "07:00"}, 422),
        ("/settings/reminders/pause", {"until": "2026-03-09"}, 422),
        ("/settings/reminders/pause", {"until": "soon"}, 422),
    ],
)
def test_what_cannot_be_set_is_said(phone: Phone, path: str, fields: dict[str, str], status: int) -> None:
    assert "We don't have an e-mail address for reminders." in page(phone, "/settings").text
    refused = phone.client.post(path, data=fields)
    assert refused.status_code == status
    assert refused.text.count("<h1") == 1
