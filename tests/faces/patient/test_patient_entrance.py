"""Coming in by link, by code and by PIN; the idle lock; what strangers see."""

import pytest
from fastapi import FastAPI

from app.domain.plans.plan import Owner
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.core.throttling import CODE_TRIES, code_limits
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.statements.throttle import count_try
from tests.applications import Clock, application, open_browser
from tests.faces.participant_browsers import Phone, heading
from tests.markup import parse_page
from tests.scenarios.people import PIN, START

COOKIE = "__Host-device"


@pytest.mark.req("IAM-10")
def test_looking_at_a_link_changes_nothing_and_using_it_binds(guest: Phone) -> None:
    for _ in range(3):
        seen = guest.client.get(f"/a/{guest.link}")
        assert heading(seen) == "Is this your link? It was made for one person."
        assert "0571\u20115550000" in seen.text
    assert heading(guest.client.post(f"/a/{guest.link}")) == "Choose a PIN"
    done = guest.client.post(f"/a/{guest.link}", data={"pin": PIN, "pin_again": PIN})
    assert (done.status_code, done.headers["location"]) == (303, "/welcome")
    cookie = done.headers["set-cookie"]
    assert cookie.startswith(COOKIE)
    for part in ("Max-Age=34560000", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    home = guest.client.get("/home/ready")
    assert (heading(home), "This phone is ready." in home.text) == ("My forms", True)


@pytest.mark.parametrize(
    ("pin", "again", "words"),
    [
        ("12345", "12345", "Please enter six numbers."),
        ("222222", "222222", "This PIN is easy to guess."),
        (PIN, "135791", "The two PINs are not the same."),
    ],
)
def test_a_pin_that_cannot_be_taken_is_said_why(guest: Phone, pin: str, again: str, words: str) -> None:
    response = guest.client.post(f"/a/{guest.link}", data={"pin": pin, "pin_again": again})
    assert (response.status_code, words in response.text, pin in response.text) == (422, True, False)
    assert COOKIE not in response.headers.get("set-cookie", "")


def test_a_used_link_is_worth_nothing_to_others_and_leads_its_own_phone_home(
    app: FastAPI, phone: Phone
) -> None:
    stranger = open_browser(app)
    for answer in (
        stranger.get(f"/a/{phone.link}"),
        stranger.post(f"/a/{phone.link}", data={"pin": PIN, "pin_again": PIN}),
    ):
        assert (answer.status_code, heading(answer)) == (404, "This link does not work")
    again = phone.client.get(f"/a/{phone.link}")
    assert (again.status_code, again.headers["location"]) == (303, "/home")


def lose_the_answer(phone: Phone) -> None:
    """The browser pressed twice, or its connection broke: what the first answer set never came."""
    probe = phone.client.cookies["__Host-probe"]
    phone.client.cookies.clear()
    phone.client.cookies.set("__Host-probe", probe)


@pytest.mark.req("IAM-10")
@pytest.mark.parametrize("by", ["link", "code"])
def test_who_pressed_twice_is_let_in_by_the_link_that_they_used(
    app: FastAPI, guest: Phone, clock: Clock, by: str
) -> None:
    """As often as they ask for within the hour, in that browser alone, and as one phone."""
    path, secret = (f"/a/{guest.link}", {}) if by == "link" else ("/code", {"code": guest.code})
    typed = {**secret, "pin": PIN, "pin_again": PIN, "probe": "1"}
    guest.client.get(path)
    assert guest.client.post(path, data=typed).headers["location"] == "/welcome"
    for _press in ("second", "third"):
        lose_the_answer(guest)
        assert guest.client.post(path, data=typed).headers["location"] == "/welcome"
        assert guest.client.get("/welcome").status_code == 200
    assert guest.client.post(path, data=typed).headers["location"] == "/home", "by Back, and sent again"
    listed = parse_page(guest.client.get("/settings/devices").text)
    assert len(listed.one("main").all("ul", class_="list")[0].all("li")) == 1
    stranger = open_browser(app)
    stranger.get("/code")
    assert stranger.post(path, data=typed).status_code in (404, 422)
    assert not [name for name in stranger.cookies if "device" in name]
    clock.forward(hours=1)
    lose_the_answer(guest)
    assert guest.client.post(path, data=typed).status_code in (404, 422)


def test_the_sheet_scanned_again_after_a_lost_answer_leads_in(guest: Phone) -> None:
    guest.client.get(f"/a/{guest.link}")
    guest.activate()
    lose_the_answer(guest)
    again = guest.client.get(f"/a/{guest.link}")
    assert (again.status_code, again.headers["location"]) == (303, "/welcome")
    assert guest.client.get("/home").status_code == 200
    guest.client.post("/settings/leave", data=dict(page_key(guest)))
    lose_the_answer(guest)
    assert heading(guest.client.get(f"/a/{guest.link}")) == "This link does not work"


def page_key(phone: Phone) -> list[tuple[str, str]]:
    fields = parse_page(phone.client.get("/settings/leave").text).all("input", type="hidden")
    return [(str(each["name"]), str(each["value"])) for each in fields]


def test_a_code_leads_in_as_well(guest: Phone) -> None:
    assert heading(guest.client.get("/code")) == "Enter your code"
    chosen = guest.client.post("/code", data={"code": guest.code.lower()})
    assert heading(chosen) == "Choose a PIN"
    assert f'value="{guest.code.lower()}"' in chosen.text
    done = guest.client.post("/code", data={"code": guest.code, "pin": PIN, "pin_again": PIN})
    assert (done.status_code, heading(guest.client.get("/home"))) == (303, "My forms")


@pytest.mark.req("IAM-12")
def test_a_right_code_passes_after_wrong_ones_from_the_same_address(app: FastAPI, guest: Phone) -> None:
    """One address, many people: others of the hospital mistyped theirs."""
    others = [open_browser(app).post("/code", data={"code": "ABCD2345"}) for _ in range(5)]
    assert [answer.status_code for answer in others] == [404] * 5
    assert heading(guest.client.post("/code", data={"code": guest.code})) == "Choose a PIN"


@pytest.mark.req("IAM-12")
def test_guessed_codes_are_slowed_down(guest: Phone) -> None:
    for _ in range(CODE_TRIES):
        count_try(guest.person.installation.engine, code_limits("testclient"), START)
    answer = guest.client.post("/code", data={"code": "ABCD2345"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert "There were too many tries." in answer.text
    assert guest.client.post("/code", data={"code": guest.code}).status_code == 429
    assert guest.client.post("/a/a-link-that-nobody-was-given").status_code == 429
    guest.activate()


def test_a_browser_without_cookies_gets_a_notice(guest: Phone) -> None:
    guest.activate()
    guest.client.cookies.clear()
    for path in ("/welcome", "/home/ready"):
        assert heading(guest.client.get(path)) == "Your browser does not keep cookies"


@pytest.mark.req("IAM-10")
def test_a_browser_without_cookies_spends_neither_link_nor_code(guest: Phone) -> None:
    client, typed = guest.client, {"probe": "1", "pin": PIN, "pin_again": PIN}
    for path, secret in ((f"/a/{guest.link}", {}), ("/code", {"code": guest.code})):
        assert parse_page(client.get(path).text).one("input", name="probe")["value"] == "1"
        client.cookies.clear()
        response = client.post(path, data=secret | typed)
        assert (response.status_code, heading(response)) == (400, "Your browser does not keep cookies")
        assert "0571\u20115550000" in response.text
        client.cookies.clear()
    assert heading(client.get(f"/a/{guest.link}")) == "Is this your link? It was made for one person."
    done = client.post(f"/a/{guest.link}", data=typed)
    assert (done.status_code, done.headers["location"]) == (303, "/welcome")


@pytest.mark.req("IAM-10")
@pytest.mark.parametrize("first", ["/", "/home", "/a/of-nobody-and-long-enough", "/code"])
def test_a_code_mistyped_at_first_is_no_fault_of_the_browser(app: FastAPI, guest: Phone, first: str) -> None:
    """Whichever page a strange browser begins at: one that asks whether it keeps cookies gives it one."""
    browser = open_browser(app)
    form = {"probe": "1"} if parse_page(browser.get(first).text).all("input", name="probe") else {}
    wrong = browser.post("/code", data={"code": "ABCD2345", **form})
    assert heading(wrong) == "Enter your code"
    assert parse_page(wrong.text).one("input", name="probe")["value"] == "1"
    right = browser.post("/code", data={"code": guest.code, "probe": "1"})
    assert (right.status_code, heading(right)) == (200, "Choose a PIN")


@pytest.mark.req("CAP-10")
def test_a_phone_that_lost_its_cookie_comes_back_with_a_code(phone: Phone) -> None:
    code = parse_page(phone.client.post("/settings/devices").text).one("p", class_="code").text
    phone.client.cookies.clear()
    lost = phone.client.get("/home")
    assert (lost.status_code, heading(lost)) == (401, "This phone is not logged in")
    form = parse_page(lost.text).one("form", action="/code")
    came = phone.client.post(str(form["action"]), data={"code": code, "pin": PIN})
    assert came.headers["location"] == "/welcome"
    assert phone.client.get("/home").status_code == 200


def test_an_old_link_says_what_to_do_and_takes_a_code(app: FastAPI, phone: Phone) -> None:
    old = parse_page(open_browser(app).get(f"/a/{phone.link}").text)
    assert "Each link works once and for a limited time." in old.text
    assert old.one("form", action="/code").all("input", name="code")


def test_every_page_renews_the_cookie(phone: Phone) -> None:
    assert "Max-Age=34560000" in phone.client.get("/home").headers["set-cookie"]


def test_an_idle_browser_locks_and_goes_on_where_it_was(phone: Phone, clock: Clock) -> None:
    slot = phone.begin()
    clock.forward(minutes=16)
    locked = phone.client.get(f"/f/{slot}")
    assert (locked.status_code, heading(locked)) == (401, "You were away for a while")
    assert "Quality" not in locked.text
    wrong = phone.client.post("/unlock", data={"pin": "000001", "back": f"/f/{slot}"})
    assert (wrong.status_code, "This PIN is not right." in wrong.text) == (403, True)
    assert f'name="back" value="/f/{slot}"' in wrong.text
    right = phone.client.post("/unlock", data={"pin": PIN, "back": f"/f/{slot}"})
    assert right.headers["location"] == f"/f/{slot}"
    assert phone.client.get(f"/f/{slot}").status_code == 200


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/desk", "/f/../desk", ""])
def test_the_lock_redirects_only_to_own_pages(phone: Phone, back: str) -> None:
    assert phone.client.post("/unlock", data={"pin": PIN, "back": back}).headers["location"] == "/home"


@pytest.mark.req("IAM-12")
def test_guessed_pins_are_slowed_down(phone: Phone, clock: Clock) -> None:
    clock.forward(minutes=16)
    answers = [phone.client.post("/unlock", data={"pin": "000001"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert "Please wait a little" in answers[-1].text
    clock.forward(hours=1)
    assert phone.client.post("/unlock", data={"pin": PIN}).status_code == 303


def test_a_form_submitted_after_the_lock_is_stored_with_the_pin(phone: Phone, clock: Clock) -> None:
    slot = phone.begin()
    clock.forward(minutes=40)
    locked = phone.send(slot, {"q1": "4", "blank_q2": "1"}, reviewed="0", action="save")
    assert (locked.status_code, heading(locked)) == (401, "You were away for a while")
    for field in ('name="q1" value="4"', 'name="blank_q2" value="1"', f'action="/f/{slot}/submit"'):
        assert field in locked.text
    wrong = phone.send(slot, {"q1": "4"}, reviewed="0", action="save", pin="000001")
    assert (wrong.status_code, 'name="q1" value="4"' in wrong.text, "000001" in wrong.text) == (
        403,
        True,
        False,
    )
    done = phone.send(slot, {"q1": "4"}, reviewed="0", action="save", pin=PIN)
    assert done.headers["location"] == "/home/saved"
    assert "1 of 30 answered" in phone.client.get("/home/saved").text


def test_leaving_forgets_the_browser(phone: Phone) -> None:
    response = phone.client.post("/settings/leave")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert phone.client.get("/home").status_code == 401


@pytest.mark.req("IAM-06")
def test_who_withdrew_is_thanked_on_every_page(phone: Phone) -> None:
    person, slot = phone.person, phone.begin()
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site)
    record_disposition(
        StaffContext(person.installation, person.nurse, START),
        person.site.study_id,
        person.subject,
        withdrawal,
    )
    for path in ("/home", "/sent", "/settings", f"/f/{slot}", f"/f/{slot}/done"):
        answer = phone.client.get(path)
        assert (answer.status_code, heading(answer)) == (403, "There are no more forms for you")
    assert phone.client.post(f"/f/{slot}/begin", data={"who": "self"}).status_code == 403
    assert phone.send(slot, {}, reviewed="0").status_code == 403
    quarantined = phone.send(slot)
    assert (quarantined.status_code, heading(quarantined)) == (409, "Your answers have arrived")
    assert phone.client.get("/help").status_code == 200


def test_help_is_there_for_everybody(app: FastAPI, phone: Phone) -> None:
    assert "0571\u20115550000" in phone.client.get("/help").text
    assert "the number on your sheet" in open_browser(app).get("/help").text
    chinese = open_browser(app, accept_language="zh-CN")
    for path in ("/home", "/code"):
        assert "有问题请拨打说明单上的电话。" in chinese.get(path).text


@pytest.mark.req("SEC-07")
def test_a_dead_link_and_an_unknown_one_show_the_number_of_the_installation(
    phone: Phone, migrated_sqlite_url: str, clock: Clock
) -> None:
    """Nobody is known there, so that it can be no site's."""
    settings = {"DAYBOOK_HELP_PHONE": "400-555 0100"}
    stranger = open_browser(application(migrated_sqlite_url, clock, **settings))
    dead, unknown = stranger.get(f"/a/{phone.link}"), stranger.get(f"/a/{'x' * 32}")
    assert dead.text == unknown.text
    for answer in (unknown, stranger.get("/code"), stranger.get("/help"), stranger.get("/home")):
        assert 'href="tel:4005550100">400\u2011555\u00a00100</a>' in answer.text
        assert "the number on your sheet" not in answer.text
    assert "5550100" not in stranger.get("/desk/sign-in").text


def test_the_language_of_the_way_in_stays(guest: Phone) -> None:
    guest.client.post("/language", data={"lang": "zh_CN"})
    assert 'lang="zh-Hans"' in guest.client.get(f"/a/{guest.link}").text
    guest.activate()
    assert guest.person.row().language == "zh_CN"
    guest.client.post("/language", data={"lang": "en"})
    assert guest.person.row().language == "en"
    assert heading(guest.client.get("/settings")) == "Settings"


def test_a_device_is_named_coarsely(guest: Phone) -> None:
    guest.client.headers["user-agent"] = "Mozilla/5.0 (Linux; Android 13; M2012K11AC) MicroMessenger/8.0"
    guest.activate()
    assert guest.client.get("/unlock").status_code == 200
    with guest.person.installation.read() as session:
        (label,) = session.connection().exec_driver_sql("SELECT label FROM device").scalars()
    assert label == "MicroMessenger"
